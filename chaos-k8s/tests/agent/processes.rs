//! Signals and pauses of a container's processes.

use chaos_core::units::secs;
use chaos_k8s::agent::spec::{
    ContainerCgroup, ContainerProcesses, FaultData, Item, Restart, SignalData, Spec, Which,
};
use chaos_k8s::agent::status::{Ending, ItemState};
use chaos_k8s::node::process::{self, Signal as Number};
use rustix::process::Signal;

use crate::agent::{Agent, send, wait_until};
use crate::container::Container;
use crate::restart::kill_whole;
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] = &[
    ("a_container_stands_still_and_goes_on", &[Need::Root, Need::Ptrace], pause),
    ("a_container_is_killed_once", &[Need::Root], kill),
    ("a_container_is_frozen_and_goes_on_whoever_dies", &[Need::Root], freeze),
    ("all_of_a_container_are_killed", &[Need::Root], kill_all),
];

pub(crate) fn spec(container: &Container, which: Which, fault: impl Into<FaultData>) -> Spec {
    let processes = ContainerProcesses::of(container.id(), which);
    Spec::lasting(secs(300)).fault("it", fault).item(Item::new("shop/cart-0 web", processes, "it"))
}

pub(crate) fn spec_of_cgroup(container: &Container, fault: impl Into<FaultData>) -> Spec {
    let cgroup = ContainerCgroup::of(container.id());
    Spec::lasting(secs(300)).fault("it", fault).item(Item::new("shop/cart-0 web", cgroup, "it"))
}

/// On cgroup v1 a frozen process does not die: a test that fails must not leave it so.
struct Thawed<'a>(&'a Container);

impl Drop for Thawed<'_> {
    fn drop(&mut self) {
        self.0.group.thaw();
    }
}

fn freeze() {
    let (container, other) = (Container::new(), Container::new());
    let _thawed = Thawed(&container);
    let spec = spec_of_cgroup(&container, process::freeze());
    let mut agent = Agent::start(&spec);
    agent.in_force(0);
    assert!(container.group.is_frozen() && !other.group.is_frozen());
    agent.send(Signal::TERM);
    agent.ends(Ending::Signal);
    assert!(!container.group.is_frozen());
    // The injector dies, and its guardian thaws it.
    let mut agent = Agent::start(&spec_of_cgroup(&container, process::freeze()));
    agent.in_force(0);
    assert!(container.group.is_frozen());
    send(agent.injector(), Signal::KILL);
    wait_until("it goes on", || !container.group.is_frozen());
    agent.was_killed();
    // Both die, and the next start with the same directory does.
    let home = tempfile::tempdir().unwrap();
    let spec = spec_of_cgroup(&container, process::freeze()).kept_in(home.path(), Restart::Revert);
    let mut agent = Agent::start(&spec);
    agent.in_force(0);
    kill_whole(&mut agent);
    assert!(container.group.is_frozen());
    let mut agent = Agent::start(&spec);
    agent.ends(Ending::Restarted);
    assert!(!container.group.is_frozen());
}

fn kill_all() {
    let (container, other) = (Container::new(), Container::new());
    let mut another = container.another();
    let mut agent = Agent::start(&spec_of_cgroup(&container, process::kill_all()));
    agent.in_force(0);
    assert_eq!(container.state(), 'Z');
    assert!(!another.lives() && other.state() == 'S');
    agent.send(Signal::TERM);
    agent.ends(Ending::Signal);
}

fn pause() {
    let (container, other) = (Container::new(), Container::new());
    let mut agent = Agent::start(&spec(&container, Which::All, process::pause()));
    agent.in_force(0);
    assert_eq!((container.state(), other.state()), ('t', 'S'));
    agent.send(Signal::TERM);
    agent.ends(Ending::Signal);
    assert_eq!(container.state(), 'S');
    // The other way is the guardian's to undo.
    let mut agent = Agent::start(&spec(&container, Which::Named("sleep".into()), process::stop()));
    agent.in_force(0);
    assert_eq!((container.state(), other.state()), ('T', 'S'));
    agent.send(Signal::TERM);
    agent.ends(Ending::Signal);
    wait_until("it goes on", || container.state() == 'S');
    let mut agent = Agent::start(&spec(&container, Which::Named("awake".into()), process::stop()));
    agent.ends(Ending::Nothing);
    let state = agent.item(0, |_| true);
    assert!(matches!(&state, ItemState::Failed { error } if error.contains("called awake")), "{state:?}");
}

fn kill() {
    let container = Container::new();
    let mut another = container.another();
    let mut agent = Agent::start(&spec(&container, Which::First, SignalData::once(Number::KILL)));
    agent.in_force(0);
    assert_eq!(container.state(), 'Z');
    assert!(another.lives(), "it is not the first");
    agent.send(Signal::TERM);
    agent.ends(Ending::Signal);
    assert!(another.lives());
}
