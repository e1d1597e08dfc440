//! A network fault is replaced while it is in force.

use std::sync::atomic::{AtomicBool, Ordering};

use chaos_core::units::{ms, secs};
use chaos_k8s::agent::control::{Answer, Order};
use chaos_k8s::agent::spec::{FaultData, Item, PodNetwork, Spec};
use chaos_k8s::agent::status::{Ending, ItemState};
use chaos_k8s::node::net::{self, Flow};
use chaos_k8s::node::process;
use rustix::process::Signal;

use crate::agent::{Agent, command};
use crate::network::{inode, partition};
use crate::node::{NetnsDir, addresses};
use crate::orders::tell_order;
use crate::scene::{OTHER, PEER, PORT, Scene, at};
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] = &[
    ("no_packet_passes_while_the_peers_of_a_partition_change", &[Need::Root, Need::Nft], cut),
    ("a_delay_goes_on_while_its_peers_change", &[Need::Root, Need::Nft, Need::Tun], slow),
    ("where_a_fault_cannot_be_replaced_the_old_one_stays", &[Need::Root, Need::Nft], stays),
    ("a_replacement_that_comes_before_all_is_in_force_waits", &[Need::Root, Need::Nft], early),
];

fn told(spec: &Spec, fault: &str, with: impl Into<FaultData>) -> Answer {
    let output = tell_order(spec, &Order::Replace { fault: fault.to_owned(), with: with.into() });
    let text = String::from_utf8(output.stdout).unwrap();
    match text.strip_prefix("refused: ") {
        Some(why) => {
            assert_eq!(output.status.code(), Some(1));
            Answer::Refused(why.trim().to_owned())
        }
        None => {
            assert_eq!(output.status.code(), Some(0), "{text}");
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"))
        }
    }
}

fn is_done(spec: &Spec, fault: &str, with: impl Into<FaultData>) {
    let answer = told(spec, fault, with);
    assert!(matches!(answer, Answer::Status(_)), "{answer:?}");
}

/// Ends who sends beside, also when the test fails.
#[derive(Default)]
struct Over(AtomicBool);

struct AtTheEnd<'a>(&'a Over);

impl Over {
    fn at_the_end(&self) -> AtTheEnd<'_> {
        AtTheEnd(self)
    }
}

impl Drop for AtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

fn cut() {
    let scene = Scene::new();
    let dir = NetnsDir::with(&[&scene]);
    let spec = crate::network::spec(dir.path());
    let mut agent = Agent::start(&spec);
    agent.in_force(0);
    let client = scene.client();
    assert!(client.one(at(PEER, PORT)).is_none() && client.one(at(OTHER, PORT)).is_some());
    let of = |peers: &[&str]| net::drop().between(Flow::peers(peers.iter().copied()).unwrap());
    let over = Over::default();
    let passed = std::thread::scope(|scope| {
        let passed = scope.spawn(|| {
            // Many more than there are moments between one rule and another.
            let (client, mut sent) = (scene.client().patient(ms(1)), 0);
            while !over.0.load(Ordering::Relaxed) {
                sent += 1;
                if client.one(at(PEER, PORT)).is_some() {
                    return Err(sent);
                }
            }
            Ok(sent)
        });
        let sending = over.at_the_end();
        for nth in 0..8 {
            match nth % 2 {
                0 => is_done(&spec, "cut", of(&[PEER, OTHER])),
                _ => is_done(&spec, "cut", of(&["10.99.0.1", PEER])),
            }
            assert_eq!(client.one(at(OTHER, PORT)).is_none(), nth % 2 == 0, "{nth}");
        }
        drop(sending);
        passed.join().unwrap()
    });
    println!("packets of which none passed 8 replacements: {passed:?}");
    assert!(passed.is_ok_and(|sent| sent > 100), "{passed:?}");
    is_done(&spec, "cut", of(&[OTHER]));
    assert!(client.one(at(PEER, PORT)).is_some() && client.one(at(OTHER, PORT)).is_none());
    agent.send(Signal::TERM);
    agent.ends(Ending::Signal);
    assert!(client.one(at(OTHER, PORT)).is_some() && scene.left().is_empty());
}

