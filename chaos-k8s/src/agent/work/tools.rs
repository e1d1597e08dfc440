//! [`Tools`]: what every item is put in force with.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chaos_core::units::secs;
use chaos_core::{BlastRadius, Chaos, Error, Fault, Guardian, Injection, Ledger, Mode, Result, Targets};

use crate::node::Node;

/// How long after its time the injector is not waited for any more: what it has not taken back by then is taken back
/// without it.
pub(super) const MARGIN: Duration = secs(5);

pub(super) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

#[derive(Debug, Clone)]
pub(super) struct Tools {
    pub(super) chaos: Chaos,
    pub(super) node: Node,
    pub(super) ledger: Arc<Ledger>,
    pub(super) guardian: Guardian,
}

impl Tools {
    /// Puts `fault` in force at all of `targets`, and sees it there. What the controller has picked is all that is hit.
    pub(super) async fn inject<F: Fault>(
        self,
        fault: F,
        targets: Vec<F::Target>,
        lasting: Duration,
    ) -> Result<Injection> {
        let count = u32::try_from(targets.len()).map_err(|_| Error::invalid("too many targets"))?;
        let on = fault.on(Targets::these(targets)?, Mode::ALL);
        let inject = self.chaos.inject(on, BlastRadius::count(count)?);
        inject.ledger(self.ledger).guardian(self.guardian, lasting).begin().await
    }
}
