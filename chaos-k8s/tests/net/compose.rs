//! Several faults in one namespace: all that meet a packet act on it, and none disturbs another.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use chaos_core::units::ms;
use chaos_core::{Injection, Percent};
use chaos_k8s::node::net::{self, Bandwidth, Carrier, Flow, NetRule, Refusal};

use crate::scene::{
    KERNEL, OTHER, OTHER6, PEER, PEER6, PORT, PROCESS, PROCESS_BOTH, Scene, assert_share, at, run,
};
use crate::support::{Need, Test, cycles};

const NFT: &[Need] = &[Need::Root, Need::Nft];
const MIXED: &[Need] = &[Need::Root, Need::Nft, Need::Netem, Need::Tun, Need::Tcx];

pub(crate) const TESTS: &[Test] = &[
    ("delays_of_several_faults_add_up_whatever_their_order", KERNEL, || delays([Carrier::Kernel; 3])),
    ("a_duplicating_fault_joins_a_delay", KERNEL, || duplicates(Carrier::Kernel)),
    ("what_cannot_be_joined_is_refused_before_anything_is_touched", KERNEL, unjoined),
    ("delays_through_this_process_add_up_whatever_their_order", PROCESS_BOTH, || {
        delays([Carrier::Process; 3])
    }),
    ("delays_by_kernel_and_process_add_up_whatever_their_order", MIXED, || {
        delays([Carrier::Process, Carrier::Kernel, Carrier::Process]);
        delays([Carrier::Kernel, Carrier::Process, Carrier::Kernel]);
    }),
    ("a_duplicating_fault_through_this_process_joins_a_delay", PROCESS, || duplicates(Carrier::Process)),
    ("what_the_kernel_cannot_join_composes_through_this_process", PROCESS, joined),
    ("a_rate_is_shared_by_what_goes_through_this_process_and_what_does_not", PROCESS, shared_with_process),
    ("what_comes_back_from_this_process_goes_on_by_the_kernel_both_ways", PROCESS_BOTH, onward),
    ("what_comes_back_from_this_process_goes_on_by_netem_both_ways", MIXED, onward_netem),
    ("a_drop_and_a_delay_through_this_process_compose", PROCESS_BOTH, drop_and_process),
    ("a_rate_is_shared_by_all_that_it_meets", NFT, shared_rate),
    ("a_drop_and_a_rate_compose", NFT, drop_and_rate),
    ("a_hundred_cycles_of_netem_lose_no_packet", KERNEL, || netem_cycles(Carrier::Kernel, 50)),
    ("a_hundred_cycles_through_this_process_lose_no_packet", PROCESS_BOTH, || {
        netem_cycles(Carrier::Process, cycles(50));
    }),
    ("cycles_of_each_effect_through_this_process_lose_no_packet_of_others", PROCESS_BOTH, process_cycles),
    ("a_hundred_cycles_of_each_other_fault_lose_no_packet_of_others", NFT, other_cycles),
];

fn percent(value: f64) -> Percent {
    Percent::try_new(value).unwrap()
}

/// By `carriers`: of the narrow one, the wide one and the one with a port.
pub(crate) fn delays(carriers: [Carrier; 3]) {
    let scene = Scene::new();
    let client = scene.client();
    let before = scene.state();
    let [first, second, third] = carriers;
    let narrow = || net::delay(ms(40)).to(Flow::peers([PEER, PEER6]).unwrap()).carrier(first);
    let wide = || net::delay(ms(60)).to(Flow::all()).carrier(second);
    let flow = || Flow::peer("10.0.0.0/8").unwrap().port(PORT).unwrap().udp();
    let port = || net::delay(ms(80)).between(flow()).carrier(third);
    let orders: [[NetRule; 3]; 3] = [
        [narrow().into(), wide().into(), port().into()],
        [port().into(), wide().into(), narrow().into()],
        [wide().into(), port().into(), narrow().into()],
    ];
    for rules in orders {
        let mut held: Vec<_> =
            rules.iter().map(|rule| (rule.to_string(), scene.begin(rule.clone()).unwrap())).collect();
        client.about(at(PEER, PORT), ms(40 + 60 + 2 * 80));
        client.about(at(PEER6, PORT), ms(40 + 60));
        client.about(at(OTHER, PORT), ms(60 + 2 * 80));
        client.about(at(OTHER6, PORT), ms(60));
        // Whichever goes first, the others stay.
        let (_, first) = held.remove(0);
        run(first.revert()).unwrap();
        let has = |what: &str| held.iter().any(|(said, _)| said.contains(what));
        let each = [("40ms", 40), ("60ms", 60), ("80ms", 160)];
        let left = each.iter().filter(|(what, _)| has(what)).map(|(_, delay)| delay).sum();
        client.about(at(PEER, PORT), ms(left));
        for (_, injection) in held {
            run(injection.revert()).unwrap();
        }
        assert_eq!(scene.state(), before);
    }
}

