//! [`Item`]: one fault at one target, with its kind erased, so that one experiment can hold different kinds.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::error::Result;
#[cfg(all(feature = "ledger", unix))]
use crate::fault::Owner;
use crate::fault::{Fault, Observed, Plan, Undo};
#[cfg(all(feature = "ledger", unix))]
use crate::ledger::Entry;
use crate::point::{Live, Operation, Rule, RuleStats};
use crate::target::{Approved, Target};

pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One fault at one target.
pub(crate) trait Item: Send + Sync {
    fn unit(&self) -> &'static str;
    fn name(&self) -> String;
    fn id(&self) -> String;
    fn change(&self) -> &str;
    #[cfg(all(feature = "ledger", unix))]
    fn owner(&self) -> Owner;
    fn is_reversible(&self) -> bool;
    #[cfg(all(feature = "ledger", unix))]
    fn entry(&self) -> Result<Entry>;
    /// How long an inject or a look may take.
    fn takes_at_most(&self) -> Duration;
    fn inject(&self) -> BoxFuture<'_, Result<()>>;
    /// It may last so long from now on.
    fn extend(&self, lasting: Duration) -> BoxFuture<'_, Result<()>>;
    fn observe(&self) -> BoxFuture<'_, Result<Observed>>;
    fn revert(&self) -> BoxFuture<'_, Result<()>>;
    fn is_gone(&self) -> BoxFuture<'_, Result<bool>>;
    /// Takes back what is left, while the fault stays in force at others.
    fn let_go(&self) -> BoxFuture<'_, Result<()>>;

    /// Reverts without waiting, where that is possible; false where it is not.
    fn revert_now(&self) -> bool {
        false
    }

    /// The counters of a rule.
    fn stats(&self) -> Option<RuleStats> {
        None
    }

    /// The point of a rule, when nothing is attached to it.
    fn unattached(&self) -> Option<String> {
        None
    }
}

pub(crate) struct FaultItem<F: Fault> {
    pub(crate) fault: Arc<F>,
    pub(crate) target: Approved<F::Target>,
    pub(crate) plan: Plan<F::Undo>,
}

impl<F: Fault> FaultItem<F> {
    fn via(&self) -> &<F::Undo as Undo>::Via {
        self.fault.via(&self.target)
    }
}

impl<F: Fault> Item for FaultItem<F> {
    fn unit(&self) -> &'static str {
        F::Target::UNIT
    }
    fn name(&self) -> String {
        self.target.name()
    }
    fn id(&self) -> String {
        self.target.id()
    }
    fn change(&self) -> &str {
        self.plan.change()
    }
    #[cfg(all(feature = "ledger", unix))]
    fn owner(&self) -> Owner {
        self.plan.owner()
    }
    fn is_reversible(&self) -> bool {
        self.plan.is_reversible()
    }
    #[cfg(all(feature = "ledger", unix))]
    fn entry(&self) -> Result<Entry> {
        Entry::of(&self.name(), self.unit(), self.change(), self.plan.undo())
    }
    fn takes_at_most(&self) -> Duration {
        self.fault.takes_at_most()
    }
    fn inject(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.fault.inject(&self.target, self.plan.undo()))
    }
    fn extend(&self, lasting: Duration) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let target = self.target.clone().lasting_at_most(Some(lasting));
            self.fault.extend(&target, self.plan.undo()).await
        })
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed>> {
        Box::pin(self.fault.observe(&self.target, self.plan.undo()))
    }
    fn revert(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.plan.undo().revert(self.via()))
    }
    fn is_gone(&self) -> BoxFuture<'_, Result<bool>> {
        Box::pin(self.plan.undo().is_gone(self.via()))
    }
    fn let_go(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.fault.let_go(&self.target, self.plan.undo()))
    }
}

/// A rule at its point: the same, with the rule's counters and a revert that waits for nothing.
pub(crate) struct RuleItem<Op: Operation + 'static> {
    pub(crate) inner: FaultItem<Rule<Op>>,
    pub(crate) live: OnceLock<Arc<Live<Op>>>,
}

impl<Op: Operation + 'static> RuleItem<Op> {
    fn remember(&self) {
        if let Some(live) = self.inner.target.find(self.inner.plan.undo().id()) {
            // Set by the first look after the inject; later looks find the same one.
            let _ = self.live.set(live);
        }
    }
}

impl<Op: Operation + 'static> Item for RuleItem<Op> {
    fn unit(&self) -> &'static str {
        self.inner.unit()
    }
    fn name(&self) -> String {
        self.inner.name()
    }
    fn id(&self) -> String {
        self.inner.id()
    }
    fn change(&self) -> &str {
        self.inner.change()
    }
    #[cfg(all(feature = "ledger", unix))]
    fn owner(&self) -> Owner {
        self.inner.owner()
    }
    fn is_reversible(&self) -> bool {
        true
    }
    #[cfg(all(feature = "ledger", unix))]
    fn entry(&self) -> Result<Entry> {
        self.inner.entry()
    }
    fn takes_at_most(&self) -> Duration {
        self.inner.takes_at_most()
    }
    fn inject(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let armed = self.inner.inject().await;
            self.remember();
            armed
        })
    }
    fn extend(&self, lasting: Duration) -> BoxFuture<'_, Result<()>> {
        self.inner.extend(lasting)
    }
    fn observe(&self) -> BoxFuture<'_, Result<Observed>> {
        self.inner.observe()
    }
    fn revert(&self) -> BoxFuture<'_, Result<()>> {
        self.inner.revert()
    }
    fn is_gone(&self) -> BoxFuture<'_, Result<bool>> {
        self.inner.is_gone()
    }
    fn let_go(&self) -> BoxFuture<'_, Result<()>> {
        self.inner.let_go()
    }
    fn revert_now(&self) -> bool {
        self.inner.target.disarm(self.inner.plan.undo().id());
        true
    }
    fn stats(&self) -> Option<RuleStats> {
        self.live.get().map(|live| live.stats())
    }
    fn unattached(&self) -> Option<String> {
        (!self.inner.target.is_attached()).then(|| self.inner.target.name().to_owned())
    }
}