fn slow() {
    let scene = Scene::new();
    let dir = NetnsDir::with(&[&scene]);
    let of = |peers: &[&str]| net::delay(ms(150)).to(Flow::peers(peers.iter().copied()).unwrap());
    let spec = Spec::lasting(secs(300)).fault("slow", of(&[PEER])).item(Item::new(
        "shop/cart-0",
        PodNetwork::of(addresses()).in_dir(dir.path()),
        "slow",
    ));
    let mut agent = Agent::start(&spec);
    agent.in_force(0);
    let over = Over::default();
    let times = std::thread::scope(|scope| {
        let times = scope.spawn(|| {
            let (client, mut times) = (scene.client(), Vec::new());
            while !over.0.load(Ordering::Relaxed) {
                times.push(client.sure(at(PEER, PORT)));
            }
            times
        });
        let sending = over.at_the_end();
        for nth in 0..6 {
            match nth % 2 {
                0 => is_done(&spec, "slow", of(&[PEER, OTHER])),
                _ => is_done(&spec, "slow", of(&["10.99.0.1", PEER])),
            }
        }
        drop(sending);
        times.join().unwrap()
    });
    let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    println!("{} round trips during 6 replacements, none lost: {least:?} to {most:?}", times.len());
    assert!(*least >= ms(150) && times.len() > 3, "{times:?}");
    is_done(&spec, "slow", of(&[OTHER]));
    let client = scene.client();
    client.about(at(PEER, PORT), ms(0));
    client.about(at(OTHER, PORT), ms(150));
    agent.send(Signal::TERM);
    agent.ends(Ending::Signal);
    assert_eq!(scene.left(), "");
}

fn stays() {
    let scenes = [Scene::new(), Scene::new(), Scene::new()];
    let dir = NetnsDir::with(&scenes.each_ref());
    let clients = scenes.each_ref().map(|scene| scene.client());
    let mut spec = Spec::lasting(secs(300)).fault("cut", partition()).fault("other", partition());
    for scene in &scenes {
        let network = PodNetwork {
            inode: Some(inode(scene)),
            file: Some(format!("cni-{}", spec.items.len())),
            ..PodNetwork::of(addresses()).in_dir(dir.path())
        };
        spec = spec.item(Item::new("shop/cart", network, "cut"));
    }
    spec = spec.item(Item::new("elsewhere", PodNetwork::of(["10.99.0.1".parse().unwrap()]), "other"));
    let mut agent = Agent::start(&spec);
    (0..3).for_each(|number| drop(agent.in_force(number)));
    let with = || net::drop().between(Flow::peer(OTHER).unwrap());
    for (fault, with, said) in [
        ("slaw", FaultData::from(with()), "no fault \"slaw\""),
        ("cut", process::pause().into(), "kind does not change"),
        ("cut", net::delay(secs(7200)).to(Flow::all()).into(), "at most an hour"),
    ] {
        let answer = told(&spec, fault, with);
        assert!(matches!(&answer, Answer::Refused(why) if why.contains(said)), "{answer:?}");
    }
    // One without what it was found by, though its fault is in force, and one that is gone.
    scenes[1].target.inside(|| {
        assert!(command("ip").args(["addr", "del", "10.77.0.1/24", "dev", "va"]).status().unwrap().success());
        assert!(command("ip").args(["addr", "add", "10.77.0.9/24", "dev", "va"]).status().unwrap().success());
    });
    scenes[2].target.inside(|| {
        assert!(command("ip").args(["link", "del", "va"]).status().unwrap().success());
    });
    let answer = told(&spec, "cut", with());
    let Answer::Refused(why) = &answer else { panic!("{answer:?}") };
    assert!(
        why.contains("at 1 of 2 items") && why.contains("item 1: the old one stays: no network in"),
        "{why}"
    );
    let passes = |nth: usize, peer: &str| clients[nth].one(at(peer, PORT)).is_some();
    assert!(passes(0, PEER) && !passes(0, OTHER), "the new one");
    assert!(!passes(1, PEER) && passes(1, OTHER), "the old one");
    agent.item(2, |state| matches!(state, ItemState::Absent { .. }));
    // Of a fault that is in force nowhere there is nothing to replace.
    is_done(&spec, "other", with());
    agent.send(Signal::TERM);
    agent.ends(Ending::Signal);
    assert!(scenes.iter().all(|scene| scene.left().is_empty()));
}

fn early() {
    let scene = Scene::new();
    let dir = NetnsDir::with(&[&scene]);
    let client = scene.client();
    let spec = crate::network::spec(dir.path());
    let mut agent = Agent::start(&spec);
    // From then on it listens, or will in a moment.
    agent.wait_for("its first item", |log| (!log.reader.items().is_empty()).then_some(()));
    is_done(&spec, "cut", net::drop().between(Flow::peer(OTHER).unwrap()));
    assert!(client.one(at(PEER, PORT)).is_some() && client.one(at(OTHER, PORT)).is_none());
    agent.send(Signal::TERM);
    agent.ends(Ending::Signal);
    assert_eq!(scene.left(), "");
}
