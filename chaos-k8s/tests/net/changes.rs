//! What changes while a fault is in force: devices come and go, injects are given up, many rules stand.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use chaos_core::units::ms;
use chaos_core::{BlastRadius, Fault, Mode, Percent, Targets};
use chaos_k8s::node::net::{self, Bandwidth, Carrier, Devices, Direction, Flow, IfName, NetRule};

use crate::scene::{OTHER, PEER, PORT, PROCESS_BOTH, Scene, at, ip, read, run, wait_until};
use crate::support::{Need, Test};

const NFT: &[Need] = &[Need::Root, Need::Nft];

pub(crate) const TESTS: &[Test] = &[
    ("a_device_that_comes_up_later_is_taken_in", NFT, || later(rate())),
    ("a_device_that_goes_takes_its_part_with_it", NFT, || gone(rate())),
    ("a_device_of_ours_that_somebody_deletes_is_noticed_and_made_again", NFT, || deleted(rate())),
    ("an_inject_that_is_given_up_leaves_nothing", NFT, || given_up(rate())),
    ("a_device_that_comes_up_later_is_taken_in_by_this_process", PROCESS_BOTH, || later(slow())),
    ("a_device_that_goes_takes_its_part_of_this_process_with_it", PROCESS_BOTH, || gone(slow())),
    ("a_tap_that_somebody_deletes_is_noticed_and_made_again", PROCESS_BOTH, || deleted(slow())),
    ("an_inject_through_this_process_that_is_given_up_leaves_nothing", PROCESS_BOTH, || given_up(slow())),
    ("a_delta_on_fifty_rules", NFT, fifty),
    ("many_networks_in_one_rule", NFT, networks),
];

fn rate() -> NetRule {
    net::bandwidth(Bandwidth::mbit(5).unwrap()).between(Flow::all()).into()
}

fn slow() -> NetRule {
    net::delay(ms(5)).between(Flow::all()).carrier(Carrier::Process).into()
}

pub(crate) fn later(rule: NetRule) {
    let scene = Scene::new();
    let injection = scene.begin(rule).unwrap();
    // By a table, or by filters where the kernel has no table for it.
    let is_picked = || {
        scene.state().contains("device \"vc\"")
            || scene.target.inside(|| read("tc", "filter show dev vc ingress")).contains("chaos:")
    };
    scene.target.inside(|| {
        ip("link add vc type veth peer name vd");
        ip("link set vc up");
        ip("link set vd up");
    });
    assert!(!is_picked());
    for (_, seen) in run(injection.observe()) {
        let seen = seen.unwrap();
        assert!(seen.is_in_force() && seen.detail().contains("into vc"), "{}", seen.detail());
    }
    assert!(is_picked());
    run(injection.revert()).unwrap();
    assert_eq!(scene.left(), "");
}

pub(crate) fn gone(rule: NetRule) {
    let scene = Scene::new();
    scene.target.inside(|| {
        ip("link add vc type veth peer name vd");
        ip("link set vc up");
    });
    let injection = scene.begin(rule.clone()).unwrap();
    let devices = Devices::Named(vec![IfName::try_new("vc").unwrap()]);
    let only = scene.begin(NetRule { direction: Direction::Egress, devices, ..rule }).unwrap();
    scene.target.inside(|| ip("link del vc"));
    assert!(run(injection.observe()).iter().all(|(_, seen)| seen.as_ref().unwrap().is_in_force()));
    let seen = run(only.observe()).remove(0).1.unwrap();
    assert!(!seen.is_in_force() && seen.detail().contains("devices"), "{}", seen.detail());
    assert!(scene.client().one(at(PEER, PORT)).is_some());
    run(only.revert()).unwrap();
    run(injection.revert()).unwrap();
    assert_eq!(scene.left(), "");
}

pub(crate) fn deleted(rule: NetRule) {
    let scene = Scene::new();
    let to = |address| NetRule {
        traffic: Flow::peer(address).unwrap().into(),
        direction: Direction::Egress,
        ..rule.clone()
    };
    let injection = scene.begin(to(PEER)).unwrap();
    let state = scene.state();
    let ours = state
        .lines()
        .find_map(|line| line.split(": ").nth(1).filter(|name| name.starts_with("chaos")))
        .unwrap();
    scene.target.inside(|| ip(&format!("link del {ours}")));
    let seen = run(injection.observe()).remove(0).1.unwrap();
    assert!(!seen.is_in_force(), "{}", seen.detail());
    // The next change puts it right.
    let other = scene.begin(to(OTHER)).unwrap();
    assert!(run(injection.observe()).remove(0).1.unwrap().is_in_force());
    assert!(scene.client().one(at(PEER, PORT)).is_some());
    run(other.revert()).unwrap();
    run(injection.revert()).unwrap();
    assert_eq!(scene.left(), "");
}

pub(crate) fn given_up(rule: NetRule) {
    let scene = Scene::new();
    for _ in 0..20 {
        let target = Targets::one(scene.namespace());
        let rule = rule.clone();
        run(async {
            let radius = BlastRadius::count(1).unwrap();
            let begun =
                scene.chaos.inject(rule.on(target, Mode::ALL), radius).ledger(Arc::clone(&scene.ledger));
            let mut begun = pin!(begun.begin());
            let mut context = Context::from_waker(Waker::noop());
            // Somewhere in the middle.
            for _ in 0..3 {
                assert!(matches!(begun.as_mut().poll(&mut context), Poll::Pending));
                scene.chaos.clock().sleep(ms(3)).await;
            }
        });
        wait_until("nothing is left", ms(20_000), || scene.left().is_empty());
    }
}

fn fifty() {
    let scene = Scene::new();
    let mut held = Vec::new();
    for number in 0..50 {
        let peer = Flow::peer(&format!("10.77.1.{number}")).unwrap();
        held.push(scene.begin(net::bandwidth(Bandwidth::mbit(5).unwrap()).between(peer)).unwrap());
    }
    let mut times = Vec::new();
    for number in 0..11 {
        let peer = Flow::peer(&format!("10.77.2.{number}")).unwrap();
        let since = Instant::now();
        let one = scene.begin(net::bandwidth(Bandwidth::mbit(5).unwrap()).between(peer)).unwrap();
        let begun = since.elapsed();
        run(one.revert()).unwrap();
        times.push((begun, since.elapsed() - begun));
    }
    times.sort();
    println!(
        "beside 50 rules: begin {:?}, revert {:?} (prepare, record and observe included)",
        times[5].0, times[5].1
    );
    for injection in held {
        run(injection.revert()).unwrap();
    }
    assert_eq!(scene.left(), "");
}

pub(crate) fn networks() {
    let scene = Scene::new();
    let peers: Vec<String> =
        (0..20_000).map(|i| format!("100.{}.{}.{}/32", i / 16_384, (i / 64) % 256, (i % 64) * 4)).collect();
    let flow = Flow::peers(peers.iter().map(String::as_str).chain([PEER])).unwrap();
    let since = Instant::now();
    let injection = scene.begin(net::loss(Percent::try_new(100).unwrap()).to(flow)).unwrap();
    println!("20001 networks in {:?}", since.elapsed());
    let client = scene.client();
    assert_eq!(client.one(at(PEER, PORT)), None);
    assert!(client.one(at(OTHER, PORT)).is_some());
    run(injection.revert()).unwrap();
    assert_eq!(scene.left(), "");
}
