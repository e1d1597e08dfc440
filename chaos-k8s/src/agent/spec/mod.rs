//! [`Spec`]: what an agent is to do, as data. It travels as base64 in one environment variable.
//!
//! ```
//! use chaos_core::units::{ms, secs};
//! use chaos_k8s::agent::spec::{Item, PodNetwork, Spec};
//! use chaos_k8s::node::net::{self, Flow};
//!
//! let slow = net::delay(ms(200)).to(Flow::peer("10.96.0.7")?.port(5432)?.tcp());
//! let cart = PodNetwork::of(["10.244.1.2".parse().unwrap()]);
//! let spec = Spec::lasting(secs(60)).fault("slow database", slow).item(Item::new("shop/cart-0", cart, "slow database"));
//! let text = spec.encode()?;                          // for the variable `Spec::VARIABLE`
//! assert_eq!(Spec::decode(&text)?, spec);
//! # Ok::<(), chaos_core::Error>(())
//! ```

mod encoded;
mod fault;
mod item;
mod target;
#[cfg(test)]
mod tests;
mod token;
mod version;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use chaos_core::ledger::RunId;
use chaos_core::units::duration::{self, brief};
use chaos_core::units::secs;
use chaos_core::{Error, Result};
use serde::{Deserialize, Serialize};

pub use fault::{AllKilled, FaultData, Power, SignalData};
pub use item::Item;
pub use target::{
    ContainerCgroup, ContainerProcesses, Host, Machine, NodeNetwork, NodeProcesses, OwnCgroup, OwnNetwork,
    PodNetwork, TargetData, Which,
};
pub use token::Token;
use version::Version;

/// More than a node can run pods (kubelet's `maxPods` is 110 by default, 500 are in use), with several faults each.
const MOST_ITEMS: usize = 4096;

/// What an agent is to do: faults by name, and the items that say which fault is where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[must_use = "a spec does nothing until an agent gets it"]
pub struct Spec {
    version: Version,
    /// The run it is of. The agent's socket has its name.
    pub run: RunId,
    /// What orders over the socket must show.
    pub token: Token,
    /// How long the faults last, counted on the node's monotonic clock from the moment when they are in force: when all items
    /// have come to their turn for the first time. A restart does not count anew.
    #[serde(with = "duration")]
    pub lasting: Duration,
    /// How long after its start an agent may put items in force, 1 s to 10 min; 30 s unless said. What is not in force by
    /// then is skipped. Until the items are in force, the agent goes on for `starting` and `lasting` at most.
    #[serde(default = "starting", with = "duration")]
    pub starting: Duration,
    /// Up to how long orders may extend `lasting`, counted from the same moment; not at all unless said.
    #[serde(default, with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Duration>,
    /// What to do when the agent is started again before that, having been killed.
    #[serde(default)]
    pub restart: Restart,
    /// A directory that outlives the agent's process (an `emptyDir`): for its ledger, and for how far it got.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_in: Option<PathBuf>,
    /// A file with orders, for an agent in a pod of its own: [`Orders`](super::control::Orders) says how it gets there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orders: Option<PathBuf>,
    /// How often it is looked whether the faults are still in force.
    #[serde(default = "look_every", with = "duration")]
    pub look_every: Duration,
    /// The second since 1970, by the node's wall clock, after which an agent does not begin any more: an ephemeral container
    /// cannot be taken away, and may start long after whoever wanted it has gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<u64>,
    /// Of the draws of faults with a probability; from the node's randomness unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The faults, by names of the spec's own.
    pub faults: BTreeMap<String, FaultData>,
    /// What is done, each with its number from 0, by which the status tells of it.
    pub items: Vec<Item>,
}

/// What an agent does that finds the work of one before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// Takes back what is left, and ends.
    #[default]
    Revert,
    /// Takes back what is left, and puts the faults in force again until the same moment as before. What happens once (a
    /// signal) and was done is not done again.
    Resume,
}

fn look_every() -> Duration {
    secs(5)
}

fn starting() -> Duration {
    secs(30)
}

impl Spec {
    /// The environment variable that an agent reads it from.
    pub const VARIABLE: &'static str = "CHAOS_AGENT_SPEC";
    /// The longest [encoded](Spec::encode) spec, in bytes: the kernel takes 128 KiB for a variable with its name
    /// (execve(2), `MAX_ARG_STRLEN`).
    pub const LONGEST: usize = (128 << 10) - Self::VARIABLE.len() - 2;
    /// The longest time that faults last or are extended to: 7 days.
    pub const LONGEST_TIME: Duration = secs(7 * 24 * 3600);

    /// A spec of a run of its own without faults and items, which is no spec yet.
    pub fn lasting(lasting: Duration) -> Self {
        Self {
            version: Version,
            run: RunId::fresh(),
            token: Token::fresh(),
            lasting,
            starting: starting(),
            at_most: None,
            restart: Restart::default(),
            kept_in: None,
            orders: None,
            look_every: look_every(),
            not_after: None,
            seed: None,
            faults: BTreeMap::new(),
            items: Vec::new(),
        }
    }

    /// A fault, by a name for items to say. The same name twice is the later one.
    pub fn fault(mut self, name: impl Into<String>, fault: impl Into<FaultData>) -> Self {
        self.faults.insert(name.into(), fault.into());
        self
    }

    /// One thing to do more.
    pub fn item(mut self, item: Item) -> Self {
        self.items.push(item);
        self
    }

