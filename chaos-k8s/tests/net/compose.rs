//! Several faults in one namespace: all that meet a packet act on it, and none disturbs another.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use chaos_core::Percent;
use chaos_core::units::ms;
use chaos_k8s::node::net::{self, Bandwidth, Flow, NetRule, Refusal};

use crate::scene::{OTHER, OTHER6, PEER, PEER6, PORT, Scene, at, run};
use crate::support::{Need, Test};

const NETEM: &[Need] = &[Need::Root, Need::Nft, Need::Netem];
const NFT: &[Need] = &[Need::Root, Need::Nft];

pub(crate) const TESTS: &[Test] = &[
    ("delays_of_several_faults_add_up_whatever_their_order", NETEM, delays),
    ("a_duplicating_fault_joins_a_delay", NETEM, duplicates),
    ("what_cannot_be_joined_is_refused_before_anything_is_touched", NETEM, unjoined),
    ("a_rate_is_shared_by_all_that_it_meets", NFT, shared_rate),
    ("a_drop_and_a_rate_compose", NFT, drop_and_rate),
    ("a_hundred_cycles_of_netem_lose_no_packet", NETEM, netem_cycles),
    ("a_hundred_cycles_of_each_other_fault_lose_no_packet_of_others", NFT, cycles),
];

fn percent(value: f64) -> Percent {
    Percent::try_new(value).unwrap()
}

fn about(seen: Duration, wanted: Duration) {
    assert!(seen >= wanted && seen < wanted + ms(25), "{seen:?} for {wanted:?}");
}

fn delays() {
    let scene = Scene::new();
    let client = scene.client();
    let before = scene.state();
    let narrow = || net::delay(ms(40)).to(Flow::peers([PEER, PEER6]).unwrap());
    let wide = || net::delay(ms(60)).to(Flow::all());
    let port = || net::delay(ms(80)).between(Flow::peer("10.0.0.0/8").unwrap().port(PORT).unwrap().udp());
    let orders: [[NetRule; 3]; 3] = [
        [narrow().into(), wide().into(), port().into()],
        [port().into(), wide().into(), narrow().into()],
        [wide().into(), port().into(), narrow().into()],
    ];
    for rules in orders {
        let mut held: Vec<_> =
            rules.iter().map(|rule| (rule.to_string(), scene.begin(rule.clone()).unwrap())).collect();
        about(client.rtt(at(PEER, PORT)), ms(40 + 60 + 2 * 80));
        about(client.rtt(at(PEER6, PORT)), ms(40 + 60));
        about(client.rtt(at(OTHER, PORT)), ms(60 + 2 * 80));
        about(client.rtt(at(OTHER6, PORT)), ms(60));
        // Whichever goes first, the others stay.
        let (_, first) = held.remove(0);
        run(first.revert()).unwrap();
        let has = |what: &str| held.iter().any(|(said, _)| said.contains(what));
        let each = [("40ms", 40), ("60ms", 60), ("80ms", 160)];
        let left = each.iter().filter(|(what, _)| has(what)).map(|(_, delay)| delay).sum();
        about(client.rtt(at(PEER, PORT)), ms(left));
        for (_, injection) in held {
            run(injection.revert()).unwrap();
        }
        assert_eq!(scene.state(), before);
    }
}

fn duplicates() {
    let scene = Scene::new();
    let client = scene.client();
    let copies = scene.begin(net::duplicate(percent(100.0)).to(Flow::peer(PEER).unwrap())).unwrap();
    let slow = scene.begin(net::delay(ms(40)).to(Flow::all())).unwrap();
    let answers = client.send(at(PEER, PORT), 50, ms(1));
    assert_eq!(answers.len(), 100);
    about(client.rtt(at(PEER, PORT)), ms(40));
    assert_eq!(client.send(at(OTHER, PORT), 50, ms(1)).len(), 50);
    run(copies.revert()).unwrap();
    about(client.rtt(at(PEER, PORT)), ms(40));
    run(slow.revert()).unwrap();
    assert_eq!(scene.left(), "");
}