pub(crate) fn duplicates(carrier: Carrier) {
    let scene = Scene::new();
    let client = scene.client();
    let copies = net::duplicate(percent(100.0)).to(Flow::peer(PEER).unwrap()).carrier(carrier);
    let copies = scene.begin(copies).unwrap();
    let slow = scene.begin(net::delay(ms(40)).to(Flow::all()).carrier(carrier)).unwrap();
    let answers = client.send(at(PEER, PORT), 50, ms(1));
    assert_eq!(answers.len(), 100);
    client.about(at(PEER, PORT), ms(40));
    assert_eq!(client.send(at(OTHER, PORT), 50, ms(1)).len(), 50);
    run(copies.revert()).unwrap();
    client.about(at(PEER, PORT), ms(40));
    run(slow.revert()).unwrap();
    assert_eq!(scene.left(), "");
}

fn unjoined() {
    let scene = Scene::new();
    let copies = net::duplicate(percent(10.0)).to(Flow::all()).carrier(Carrier::Kernel);
    let copies = scene.begin(copies).unwrap();
    let state = scene.state();
    let links = percent(10.0);
    let loss = net::loss(net::Odds::of(links).correlated(percent(10.0))).carrier(Carrier::Kernel);
    let error = scene.begin(loss.to(Flow::all())).unwrap_err();
    assert!(error.is_refused() && error.to_string().contains("duplicates"), "{error}");
    assert_eq!(scene.state(), state);
    run(copies.revert()).unwrap();
}

fn joined() {
    const COUNT: u32 = 800;
    let scene = Scene::new();
    let client = scene.client();
    let by = |fault: net::NetFault<net::Netem>| scene.begin(fault.carrier(Carrier::Process)).unwrap();
    let copies = by(net::duplicate(percent(100.0)));
    let loss = by(net::loss(percent(30.0)).to(Flow::peer(PEER).unwrap()));
    let came = || client.send(at(PEER, PORT), COUNT, Duration::from_micros(500)).len() as f64;
    // Each copy has a throw of its own.
    assert_share("came of what was sent twice", 2 * COUNT, 0.7, came);
    assert_eq!(client.send(at(OTHER, PORT), 50, ms(1)).len(), 100);
    run(copies.revert()).unwrap();
    assert_share("came", COUNT, 0.7, came);
    run(loss.revert()).unwrap();
    assert_eq!(scene.left(), "");
}

/// Packets to one peer wait in this process first; together with those to another they still have one rate.
fn shared_with_process() {
    let scene = Scene::new();
    for rate_first in [true, false] {
        let rate = net::bandwidth(Bandwidth::kbit(800).unwrap()).queue(1_000_000).to(Flow::all());
        let rate = || scene.begin(rate.clone()).unwrap();
        let slow = || {
            let slow = net::delay(ms(40)).to(Flow::peer(PEER).unwrap()).carrier(Carrier::Process);
            scene.begin(slow).unwrap()
        };
        let (rate, slow) = if rate_first {
            let rate = rate();
            (rate, slow())
        } else {
            let slow = slow();
            (rate(), slow)
        };
        let took = together(&scene);
        println!("200 packets in {took:?}, alone {:?} at least", least());
        assert!(took >= least(), "{took:?}");
        scene.client().about(at(PEER, PORT), ms(40));
        scene.client().about(at(OTHER, PORT), ms(0));
        run(rate.revert()).unwrap();
        scene.client().about(at(PEER, PORT), ms(40));
        run(slow.revert()).unwrap();
        assert_eq!(scene.left(), "");
    }
}

/// Begins two rules, in this order or in the other.
fn in_order(scene: &Scene, swapped: bool, first: &NetRule, second: &NetRule) -> [Injection; 2] {
    let begin = |rule: &NetRule| scene.begin(rule.clone()).unwrap();
    if swapped {
        let second = begin(second);
        [begin(first), second]
    } else {
        [begin(first), begin(second)]
    }
}

