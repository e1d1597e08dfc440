//! The injector is stopped, or forgets: the kernel's clock ends the fault.

use std::thread;
use std::time::{Duration, Instant};

use chaos_core::units::{ms, secs};
use chaos_core::{BlastRadius, Fault, Mode, Targets};
use chaos_k8s::node::net::{self, Bandwidth, Carrier, Flow, NetRule, Refusal};

use crate::deaths::Injector;
use crate::scene::{Client, PEER, PORT, Scene, at, read, run, wait_until};
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] = &[
    ("a_stopped_injector_of_each_kind_is_ended_by_the_kernel", &[Need::Root, Need::Nft], kinds),
    ("a_stopped_injector_of_a_delay_is_ended_by_the_kernel", &[Need::Root, Need::Nft, Need::Netem], delay),
    (
        "a_stopped_injector_through_which_packets_go_is_ended_by_the_kernel",
        &[Need::Root, Need::Nft, Need::Tun],
        through_it,
    ),
    ("a_fault_that_is_forgotten_is_over_and_says_so", &[Need::Root, Need::Nft], forgotten),
];

/// What the faults are said to last; the engine adds its margin.
const LASTING: Option<Duration> = Some(secs(1));

/// A rule, how long it is said to last, and whether packets go directly now.
type Case = (&'static str, NetRule, Option<Duration>, fn(&Client) -> bool);

fn echoes(client: &Client) -> bool {
    client.one(at(PEER, PORT)).is_some_and(|time| time < ms(20))
}

/// More at once than a burst lets through.
fn several(client: &Client) -> bool {
    (0..4).all(|_| echoes(client))
}

fn connects(_: &Client) -> bool {
    // At least until the machine is so slow that nothing is.
    std::net::TcpStream::connect_timeout(&at(PEER, PORT), secs(2)).is_ok()
}

fn kinds() {
    let kbit = net::bandwidth(Bandwidth::kbit(1).unwrap()).burst(100);
    let half = chaos_core::Percent::try_new(100).unwrap();
    all(vec![
        ("rate", kbit.between(Flow::all()).into_rule(), LASTING, several),
        ("partition", net::drop().between(Flow::peer(PEER).unwrap()).into_rule(), LASTING, echoes),
        ("loss", net::loss(half).from(Flow::peer(PEER).unwrap()).into_rule(), LASTING, echoes),
        (
            "reset",
            net::refuse(Refusal::Reset).to(Flow::peer(PEER).unwrap().tcp()).into_rule(),
            LASTING,
            connects,
        ),
    ]);
}

fn delay() {
    all(vec![("delay", net::delay(ms(60)).between(Flow::all()).into_rule(), LASTING, echoes)]);
}

/// They stand still with it: no longer than 10 s, however long they were said to.
fn through_it() {
    let slow = || net::delay(ms(60)).to(Flow::all()).carrier(Carrier::Process).into_rule();
    all(vec![
        ("delay through this process", slow(), LASTING, echoes),
        ("the same, for ten minutes", slow(), Some(secs(600)), echoes),
    ]);
}

fn all(cases: Vec<Case>) {
    thread::scope(|scope| {
        for case in cases {
            scope.spawn(move || stopped(&case));
        }
    });
}

fn stopped((name, rule, lasting, is_direct): &Case) {
    let scene = Scene::new();
    let home = tempfile::tempdir().unwrap();
    let client = scene.client().patient(ms(30));
    let is_direct = || scene.target.inside(|| is_direct(&client));
    let before = scene.state();
    let mut injector = Injector::start(&scene, &home.path().join("ledger"), rule, *lasting);
    injector.stop();
    let deadline = Instant::now() + left(&scene).unwrap();
    while Instant::now() + ms(700) < deadline {
        assert!(!is_direct(), "{name}: not in force before its deadline: {}", scene.state());
        thread::sleep(ms(100));
    }
    wait_until("packets go directly", secs(20), &is_direct);
    let late = Instant::now().saturating_duration_since(deadline);
    println!("{name}: stopped injector, packets go directly {late:?} after the deadline");
    assert_eq!(left(&scene), None);
    assert!(scene.left().contains("table"), "its owner lives: the table stands, and acts no more");
    // It goes on, and takes back what is left.
    injector.go_on_and_revert();
    assert_eq!(scene.state(), before, "{name}");
}

/// How long the rule in force still has, as the kernel lists it.
fn left(scene: &Scene) -> Option<Duration> {
    let listed = scene.target.inside(|| read("nft", "list ruleset"));
    let (_, left) = listed.split_once(" expires ")?;
    let mut time = Duration::ZERO;
    let mut number = 0;
    let mut letters = left.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '0'..='9' => number = number * 10 + u64::from(letter.to_digit(10).unwrap()),
            'h' => time += secs(std::mem::take(&mut number) * 3600),
            'm' if letters.next_if_eq(&'s').is_some() => time += ms(std::mem::take(&mut number)),
            'm' => time += secs(std::mem::take(&mut number) * 60),
            's' => time += secs(std::mem::take(&mut number)),
            _ => break,
        }
    }
    Some(time)
}

fn forgotten() {
    let scene = Scene::new();
    let client = scene.client().patient(ms(30));
    let begin = |lasting| {
        let fault = net::drop().to(Flow::peer(PEER).unwrap()).into_rule();
        let mut step =
            chaos_core::experiment::Step::from(fault.on(Targets::one(scene.namespace()), Mode::ALL));
        if let Some(lasting) = lasting {
            step = step.lasting(lasting);
        }
        let radius = BlastRadius::count(1).unwrap();
        run(scene.chaos.inject(step, radius).ledger(scene.ledger.clone()).begin()).unwrap()
    };
    // Held without an end it is in force as long as there is a word now and then.
    let held = begin(None);
    assert!(left(&scene).is_some_and(|left| left > secs(30) && left <= secs(60)), "{:?}", left(&scene));
    run(held.extend(secs(600))).unwrap();
    assert!(left(&scene).is_some_and(|left| left > secs(600)), "{:?}", left(&scene));
    run(held.revert()).unwrap();

    let forgotten = begin(Some(ms(1)));
    assert!(client.one(at(PEER, PORT)).is_none());
    wait_until("the deadline", secs(20), || echoes(&client));
    let (_, seen) = run(forgotten.observe()).remove(0);
    let seen = seen.unwrap();
    assert!(!seen.is_in_force() && seen.detail().contains("its deadline has passed"), "{}", seen.detail());
    let error = run(forgotten.extend(secs(10))).unwrap_err();
    assert!(error.chain().contains("its deadline has passed"), "{}", error.chain());
    // What comes later has its own time.
    let next = begin(Some(secs(30)));
    assert!(client.one(at(PEER, PORT)).is_none());
    assert!(!run(forgotten.observe()).remove(0).1.unwrap().is_in_force());
    run(next.revert()).unwrap();
    client.sure(at(PEER, PORT));
    run(forgotten.revert()).unwrap();
    assert_eq!(scene.left(), "");
}
