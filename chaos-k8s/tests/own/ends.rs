//! How a siding ends, changes and fails.

use std::time::Instant;

use chaos_core::dice::Rolls;
use chaos_core::units::{ms, secs};
use chaos_k8s::node::net::Netem;
use chaos_k8s::node::net::own::{NetemFault, Packet, PacketFault, Verdict};

use super::scene::{NEEDS, OTHER, Scene, TARGET, came, in_batches, ip, numbers, send, tc, wait_until};
use super::support::{Test, through_signals};

pub(crate) const TESTS: &[Test] = &[
    ("what_is_held_is_sent_when_due_at_the_end", NEEDS, drained),
    ("what_is_held_is_sent_at_the_bound_of_the_end", NEEDS, bounded),
    ("dropped_it_sends_what_it_holds_and_the_tap_is_gone", NEEDS, dropped),
    ("a_fault_is_replaced_without_a_loss", NEEDS, replaced),
    ("more_than_the_limit_is_dropped_and_counted", NEEDS, limit),
    ("a_fault_that_panics_lets_packets_pass_and_says_so", NEEDS, panics),
    ("a_tap_that_is_taken_away_is_noticed", NEEDS, taken_away),
    ("the_taps_own_packets_are_nobodys", NEEDS, chatter),
    ("a_busy_device_loses_nothing", NEEDS, busy),
];

fn slow(wait: std::time::Duration) -> Netem {
    Netem { delay: wait, ..Netem::default() }
}

/// Sends 100 packets and ends the siding; how many came, and when.
fn end(
    wait: std::time::Duration,
    end: impl FnOnce(chaos_k8s::node::net::own::Siding),
) -> std::time::Duration {
    let scene = Scene::new();
    let siding = scene.netem(slow(wait));
    let (sender, receiver) = (scene.sender(), scene.receiver(TARGET));
    let begun = Instant::now();
    for number in 0..100_u8 {
        sender.send_to(&[number], receiver.local_addr().unwrap()).unwrap();
    }
    wait_until("all are held", || siding.counters().held == 100);
    scene.unsteer();
    end(siding);
    let took = begun.elapsed();
    receiver.set_read_timeout(Some(ms(200))).unwrap();
    let mut buffer = [0; 1];
    for number in 0..100_u8 {
        through_signals(|| receiver.recv(&mut buffer)).unwrap();
        assert_eq!(buffer[0], number);
    }
    assert!(!scene.has_tap());
    took
}

fn drained() {
    let took = end(ms(300), |siding| {
        let counters = siding.drain(secs(10)).unwrap();
        assert_eq!((counters.arrived, counters.sent, counters.held), (100, 100, 0), "{counters}");
    });
    println!("drained after {took:?}");
    assert!(took >= ms(300) && took < secs(5), "{took:?}");
}

fn bounded() {
    let took = end(secs(60), |siding| {
        siding.drain(ms(200)).unwrap();
    });
    assert!(took < secs(10), "{took:?}");
}

fn dropped() {
    let took = end(secs(60), drop);
    assert!(took < secs(10), "{took:?}");
}

fn replaced() {
    let scene = Scene::new();
    let siding = scene.netem(slow(ms(5)));
    let (sender, receiver) = (scene.sender(), scene.receiver(TARGET));
    let came = std::thread::scope(|scope| {
        let came = scope.spawn(|| in_batches(&sender, &receiver, (3_000, 250), 100, secs(2)));
        for wait in 0..40 {
            siding.replace(NetemFault::try_new(slow(ms(1 + wait % 5))).unwrap()).unwrap();
            std::thread::sleep(ms(2));
        }
        came.join().unwrap()
    });
    assert_eq!(came.len(), 3_000, "{}", siding.counters());
}

fn limit() {
    let scene = Scene::new();
    let siding = scene.netem(Netem { limit: Some(10), ..slow(ms(400)) });
    let came = numbers(&scene.sender(), &scene.receiver(TARGET), 32, 100);
    assert_eq!(came, (0..10).collect::<Vec<_>>());
    let counters = siding.counters();
    assert_eq!((counters.sent, counters.overflowed), (10, 22), "{counters}");
}

#[derive(Debug)]
struct Panics;

impl PacketFault for Panics {
    fn packet(&mut self, packet: &mut Packet<'_>, _dice: &mut Rolls) -> Verdict {
        assert!(packet.ordinal() < 5, "the fifth, on purpose");
        Verdict::Drop
    }
}

fn panics() {
    let scene = Scene::new();
    let siding = scene.siding(Panics);
    let receiver = scene.receiver(TARGET);
    send(&scene.sender(), receiver.local_addr().unwrap(), 10, 100);
    // What a panic prints takes its time.
    wait_until("the others pass", || siding.counters().sent == 5);
    assert_eq!(came(&receiver, 100), [5, 6, 7, 8, 9]);
    assert!(siding.counters().broken);
    siding.replace(NetemFault::try_new(slow(ms(1))).unwrap()).unwrap();
    wait_until("the new fault works", || !siding.counters().broken);
}

fn taken_away() {
    let scene = Scene::new();
    let siding = scene.netem(slow(ms(1)));
    scene.unsteer();
    scene.here.inside(|| ip("link delete tap7"));
    wait_until("it is noticed", || siding.counters().broken);
    let other = scene.runner.open(&scene.place("tap8"), NetemFault::try_new(slow(ms(40))).unwrap()).unwrap();
    scene.steer("tap8");
    let (least, _) = scene.round_trip(TARGET, 5);
    assert!(least >= ms(40), "the thread goes on: {least:?}");
    siding.drain(secs(1)).unwrap();
    drop(other);
}

fn chatter() {
    let scene = Scene::new();
    let siding = scene.netem(slow(ms(1)));
    // An address makes the kernel say what it has to say of its own accord: reports, solicitations.
    scene.here.inside(|| ip("address add 10.8.0.1/24 dev tap7"));
    let socket = scene.here.inside(|| std::net::UdpSocket::bind("10.8.0.1:0").unwrap());
    socket.set_broadcast(true).unwrap();
    for _ in 0..10 {
        socket.send_to(b"from the TAP itself", "10.8.0.255:9").unwrap();
    }
    std::thread::sleep(ms(200));
    assert_eq!(siding.counters().arrived, 0);
}

/// A device whose queue stands still for a while: what the socket's buffer has no room for waits here, and is not lost.
fn busy() {
    let scene = Scene::new();
    let queue = |how: &str, rate: &str| {
        let said = format!("qdisc {how} dev v0 root tbf rate {rate} burst 20000 limit 100000000");
        scene.here.inside(|| tc(&said));
    };
    queue("add", "8kbit");
    let siding = scene.netem(Netem { jitter: ms(1), ..slow(ms(2)) });
    let receiver = scene.receiver(TARGET);
    send(&scene.sender(), receiver.local_addr().unwrap(), 9_000, 1_400);
    wait_until("the device takes no more", || siding.counters().arrived == 9_000);
    let held = siding.counters().held;
    queue("change", "1gbit");
    // The queue looks at its new rate when the next packet comes.
    scene.sender().send_to(&[0], (OTHER, 9)).unwrap();
    let came = came(&receiver, 1_400);
    let counters = siding.counters();
    println!("{held} held; {counters}");
    assert!(held > 100, "the device took all: {counters}");
    assert_eq!(came.len(), 9_000, "{counters}");
}