/// On the way out and on the way in: a rate that the kernel holds also for what waited in this process, and the other way round.
fn onward() {
    let scene = Scene::new();
    let slow = net::delay(ms(20)).between(Flow::peer(PEER).unwrap()).carrier(Carrier::Process).into();
    let rate = || net::bandwidth(Bandwidth::kbit(800).unwrap()).queue(1_000_000);
    let least = needed(100);
    for rate in [rate().to(Flow::all()).into(), rate().from(Flow::all()).into()] {
        for swapped in [false, true] {
            let [slow, rate] = in_order(&scene, swapped, &slow, &rate);
            let came = scene.client().timed(at(PEER, PORT), 100);
            assert_eq!(came.len(), 100, "none lost");
            let took = came[99] - came[0];
            println!("100 packets in {took:?}, alone {least:?} at least");
            assert!(took >= least, "{took:?}");
            scene.client().about(at(PEER, PORT), ms(40));
            run(slow.revert()).unwrap();
            run(rate.revert()).unwrap();
            assert_eq!(scene.left(), "");
        }
    }
}

fn onward_netem() {
    let scene = Scene::new();
    let client = scene.client();
    let here = net::delay(ms(20)).between(Flow::peer(PEER).unwrap()).carrier(Carrier::Process).into();
    let kernel = || net::delay(ms(50)).carrier(Carrier::Kernel);
    for kernel in [kernel().to(Flow::all()).into(), kernel().from(Flow::all()).into()] {
        for swapped in [false, true] {
            let [here, kernel] = in_order(&scene, swapped, &here, &kernel);
            client.about(at(PEER, PORT), ms(20 + 20 + 50));
            client.about(at(OTHER, PORT), ms(50));
            run(here.revert()).unwrap();
            client.about(at(PEER, PORT), ms(50));
            run(kernel.revert()).unwrap();
            client.about(at(PEER, PORT), ms(0));
            assert_eq!(scene.left(), "");
        }
    }
}

fn drop_and_process() {
    let scene = Scene::new();
    let client = scene.client();
    let slow = net::delay(ms(30)).between(Flow::all()).carrier(Carrier::Process);
    let slow = scene.begin(slow).unwrap();
    let gone = scene.begin(net::drop().to(Flow::peer(PEER).unwrap())).unwrap();
    // Met once, on its way to this process, and not again on its way back.
    let loss = scene.begin(net::loss(percent(50.0)).to(Flow::peer(OTHER).unwrap())).unwrap();
    assert_eq!(client.one(at(PEER, PORT)), None);
    assert_share("came", 600, 0.5, || client.send(at(OTHER, PORT), 600, ms(1)).len() as f64);
    run(gone.revert()).unwrap();
    client.about(at(PEER, PORT), ms(60));
    run(slow.revert()).unwrap();
    client.about(at(PEER, PORT), ms(0));
    run(loss.revert()).unwrap();
    assert_eq!(scene.left(), "");
}

/// The time in which 100 packets to each of two peers came back, sent at once.
fn together(scene: &Scene) -> Duration {
    let (a, b) = (scene.client(), scene.client());
    let (first, second) = thread::scope(|scope| {
        let first = scope.spawn(|| a.timed(at(PEER, PORT), 100));
        let second = scope.spawn(|| b.timed(at(OTHER, PORT), 100));
        (first.join().unwrap(), second.join().unwrap())
    });
    assert_eq!((first.len(), second.len()), (100, 100), "none lost");
    let begin = first[0].min(second[0]);
    first.last().unwrap().max(second.last().unwrap()).duration_since(begin)
}

/// What they need.
fn least() -> Duration {
    needed(200)
}

/// What packets of 542 bytes need at a rate of 800 kbit/s, less what a burst lets through.
fn needed(packets: u32) -> Duration {
    Duration::from_secs_f64((f64::from(packets) * 542.0 - 2.0 * 3_200.0) * 8.0 / 800_000.0 * 0.95)
}

pub(crate) fn shared_rate() {
    let scene = Scene::new();
    let rate = scene.begin(net::bandwidth(Bandwidth::kbit(800).unwrap()).to(Flow::all())).unwrap();
    // Another fault splits the traffic into two combinations: together they still have one rate.
    let other = net::bandwidth(Bandwidth::mbit(900).unwrap()).to(Flow::peer(PEER).unwrap());
    let other = scene.begin(other).unwrap();
    let took = together(&scene);
    println!("200 packets in {took:?}, alone {:?} at least", least());
    assert!(took >= least(), "{took:?}");
    run(other.revert()).unwrap();
    run(rate.revert()).unwrap();
    assert_eq!(scene.left(), "");
}

