//! Injectors that are killed for the memory of their cgroup.

use std::fs;
use std::time::Instant;

use chaos_core::Chaos;
use chaos_core::ledger::sweep;
use chaos_k8s::Node;

use crate::group::Group;
use crate::injector::Injector;
use crate::support::{Need, Test};
use crate::victim::{Victim, block_on, wait_until};

pub(crate) const TESTS: &[Test] = &[
    ("an_injector_that_is_killed_for_memory_v1", &[Need::Root, Need::Ptrace, Need::Cgroup1], alone),
    ("an_injector_that_is_killed_for_memory_v2", &[Need::Root, Need::Ptrace, Need::Cgroup2], alone),
    ("a_guardian_that_is_spared_outlives_its_cgroup", &[Need::Root, Need::Cgroup2], as_one),
];

/// Room for the injector and its guardian, and not for more.
const ROOM: u64 = 96 << 20;

/// The guardian is in the injector's cgroup, as every child is, and the out-of-memory killer takes the largest first.
fn alone() {
    for job in ["pause", "stop"] {
        let (victim, group) = (Victim::counts(), Group::new());
        group.limit_memory(ROOM);
        let mut injector = Injector::within(&group, job, victim.pid());
        let guardian = guardian(&group);
        assert_eq!(injector.eat(), Some(9));
        let killed = Instant::now();
        println!(
            "{job}: the injector was killed for its memory ({} kills), it goes on after {:?}",
            group.oom_kills(),
            victim.goes_on_after(killed)
        );
        assert!(group.oom_kills() > 0);
        wait_until("the guardian is done", || injector.ledger_is_done() && !lives(guardian));
        assert!(injector.log().contains("the injector died"), "{}", injector.log());
    }
}

/// Where the cgroup is killed as one (`memory.oom.group`, as Kubernetes sets it), only who has an oom_score_adj of -1000
/// stays: a guardian with CAP_SYS_RESOURCE. Without, the sweep does it.
fn as_one() {
    let (victim, group) = (Victim::counts(), Group::new());
    group.limit_memory(ROOM);
    fs::write(group.main().join("memory.oom.group"), "1").unwrap();
    let mut injector = Injector::within(&group, "stop", victim.pid());
    let guardian = guardian(&group);
    let is_spared = fs::read_to_string(format!("/proc/{guardian}/oom_score_adj")).unwrap().trim() == "-1000";
    assert_eq!(injector.eat(), Some(9));
    let killed = Instant::now();
    if is_spared {
        println!("with memory.oom.group it goes on after {:?}", victim.goes_on_after(killed));
    } else {
        println!("no CAP_SYS_RESOURCE: the guardian dies with its cgroup");
        wait_until("both are dead", || !lives(guardian));
        assert_eq!(victim.states(), "T");
        let undos = Node::new(&Chaos::random()).undos().unwrap();
        assert!(block_on(sweep(injector.ledger(), &undos)).unwrap().is_clean());
        victim.goes_on_after(killed);
    }
    wait_until("all is done", || injector.ledger_is_done() && !lives(guardian));
}

/// The guardian of the injector in a cgroup.
fn guardian(group: &Group) -> u32 {
    let pids = fs::read_to_string(group.main().join("cgroup.procs")).unwrap();
    let is_guardian = |pid: &u32| {
        fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default().contains("--chaos-guardian")
    };
    pids.lines().map(|pid| pid.parse().unwrap()).find(is_guardian).unwrap()
}

fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
}