fn unjoined() {
    let scene = Scene::new();
    let copies = scene.begin(net::duplicate(percent(10.0)).to(Flow::all())).unwrap();
    let state = scene.state();
    let links = percent(10.0);
    let loss = net::loss(net::Odds::of(links).correlated(percent(10.0)));
    let error = scene.begin(loss.to(Flow::all())).unwrap_err();
    assert!(error.is_refused() && error.to_string().contains("duplicates"), "{error}");
    assert_eq!(scene.state(), state);
    run(copies.revert()).unwrap();
}

fn shared_rate() {
    let scene = Scene::new();
    let rate = scene.begin(net::bandwidth(Bandwidth::kbit(800).unwrap()).to(Flow::all())).unwrap();
    // Another fault splits the traffic into two combinations: together they still have one rate.
    let other = net::bandwidth(Bandwidth::mbit(900).unwrap()).to(Flow::peer(PEER).unwrap());
    let other = scene.begin(other).unwrap();
    let (a, b) = (scene.client(), scene.client());
    let (first, second) = thread::scope(|scope| {
        let first = scope.spawn(|| a.timed(at(PEER, PORT), 100));
        let second = scope.spawn(|| b.timed(at(OTHER, PORT), 100));
        (first.join().unwrap(), second.join().unwrap())
    });
    let begin = first[0].min(second[0]);
    let took = first.last().unwrap().max(second.last().unwrap()).duration_since(begin);
    // 200 packets of 542 bytes, less what a burst lets through.
    let least = Duration::from_secs_f64((200.0 * 542.0 - 2.0 * 3_200.0) * 8.0 / 800_000.0 * 0.95);
    println!("200 packets in {took:?}, alone {least:?} at least");
    assert!(took >= least, "{took:?}");
    run(other.revert()).unwrap();
    run(rate.revert()).unwrap();
    assert_eq!(scene.left(), "");
}

fn drop_and_rate() {
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

/// Injects and reverts `rules` in turn, so many times, while packets go to another peer a thousand times a second.
fn cycle(scene: &Scene, rules: &[NetRule], times: usize, keeps: bool) {
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
        for number in 0..times {
            run(scene.begin(rules[number % rules.len()].clone()).unwrap().revert()).unwrap();
        }
        stop.store(true, Ordering::SeqCst);
        (others.join().unwrap(), targets.join().unwrap())
    });
    println!(
        "{times} cycles: to others {} of {} came, to the target {} of {}",
        others.1, others.0, targets.1, targets.0
    );
    assert_eq!(others.0, others.1, "of others");
    assert!(!keeps || targets.0 == targets.1, "of the target, which only waits");
}

fn netem_cycles() {
    let scene = Scene::new();
    let flow = || Flow::peer(PEER).unwrap();
    let steady = scene.begin(net::delay(ms(5)).to(Flow::peer(PEER6).unwrap())).unwrap();
    cycle(
        &scene,
        &[net::delay(ms(10)).to(flow()).into(), net::delay(ms(3)).between(flow()).into()],
        50,
        true,
    );
    run(steady.revert()).unwrap();
    cycle(&scene, &[net::delay(ms(10)).between(flow()).into()], 50, true);
    assert_eq!(scene.left(), "");
}

fn cycles() {
    let scene = Scene::new();
    let flow = || Flow::peer(PEER).unwrap();
    cycle(&scene, &[net::bandwidth(Bandwidth::mbit(50).unwrap()).between(flow()).into()], 100, true);
    for rule in [
        net::drop().between(flow()).into(),
        net::loss(percent(50.0)).to(flow()).into(),
        net::refuse(Refusal::Prohibited).between(flow().port(9).unwrap()).into_rule(),
    ] {
        cycle(&scene, &[rule], 100, false);
    }
    assert_eq!(scene.left(), "");
}
