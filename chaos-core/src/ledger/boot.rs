//! When and where a run happened: the boot of the machine, the process, the wall clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

const UNKNOWN: &str = "unknown";

/// One boot of one kernel: `/proc/sys/kernel/random/boot_id` (`random(4)`), a UUID made anew at each boot. Where the
/// kernel has no such file it is unknown, and unknown is never the same boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct BootId(String);

impl BootId {
    pub(super) fn current() -> Self {
        let read = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        Self::parse(&read)
    }

    fn parse(text: &str) -> Self {
        let text = text.trim();
        let is_uuid = text.len() == 36 && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        Self(if is_uuid { text } else { UNKNOWN }.to_owned())
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.0 != UNKNOWN && self.0 == other.0
    }
}

/// The start of this process in clock ticks since boot: field 22 of `/proc/self/stat` (`proc_pid_stat(5)`). With the
/// pid it names a process that a successor of the same pid is not.
pub(super) fn process_start() -> Option<u64> {
    start_in_stat(&std::fs::read_to_string("/proc/self/stat").ok()?)
}

fn start_in_stat(stat: &str) -> Option<u64> {
    // Field 2 is the program's name in brackets and may hold spaces and brackets itself.
    let (_, from_state) = stat.rsplit_once(')')?;
    from_state.split_ascii_whitespace().nth(22 - 3)?.parse().ok()
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

pub(super) fn wall_millis() -> u64 {
    u64::try_from(since_epoch().as_millis()).unwrap_or(u64::MAX)
}

/// Nanoseconds since 1970, so that records of two runs in one millisecond still have an order. Good until 2554.
pub(super) fn wall_nanos() -> u64 {
    u64::try_from(since_epoch().as_nanos()).unwrap_or(u64::MAX)
}

pub(super) fn wall_time(nanos: u64) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_nanos(nanos)).unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_uuid_is_unknown_and_unknown_is_never_the_same_boot() {
        let unknown = BootId::parse("");
        assert!(!unknown.is_same(&unknown));
        let known = BootId::parse("0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0\n");
        assert!(known.is_same(&known.clone()) && !known.is_same(&unknown));
    }

    #[test]
    fn a_program_name_with_brackets_does_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987654 11 12";
        assert_eq!(start_in_stat(stat), Some(987_654));
        assert_eq!(start_in_stat("7 (cut off) S 1"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_kernel_tells_both() {
        assert!(BootId::current().is_same(&BootId::current()));
        assert!(process_start().is_some());
    }
}