    /// Kept in this directory, with what a restart does.
    pub fn kept_in(mut self, dir: impl Into<PathBuf>, restart: Restart) -> Self {
        (self.kept_in, self.restart) = (Some(dir.into()), restart);
        self
    }

    /// Orders are taken from this file too, as whoever may write it gives them, without the token. It is looked at every
    /// 500 ms.
    pub fn orders_from(mut self, path: impl Into<PathBuf>) -> Self {
        self.orders = Some(path.into());
        self
    }

    /// Orders may extend it up to this long.
    pub fn at_most(mut self, at_most: Duration) -> Self {
        self.at_most = Some(at_most);
        self
    }

    /// Up to how long after the agent's first start a fault may be in force: the time for starting, and the longest that
    /// the faults last.
    pub fn longest(&self) -> Duration {
        self.starting.saturating_add(self.most())
    }

    /// Up to how long the faults last.
    pub(super) fn most(&self) -> Duration {
        self.at_most.unwrap_or(self.lasting)
    }

    /// The fault of an item.
    ///
    /// # Errors
    /// The spec has none of that name.
    pub fn fault_of(&self, item: &Item) -> Result<&FaultData> {
        self.faults.get(&item.fault).ok_or_else(|| {
            Error::invalid(format!(
                "there is no fault {:?}: name it in `faults`, or correct the item",
                item.fault
            ))
        })
    }

    /// The spec with another fault in place of the one of this name, as [`Order::Replace`](super::control::Order) asks it of
    /// an agent at work.
    ///
    /// # Errors
    /// [`refused`](Error::is_refused) for a fault that is not a network fault: only those are replaced while they are in
    /// force. Invalid where there is none of that name, for a fault of another kind, and for one with which the spec would
    /// be none: it does not [check](Spec::check), or is too [long](Spec::LONGEST).
    pub fn replaced(mut self, name: &str, with: FaultData) -> Result<Self> {
        let Some(fault) = self.faults.get_mut(name) else {
            return Err(Error::invalid(format!(
                "there is no fault {name:?} to replace: name one of the spec's"
            )));
        };
        match (&*fault, &with) {
            (FaultData::Network(_), FaultData::Network(_)) => *fault = with,
            (FaultData::Network(_), other) => {
                return Err(Error::invalid(format!(
                    "fault {name:?} is a network fault, and {} cannot take its place: a fault's kind does not change",
                    other.kind()
                )));
            }
            (other, _) => {
                return Err(Error::refused(format!(
                    "fault {name:?} is {}, and only network faults are replaced while they are in force",
                    other.kind()
                )));
            }
        }
        self.encode().map(|_| self)
    }

    /// Refuses what cannot be done, as far as that can be told without a look at the node. Reading and writing check too.
    ///
    /// # Errors
    /// Nothing to do, or too much; a time out of range; a fault that is not there, of no item, or not for such a target;
    /// and whatever the fault or the target says is wrong with it.
    pub fn check(&self) -> Result<()> {
        self.check_times()?;
        self.check_paths()?;
        if self.items.is_empty() {
            return Err(Error::invalid("a spec without items does nothing: name at least one"));
        }
        if self.items.len() > MOST_ITEMS {
            let count = self.items.len();
            return Err(Error::invalid(format!(
                "{count} items are more than {MOST_ITEMS}: use several agents"
            )));
        }
        for (name, fault) in &self.faults {
            fault.check().map_err(|error| error.context(format!("fault {name:?}")))?;
        }
        for (number, item) in self.items.iter().enumerate() {
            self.fault_of(item)
                .and_then(|fault| item.check(fault))
                .map_err(|error| error.context(format!("item {number} ({:?})", item.name)))?;
        }
        let used: BTreeSet<&str> = self.items.iter().map(|item| item.fault.as_str()).collect();
        match self.faults.keys().find(|name| !used.contains(name.as_str())) {
            Some(name) => {
                Err(Error::invalid(format!("fault {name:?} is of no item: name an item, or leave it out")))
            }
            None => Ok(()),
        }
    }

    fn check_paths(&self) -> Result<()> {
        match self.kept_in.iter().chain(&self.orders).find(|path| !path.is_absolute()) {
            Some(path) => {
                Err(Error::invalid(format!("{} is relative: write the whole path", path.display())))
            }
            None => Ok(()),
        }
    }

    fn check_times(&self) -> Result<()> {
        if self.lasting.is_zero() {
            return Err(Error::invalid("a spec that lasts no time does nothing: give it some"));
        }
        if self.most() > Self::LONGEST_TIME {
            return Err(Error::invalid(format!(
                "{} is longer than {}, the longest that faults last",
                brief(self.most()),
                brief(Self::LONGEST_TIME)
            )));
        }
        if self.most() < self.lasting {
            return Err(Error::invalid(format!(
                "at most {} is less than the {} that it lasts anyway",
                brief(self.most()),
                brief(self.lasting)
            )));
        }
        if !(secs(1)..=secs(600)).contains(&self.starting) {
            return Err(Error::invalid(format!(
                "{} for starting is not in 1s..=10min",
                brief(self.starting)
            )));
        }
        if !(secs(1)..=secs(300)).contains(&self.look_every) {
            return Err(Error::invalid(format!(
                "a look every {} is not in 1s..=300s",
                brief(self.look_every)
            )));
        }
        match &self.kept_in {
            None if self.restart == Restart::Resume => Err(Error::invalid(
                "resuming after a restart needs a directory that outlives the process: give `kept-in`",
            )),
            _ => Ok(()),
        }
    }
}
