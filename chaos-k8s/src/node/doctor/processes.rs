//! Processes: pauses, identities, clocks.

use std::path::Path;

use super::finding::{Finding, State};

pub(super) fn look() -> Vec<Finding> {
    vec![
        Finding {
            group: "processes",
            name: "pause",
            what_for: "processes that stand still until this program lets them go, or dies",
            brought_by: "CAP_SYS_PTRACE where kernel.yama.ptrace_scope is 2; nothing where it is 3",
            without: "SIGSTOP, undone by a guardian",
            state: ptrace(),
        },
        Finding {
            group: "processes",
            name: "time namespace",
            what_for: "clock offsets for programs that are started",
            brought_by: "Linux 5.6 with CONFIG_TIME_NS",
            without: "every other fault",
            state: match Path::new("/proc/self/ns/time").exists() {
                true => State::Works,
                false => State::Missing { because: "no /proc/self/ns/time".into() },
            },
        },
    ]
}

/// Yama's rule (Documentation/admin-guide/LSM/Yama.rst): 3 forbids it to all, 2 to all but CAP_SYS_PTRACE.
fn ptrace() -> State {
    let Ok(scope) = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope") else {
        return State::Works;
    };
    let may =
        || caps::has_cap(None, caps::CapSet::Effective, caps::Capability::CAP_SYS_PTRACE).unwrap_or(false);
    match scope.trim() {
        "3" => {
            State::Missing { because: "kernel.yama.ptrace_scope is 3: nobody may until the next boot".into() }
        }
        "1" | "2" if !may() => {
            State::Missing { because: format!("kernel.yama.ptrace_scope is {}", scope.trim()) }
        }
        _ => State::Works,
    }
}
