//! [`DiskFull`]: a disk with so much room left.

use std::fmt;
use std::sync::Arc;

use chaos_core::Rule;

use super::per_rule::PerRule;
use super::{Effect, rule};
use crate::operation::Io;

/// Writes go on for so many bytes, all writers under the rule together, and then fail with ENOSPC
/// ([`StorageFull`](std::io::ErrorKind::StorageFull)). The write that meets the end is short, as POSIX has it.
///
/// With 0 the disk is full at once. The room is counted from the arming of the rule and given back by its revert.
pub fn disk_full(after_bytes: u64) -> Rule<Io> {
    rule(Effect::DiskFull(DiskFull::new(after_bytes)))
}

#[derive(Debug, Clone)]
pub(crate) struct DiskFull {
    after: u64,
    used: Arc<PerRule<u64>>,
}

impl DiskFull {
    pub(crate) fn new(after: u64) -> Self {
        Self { after, used: Arc::default() }
    }

    /// Takes room for `wanted` bytes under `rule`, or for what is left of it; 0 is a full disk.
    pub(crate) fn take(&self, rule: &Arc<str>, wanted: usize) -> usize {
        self.used.with(rule, |used| {
            let left = usize::try_from(self.after.saturating_sub(*used)).unwrap_or(usize::MAX);
            let taken = wanted.min(left);
            *used += taken as u64;
            taken
        })
    }

    /// Gives room back that was taken and not written.
    pub(crate) fn give_back(&self, rule: &Arc<str>, bytes: usize) {
        self.used.with(rule, |used| *used = used.saturating_sub(bytes as u64));
    }
}

impl fmt::Display for DiskFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "disk full after {} bytes", self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_taken_once_and_given_back() {
        let (disk, rule): (_, Arc<str>) = (DiskFull::new(10), "rule".into());
        assert_eq!((disk.take(&rule, 7), disk.take(&rule, 7), disk.take(&rule, 1)), (7, 3, 0));
        disk.give_back(&rule, 2);
        assert_eq!(disk.take(&rule, 7), 2);
        assert_eq!(disk.take(&"another".into(), 70), 10);
    }
}
