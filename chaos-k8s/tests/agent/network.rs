//! The networks of pods, by their files, and the agent's own.

use std::fs;
use std::path::Path;

use chaos_core::units::{ms, secs};
use chaos_k8s::agent::spec::{Item, OwnNetwork, PodNetwork, Spec};
use chaos_k8s::agent::status::{Ending, ItemState, Said};
use chaos_k8s::node::net::{self, DnsEffect, Flow, NetFault};
use domain::base::Rtype;
use rustix::process::Signal;

use crate::agent::{Agent, command};
use crate::asking::{Asker, Came};
use crate::node::{NetnsDir, addresses};
use crate::scene::{OTHER, PEER, PORT, Scene, at};
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] = &[
    ("a_pod_s_network_is_found_by_its_addresses_and_cut", &[Need::Root, Need::Nft], cut),
    ("a_pod_s_network_is_slow_as_asked", &[Need::Root, Need::Nft, Need::Netem], slow),
    ("a_pod_s_names_fail", &[Need::Root, Need::Nft], names),
    ("the_own_network_is_the_pod_s", &[Need::Root, Need::Nft], own),
    ("a_network_that_was_meant_and_is_not_there_is_refused", &[Need::Root, Need::Nft], refused),
    ("a_network_that_goes_is_seen", &[Need::Root, Need::Nft], goes),
];

pub(crate) fn partition() -> NetFault<net::Effect> {
    net::drop().between(Flow::peer(PEER).unwrap())
}

/// Cuts the scene's target off its peer.
pub(crate) fn spec(dir: &Path) -> Spec {
    Spec::lasting(secs(300)).fault("cut", partition()).item(Item::new(
        "shop/cart-0",
        PodNetwork::of(addresses()).in_dir(dir),
        "cut",
    ))
}

fn cut() {
    let (scene, other) = (Scene::new(), crate::support::Scratch::new());
    let mut dir = NetnsDir::with(&[&scene]);
    // What else may lie there: another pod, a file whose network is gone, a pipe that would block, a link to nowhere.
    dir.add("cni-other", &other.path());
    fs::write(dir.path().join("cni-gone"), "").unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        dir.path().join("pipe"),
        rustix::fs::FileType::Fifo,
        0o600.into(),
        0,
    )
    .unwrap();
    std::os::unix::fs::symlink("/nowhere", dir.path().join("link")).unwrap();
    let (client, before) = (scene.client(), scene.state());
    let mut agent = Agent::start(&spec(dir.path()));
    let prepared = agent.item(0, |_| true);
    let seen = agent.in_force(0);
    assert!(seen.contains("drop"), "{seen}");
    assert_eq!(client.one(at(PEER, PORT)), None);
    assert!(client.one(at(OTHER, PORT)).is_some(), "another peer");
    agent.send(Signal::TERM);
    let end = agent.ends(Ending::Signal);
    assert!(end.left.is_empty() && end.detail.is_empty());
    assert!(client.one(at(PEER, PORT)).is_some());
    assert_eq!(scene.state(), before);
    let ItemState::Reverted { detail } = agent.item(0, |_| true) else { panic!("{}", agent.said()) };
    assert!(detail.contains("packets met") && !detail.contains(" 0 packets"), "{detail}");
    let lines = agent.log();
    assert!(matches!(&lines.lines[0].said, Said::Hello(hello) if hello.items == 1 && hello.restarts == 0));
    let plan = lines.lines.iter().find_map(|line| match &line.said {
        Said::Item(status) => match &status.state {
            ItemState::Prepared { target, plan, owner } => Some((target.clone(), plan.clone(), *owner)),
            _ => None,
        },
        _ => None,
    });
    let (target, plan, owner) = plan.unwrap_or_else(|| panic!("{prepared:?}"));
    assert_eq!(target, format!("net:[{}]", inode(&scene)));
    assert!(plan.contains("cni-0") && plan.contains("drop"), "{plan}");
    assert_eq!(owner, chaos_core::Owner::Kernel);
}

pub(crate) fn inode(scene: &Scene) -> u64 {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(scene.path()).unwrap().ino()
}

fn slow() {
    let scene = Scene::new();
    let dir = NetnsDir::with(&[&scene]);
    let client = scene.client();
    let spec = Spec::lasting(secs(300))
        .fault("slow", net::delay(ms(150)).to(Flow::peer(PEER).unwrap().port(PORT).unwrap().udp()))
        .item(Item::new("shop/cart-0", PodNetwork::of(addresses()).in_dir(dir.path()), "slow"));
    let mut agent = Agent::start(&spec);
    agent.in_force(0);
    client.about(at(PEER, PORT), ms(150));
    client.about(at(OTHER, PORT), ms(0));
    agent.send(Signal::TERM);
    agent.ends(Ending::Signal);
    client.about(at(PEER, PORT), ms(0));
    assert_eq!(scene.left(), "");
}

