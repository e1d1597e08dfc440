//! An agent whose container is killed whole, and started again with the directory that outlives it.

use std::fs;
use std::path::Path;

use chaos_core::units::secs;
use chaos_k8s::agent::spec::{ContainerProcesses, Item, PodNetwork, Restart, SignalData, Spec, Which};
use chaos_k8s::agent::status::{Ending, ItemState, Said};
use chaos_k8s::node::process::{self, Signal as Number};
use rustix::process::Signal;

use crate::agent::{Agent, send, wait_until};
use crate::container::Container;
use crate::network::partition;
use crate::node::{NetnsDir, addresses};
use crate::scene::{PEER, PORT, Scene, at};
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] = &[
    ("a_restart_takes_back_what_is_left_and_ends", &[Need::Root, Need::Nft], revert),
    ("a_restart_goes_on_until_the_same_moment_and_repeats_nothing", &[Need::Root, Need::Nft], resume),
];

/// A partition, which the kernel takes back, and a stopped process, which only an undo does.
fn spec(dir: &Path, container: &Container, kept_in: &Path, restart: Restart) -> Spec {
    Spec::lasting(secs(300))
        .kept_in(kept_in, restart)
        .fault("cut", partition())
        .fault("stopped", process::stop())
        .item(Item::new("shop/cart-0", PodNetwork::of(addresses()).in_dir(dir), "cut"))
        .item(Item::new("shop/cart-0 web", ContainerProcesses::of(container.id(), Which::First), "stopped"))
}

/// Guardian and injector at once, so that neither does anything for the other.
pub(crate) fn kill_whole(agent: &mut Agent) {
    let injector = agent.injector();
    agent.send(Signal::STOP);
    send(injector, Signal::KILL);
    agent.send(Signal::KILL);
    agent.was_killed_whole();
}

fn revert() {
    let (scene, container, home) = (Scene::new(), Container::new(), tempfile::tempdir().unwrap());
    let dir = NetnsDir::with(&[&scene]);
    let client = scene.client();
    let spec = spec(dir.path(), &container, home.path(), Restart::Revert);
    let mut first = Agent::start(&spec);
    first.in_force(0);
    first.in_force(1);
    assert!(client.one(at(PEER, PORT)).is_none() && container.state() == 'T');
    kill_whole(&mut first);
    wait_until("the kernel takes back what is its", || client.one(at(PEER, PORT)).is_some());
    assert_eq!(container.state(), 'T', "and nothing else");
    let mut second = Agent::start(&spec);
    second.ends(Ending::Restarted);
    assert!(container.state() == 'S' && scene.left().is_empty());
    let said = second.said();
    assert!(said.contains("Swept") && said.contains("restarts: 1"), "{said}");
    assert!(!said.contains("Prepared"), "{said}");
    // A third has nothing to do, and does nothing.
    let end = Agent::start(&spec).ends(Ending::Restarted);
    assert!(end.detail.contains("start before"), "{}", end.detail);
    assert_eq!(fs::read_dir(home.path().join("ledger")).unwrap().count(), 0);
    // Of another run it is not.
    let mut other = spec.clone();
    other.run = chaos_core::ledger::RunId::fresh();
    let end = Agent::start(&other).ends(Ending::Unable);
    assert!(end.detail.contains("of its own"), "{}", end.detail);
}

fn resume() {
    let (scene, container, home) = (Scene::new(), Container::new(), tempfile::tempdir().unwrap());
    let (dir, victim) = (NetnsDir::with(&[&scene]), Container::new());
    let mut another = victim.another();
    let client = scene.client();
    let first_of = ContainerProcesses::of(victim.id(), Which::First);
    let spec = spec(dir.path(), &container, home.path(), Restart::Resume)
        .fault("killed", SignalData::once(Number::KILL))
        .item(Item::new("shop/cart-1 web", first_of, "killed"));
    let mut first = Agent::start(&spec);
    (0..3).for_each(|number| drop(first.in_force(number)));
    assert_eq!(victim.state(), 'Z');
    first.counts(secs(300));
    let left_at_first = first.log().reader.beat().unwrap().left_ms;
    std::thread::sleep(secs(1));
    kill_whole(&mut first);
    wait_until("the kernel takes back what is its", || client.one(at(PEER, PORT)).is_some());
    let mut second = Agent::start(&spec);
    second.in_force(0);
    second.in_force(1);
    assert!(client.one(at(PEER, PORT)).is_none() && container.state() == 'T');
    let killed = second.item(2, |_| true);
    assert!(
        matches!(&killed, ItemState::Skipped { why } if why.contains("before the restart")),
        "{killed:?}"
    );
    assert!(another.lives(), "the first process of its container by now");
    let left = second.log().reader.hello().unwrap().left_ms;
    assert!(left + 1000 <= left_at_first, "the time goes on");
    let began = second
        .log()
        .lines
        .iter()
        .find(|line| matches!(line.said, Said::Beat(_)))
        .map(|line| line.said.clone());
    if let Some(Said::Beat(beat)) = began {
        assert!(beat.left_ms <= left, "and is not counted anew");
    }
    let swept = second.log().lines.iter().any(|line| matches!(line.said, Said::Swept { clean: true, .. }));
    assert!(swept, "{}", second.said());
    second.send(Signal::TERM);
    second.ends(Ending::Signal);
    assert!(client.one(at(PEER, PORT)).is_some() && container.state() == 'S' && scene.left().is_empty());
    // What was told to end stays so.
    Agent::start(&spec).ends(Ending::Signal);
}
