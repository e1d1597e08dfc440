//! Packet faults of one's own, as network faults.

use std::collections::BTreeSet;

use chaos_core::dice::Rolls;
use chaos_core::testing::conformance;
use chaos_core::units::{ms, secs};
use chaos_core::{BlastRadius, Experiment, Fault, Mode, Targets, probe};
use chaos_k8s::node::net::own::{Custom, Packet, PacketFault, Verdict};
use chaos_k8s::node::net::{self, Bandwidth, Carrier, Flow, IfName, NetFault};

use crate::scene::{OTHER, PEER, PEER6, PORT, PROCESS, PROCESS_BOTH, Scene, at, ip, run, wait_until};
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] = &[
    ("a_fault_of_ones_own_acts_on_its_traffic_alone", PROCESS_BOTH, acts),
    ("a_fault_of_ones_own_is_asked_once_for_each_device_and_direction", PROCESS_BOTH, anew),
    ("a_fault_of_ones_own_goes_on_while_others_come_and_go", PROCESS, goes_on),
    ("a_fault_of_ones_own_that_panics_is_seen", PROCESS, panics),
    ("a_fault_of_ones_own_keeps_its_contract", PROCESS, contract),
    ("a_fault_of_ones_own_runs_in_an_experiment", PROCESS, experiment),
    ("a_fault_of_ones_own_is_refused_in_words", &[Need::Root, Need::Nft], refused),
];

/// Loses every third packet.
#[derive(Debug)]
struct Third;

impl PacketFault for Third {
    fn packet(&mut self, packet: &mut Packet<'_>, _dice: &mut Rolls) -> Verdict {
        if packet.ordinal() % 3 == 2 { Verdict::Drop } else { Verdict::Pass }
    }
}

fn third() -> NetFault<Custom> {
    net::custom("lose every third", || Third)
}

/// The packets of a client and nothing else: no neighbour discovery, which would be counted.
fn to(address: &str) -> Flow {
    Flow::peer(address).unwrap().port(PORT).unwrap().udp()
}

fn lost_of(numbers: &[u32], count: u32) -> BTreeSet<u32> {
    (0..count).filter(|number| !numbers.contains(number)).collect()
}

fn acts() {
    let scene = Scene::new();
    let client = scene.client();
    let before = scene.state();
    for fault in [third().to(to(PEER)), third().from(to(PEER))] {
        scene.under(fault, || {
            let lost = lost_of(&client.send(at(PEER, PORT), 30, ms(1)), 30);
            assert_eq!(lost, (0..30).filter(|number| number % 3 == 2).collect());
            assert_eq!(client.send(at(OTHER, PORT), 30, ms(1)).len(), 30);
            assert_eq!(client.send(at(PEER6, PORT), 30, ms(1)).len(), 30);
        });
    }
    assert_eq!(client.send(at(PEER, PORT), 30, ms(1)).len(), 30);
    assert_eq!(scene.state(), before);
}

fn anew() {
    let scene = Scene::new();
    let client = scene.client();
    scene.target.inside(|| {
        ip("link add vc type veth peer name vd");
        ip("link set vc up");
    });
    let injection = scene.begin(third().between(to(PEER))).unwrap();
    // On its way out every third is lost, and of what then comes back, every third.
    let came = client.send(at(PEER, PORT), 90, ms(1)).len();
    assert_eq!(came, 40);
    let taps = scene.left().lines().filter(|line| line.contains(": chaos")).count();
    assert_eq!(taps, 4, "{}", scene.left());
    run(injection.revert()).unwrap();
    assert_eq!(scene.left(), "");
}