fn names() {
    let scene = Scene::new();
    let dir = NetnsDir::with(&[&scene]);
    let fault = net::dns(DnsEffect::NxDomain).names("*.shop").unwrap().server(PEER.parse().unwrap());
    let spec = Spec::lasting(secs(300)).fault("no names", fault).item(Item::new(
        "shop/cart-0",
        PodNetwork::of(addresses()).in_dir(dir.path()),
        "no names",
    ));
    let mut agent = Agent::start(&spec);
    agent.in_force(0);
    let answer = scene.target.inside(|| Asker::udp(PEER).ask("db.shop", Rtype::A));
    assert_eq!(answer, Came::Code(3));
    agent.send(Signal::TERM);
    agent.ends(Ending::Signal);
    assert_eq!(scene.left(), "");
}

fn own() {
    let scene = Scene::new();
    let client = scene.client();
    let network = OwnNetwork { addresses: addresses().into() };
    let spec = Spec::lasting(secs(300)).fault("cut", partition()).item(Item::new(
        "shop/cart-0",
        network.clone(),
        "cut",
    ));
    let mut agent = scene.target.inside(|| Agent::start(&spec));
    agent.in_force(0);
    assert_eq!(client.one(at(PEER, PORT)), None);
    agent.send(Signal::TERM);
    agent.ends(Ending::Signal);
    assert!(client.one(at(PEER, PORT)).is_some());
    assert_eq!(scene.left(), "");
    // In another pod than was meant.
    let spec =
        Spec::lasting(secs(300)).fault("cut", partition()).item(Item::new("shop/cart-0", network, "cut"));
    let mut agent = scene.peer.inside(|| Agent::start(&spec));
    agent.ends(Ending::Nothing);
    let ItemState::Failed { error } = agent.item(0, |_| true) else { panic!("{}", agent.said()) };
    assert!(error.contains("not in the pod or on the node that was meant"), "{error}");
}

fn refused() {
    let (one, two) = (Scene::new(), Scene::new());
    let dir = NetnsDir::with(&[&one, &two]);
    let found = |file: Option<&str>, inode| PodNetwork {
        file: file.map(str::to_owned),
        inode,
        ..PodNetwork::of(addresses()).in_dir(dir.path())
    };
    let elsewhere = PodNetwork::of(["10.99.0.1".parse().unwrap()]);
    let spec = Spec::lasting(secs(300))
        .fault("cut", partition())
        .item(Item::new("both have the addresses", found(None, None), "cut"))
        .item(Item::new("another pod's by now", found(Some("cni-0"), Some(inode(&two))), "cut"))
        .item(Item::new("no such file", found(Some("cni-7"), None), "cut"))
        .item(Item::new("not here", elsewhere.clone().in_dir(dir.path()), "cut"))
        .item(Item::new("no such directory", elsewhere.in_dir("/nowhere"), "cut"))
        .item(Item::new("this one", found(Some("cni-1"), Some(inode(&two))), "cut"));
    let before = one.state();
    let client = (one.client(), two.client());
    let mut agent = Agent::start(&spec);
    for (number, said) in
        ["both have", "made anew", "cni-7", "no network in", "cannot be read"].iter().enumerate()
    {
        let state = agent.item(number.try_into().unwrap(), |_| true);
        assert!(matches!(&state, ItemState::Failed { error } if error.contains(said)), "{said}: {state:?}");
    }
    agent.in_force(5);
    assert!(client.0.one(at(PEER, PORT)).is_some() && client.1.one(at(PEER, PORT)).is_none());
    assert_eq!(one.state(), before);
    agent.send(Signal::TERM);
    agent.ends(Ending::Signal);
}

fn goes() {
    let scene = Scene::new();
    let dir = NetnsDir::with(&[&scene]);
    let mut spec = spec(dir.path());
    spec.look_every = secs(1);
    let mut agent = Agent::start(&spec);
    agent.in_force(0);
    // What is left of a network whose pod is deleted.
    scene.target.inside(|| {
        assert!(command("ip").args(["link", "del", "va"]).status().unwrap().success());
    });
    let state = agent.item(0, |state| matches!(state, ItemState::Absent { .. }));
    assert!(matches!(&state, ItemState::Absent { detail } if detail.contains("there")), "{state:?}");
    agent.wait_for("a heartbeat that knows it", |log| (log.reader.beat()?.in_force == 0).then_some(()));
    agent.send(Signal::TERM);
    agent.ends(Ending::Signal);
    assert_eq!(scene.left(), "");
}