pub(crate) fn drop_and_rate() {
    let scene = Scene::new();
    let client = scene.client();
    let rate = scene.begin(net::bandwidth(Bandwidth::mbit(10).unwrap()).between(Flow::all())).unwrap();
    let gone = scene.begin(net::drop().from(Flow::peer(PEER).unwrap())).unwrap();
    assert_eq!(client.one(at(PEER, PORT)), None);
    assert!(client.one(at(OTHER, PORT)).is_some());
    run(rate.revert()).unwrap();
    assert_eq!(client.one(at(PEER, PORT)), None);
    run(gone.revert()).unwrap();
    assert!(client.one(at(PEER, PORT)).is_some());
    assert_eq!(scene.left(), "");
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Injects and reverts `rules` in turn, so many times, while packets go to another peer a thousand times a second.
pub(crate) fn cycle(scene: &Scene, rules: &[NetRule], times: usize, keeps: bool) {
    let (stop, others, targets) = (AtomicBool::new(false), scene.client(), scene.client());
    let stream = |client: &crate::scene::Client, to| {
        let (mut sent, mut came) = (0, 0);
        while !stop.load(Ordering::SeqCst) {
            came += client.send(to, 200, ms(1)).len();
            sent += 200;
        }
        (sent, came)
    };
    let (others, targets) = thread::scope(|scope| {
        let others = scope.spawn(|| stream(&others, at(OTHER, PORT)));
        let targets = scope.spawn(|| stream(&targets, at(PEER, PORT)));
        // Also when a cycle fails.
        let stopping = Stop(&stop);
        for number in 0..times {
            run(scene.begin(rules[number % rules.len()].clone()).unwrap().revert()).unwrap();
        }
        drop(stopping);
        (others.join().unwrap(), targets.join().unwrap())
    });
    println!(
        "{times} cycles: to others {} of {} came, to the target {} of {}",
        others.1, others.0, targets.1, targets.0
    );
    assert_eq!(others.0, others.1, "of others");
    assert!(!keeps || targets.0 == targets.1, "of the target, which only waits");
}

/// Each of two ways of it so often.
fn netem_cycles(carrier: Carrier, times: usize) {
    let scene = Scene::new();
    let flow = || Flow::peer(PEER).unwrap();
    let slow = |delay| net::delay(delay).carrier(carrier);
    let steady = scene.begin(slow(ms(5)).to(Flow::peer(PEER6).unwrap())).unwrap();
    cycle(&scene, &[slow(ms(10)).to(flow()).into(), slow(ms(3)).between(flow()).into()], times, true);
    run(steady.revert()).unwrap();
    cycle(&scene, &[slow(ms(10)).between(flow()).into()], times, true);
    assert_eq!(scene.left(), "");
}

/// While another fault through this process meets all packets, also those of others.
fn process_cycles() {
    let scene = Scene::new();
    let by = |fault: net::NetFault<net::Netem>| fault.carrier(Carrier::Process);
    let flow = || Flow::peer(PEER).unwrap();
    let steady = scene.begin(by(net::delay(ms(5)).between(Flow::all()))).unwrap();
    let rules = [
        by(net::loss(percent(30.0)).to(flow())).into(),
        by(net::duplicate(percent(30.0)).between(flow())).into(),
        by(net::corrupt(percent(30.0)).from(flow())).into(),
        by(net::reorder(percent(30.0), ms(4)).to(flow())).into(),
    ];
    cycle(&scene, &rules, cycles(40), false);
    run(steady.revert()).unwrap();
    assert_eq!(scene.left(), "");
}

fn other_cycles() {
    let scene = Scene::new();
    let flow = || Flow::peer(PEER).unwrap();
    let times = cycles(100);
    cycle(&scene, &[net::bandwidth(Bandwidth::mbit(50).unwrap()).between(flow()).into()], times, true);
    for rule in [
        net::drop().between(flow()).into(),
        net::loss(percent(50.0)).to(flow()).into(),
        net::refuse(Refusal::Prohibited).between(flow().port(9).unwrap()).into_rule(),
    ] {
        cycle(&scene, &[rule], times, false);
    }
    assert_eq!(scene.left(), "");
}