fn goes_on() {
    let scene = Scene::new();
    let client = scene.client();
    let injection = scene.begin(third().to(to(PEER))).unwrap();
    let mut came = Vec::new();
    let mut part = || came.push(lost_of(&client.send(at(PEER, PORT), 10, ms(1)), 10).len());
    part();
    let slow = scene.begin(net::delay(ms(20)).to(Flow::all()).carrier(Carrier::Process)).unwrap();
    let rate = scene.begin(net::bandwidth(Bandwidth::mbit(50).unwrap()).to(to(PEER))).unwrap();
    part();
    client.about(at(OTHER, PORT), ms(20));
    run(slow.revert()).unwrap();
    part();
    run(rate.revert()).unwrap();
    part();
    // Lost are the numbers 2, 5, ... of all forty: its count has never begun anew.
    assert_eq!(came, [3, 3, 4, 3]);
    run(injection.revert()).unwrap();
    assert_eq!(scene.left(), "");
}

#[derive(Debug)]
struct Panics;

impl PacketFault for Panics {
    fn packet(&mut self, _packet: &mut Packet<'_>, _dice: &mut Rolls) -> Verdict {
        panic!("on purpose")
    }
}

fn panics() {
    let scene = Scene::new();
    let client = scene.client();
    let injection = scene.begin(net::custom("panics", || Panics).to(to(PEER))).unwrap();
    client.one(at(PEER, PORT));
    // What a panic prints takes its time.
    let mut detail = String::new();
    wait_until("it is seen", secs(20), || {
        let seen = run(injection.observe()).remove(0).1.unwrap();
        detail = seen.detail().to_owned();
        !seen.is_in_force()
    });
    assert!(detail.contains("panicked"), "{detail}");
    assert_eq!(client.send(at(PEER, PORT), 10, ms(1)).len(), 10, "they pass untouched");
    run(injection.revert()).unwrap();
    assert_eq!(scene.left(), "");
}

fn contract() {
    let scene = Scene::new();
    let target = async || Ok(scene.namespace());
    let world = async |_: &_| scene.state();
    run(conformance(third().to(to(PEER)), target, world)).assert_passed();
}

fn experiment() {
    let scene = Scene::new();
    let client = std::sync::Arc::new(scene.client());
    let asking = std::sync::Arc::clone(&client);
    let others_answer = probe::check("others answer", move || {
        let client = std::sync::Arc::clone(&asking);
        async move {
            // For the fault; whether it comes back is not asked.
            client.one(at(PEER, PORT));
            Ok(client.one(at(OTHER, PORT)).is_some())
        }
    });
    let target = || Targets::one(scene.namespace());
    let report = run(Experiment::new(&scene.chaos, "others do not notice")
        .steady_state(others_answer.every(ms(50)))
        .fault(third().to(to(PEER)).on(target(), Mode::ALL))
        .fault(net::delay(ms(5)).to(Flow::all()).carrier(Carrier::Process).on(target(), Mode::ALL))
        .blast_radius(BlastRadius::count(1).unwrap())
        .lasting(secs(4))
        .ledger(std::sync::Arc::clone(&scene.ledger))
        .run())
    .unwrap();
    assert!(report.held(), "{report}");
    let said = report.to_string();
    assert!(said.contains("lose every third"), "{said}");
    assert_eq!(client.send(at(PEER, PORT), 30, ms(1)).len(), 30);
    assert_eq!(scene.left(), "");
}

fn refused() {
    let scene = Scene::new();
    let before = scene.state();
    let nameless = || net::custom(" ", || Third);
    let two_lines = net::custom("a\nb", || Third);
    let by_kernel = third().carrier(Carrier::Kernel);
    for (fault, words) in
        [(nameless(), "without a name"), (two_lines, "one line"), (by_kernel, "goes through this process")]
    {
        let error = scene.begin(fault).unwrap_err();
        assert!(error.is_invalid() && error.to_string().contains(words), "{error}");
    }
    let error = scene.begin(third().device(IfName::try_new("eth7").unwrap())).unwrap_err();
    assert!(error.is_refused() && error.to_string().contains("eth7"), "{error}");
    scene.target.inside(|| {
        ip("tuntap add tunnel mode tun");
        ip("link set tunnel up");
    });
    let error = scene.begin(third().from(Flow::all())).unwrap_err();
    assert!(error.is_refused() && error.to_string().contains("tunnel is no Ethernet"), "{error}");
    scene.target.inside(|| ip("link del tunnel"));
    assert_eq!(scene.state(), before);
}
