//! What is wanted no more gives away what still waits in it, and is then taken away.

use std::time::{Duration, Instant};

use chaos_core::Result;

use super::space::Space;
use crate::node::net::kernel::{Handle, Kind};
use crate::node::net::plan::{Branch, ClassKey};

/// How often it is looked.
pub(super) const EVERY: Duration = Duration::from_millis(3);
/// A longer delay is cut short: nobody waits an hour for a revert.
const LONGEST: Duration = Duration::from_secs(5);
/// For what the machine adds to a delay.
const GRACE: Duration = Duration::from_millis(200);

/// A class that no packet is sent to any more.
#[derive(Debug, Clone)]
pub(super) struct Draining {
    pub(super) key: ClassKey,
    number: u16,
    class: Handle,
    leaf: Option<Handle>,
    /// How long its packets wait at most.
    pub(super) wait: Duration,
    /// Looked at and found empty so often.
    empty: u32,
}

impl Draining {
    pub(super) fn new(number: u16, branch: Branch) -> Self {
        let delays = branch.chain.iter().map(|qdisc| match &qdisc.kind {
            Kind::Netem(options) => {
                let nanos = options.latency.saturating_add(options.jitter.saturating_mul(4));
                Duration::from_nanos(nanos.saturating_add(options.slot.max))
            }
            _ => Duration::ZERO,
        });
        let rate = branch.chain.iter().any(|qdisc| match &qdisc.kind {
            Kind::Netem(options) => options.rate > 0,
            _ => true,
        });
        let wait = if rate { LONGEST } else { delays.sum::<Duration>().saturating_add(GRACE).min(LONGEST) };
        Self {
            number,
            class: branch.class.handle,
            leaf: branch.chain.first().map(|qdisc| qdisc.handle),
            key: branch.key,
            wait,
            empty: 0,
        }
    }
}

impl Space {
    /// One look: takes away what has nothing more to give, or at the deadline what has. Whether nothing drains any more.
    pub(super) fn drain(&mut self, deadline: Instant) -> Result<bool> {
        let late = Instant::now() >= deadline;
        let mut left = Vec::new();
        // Children come before their parents, which have no qdisc.
        let mut draining = std::mem::take(&mut self.draining);
        draining.sort_by_key(|class| class.leaf.is_none());
        for mut class in draining {
            let Some(&link) = self.links.get(&class.number) else { continue };
            let waiting = match class.leaf {
                Some(leaf) => self.kernel.waiting(link, leaf)?,
                None => u32::from(!left.is_empty()),
            };
            class.empty = if waiting == 0 { class.empty + 1 } else { 0 };
            // Twice: a packet that another processor was looking at may come after the first.
            if class.empty >= 2 || late {
                self.kernel.delete_class(link, class.class)?;
            } else {
                left.push(class);
            }
        }
        self.draining = left;
        if self.sidings.drain(&mut self.kernel)? {
            self.forget_sidings()?;
        }
        if !(self.draining.is_empty() && self.sidings.are_drained()) {
            return Ok(false);
        }
        let idle: Vec<_> =
            self.links.keys().copied().filter(|key| !self.tree.devices.contains_key(key)).collect();
        for number in idle {
            if let Some(link) = self.links.remove(&number) {
                self.kernel.delete_link(link)?;
            }
        }
        Ok(true)
    }
}
