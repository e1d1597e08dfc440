//! Each effect, seen by sockets.

use std::collections::BTreeSet;
use std::fs;

use chaos_core::units::ms;
use chaos_k8s::node::net::own::Siding;
use chaos_k8s::node::net::{LossModel, Netem, Reorder};

use super::scene::{
    NEEDS, OTHER, Scene, TARGET, TARGET_6, assert_binomial, numbers, odds, percent, wait_until,
};
use super::support::Test;

pub(crate) const TESTS: &[Test] = &[
    ("a_delay_is_as_long_as_said_and_only_the_targets", NEEDS, delay),
    ("losses_are_as_many_as_said_and_replay", NEEDS, loss),
    ("duplicates_are_as_many_as_said", NEEDS, duplicate),
    ("corrupted_packets_are_as_many_as_said", NEEDS, corrupt),
    ("some_overtake", NEEDS, reorder),
];

const MANY: u32 = 2_000;

fn delay() {
    let scene = Scene::new();
    let (_, before) = scene.round_trip(OTHER, 50);
    let siding = scene.netem(Netem { delay: ms(40), ..Netem::default() });
    for peer in [TARGET, TARGET_6] {
        let (least, median) = scene.round_trip(peer, 50);
        println!("{peer}: {least:?} at least, median {median:?}");
        assert!(least >= ms(40) && least < ms(60), "{peer}: {least:?}, {median:?}");
    }
    let (least, median) = scene.round_trip(OTHER, 50);
    println!("{OTHER}: median {median:?}, before {before:?}");
    assert!(least < ms(5), "{least:?}");
    all_sent(&siding);
    scene.unsteer();
}

/// A packet is counted a moment after it is sent. The neighbour discovery of version 6 is IP as well.
pub(crate) fn all_sent(siding: &Siding) {
    wait_until("all that came is sent", || siding.counters().sent == siding.counters().arrived);
    let counters = siding.counters();
    assert!(counters.arrived >= 100 && counters.refused == 0, "{counters}");
}

fn lost(scene: &Scene) -> BTreeSet<u32> {
    let siding =
        scene.netem(Netem { loss: Some(LossModel::Random(percent(30.0).into())), ..Netem::default() });
    let came = numbers(&scene.sender(), &scene.receiver(TARGET), MANY, 100);
    let counters = siding.counters();
    assert_eq!(u64::from(MANY), counters.arrived, "{counters}");
    assert_eq!((came.len() as u64, counters.dropped), (counters.sent, counters.arrived - counters.sent));
    assert!(came.is_sorted());
    scene.unsteer();
    let came: BTreeSet<_> = came.into_iter().collect();
    (0..MANY).filter(|number| !came.contains(number)).collect()
}

fn loss() {
    let scene = Scene::new();
    let first = lost(&scene);
    assert_binomial("lost", first.len(), MANY, 0.3);
    assert_eq!(first, lost(&Scene::new()), "the same seed, the same losses");
    let came = numbers(&scene.sender(), &scene.receiver(TARGET), 100, 100);
    assert_eq!(came.len(), 100, "after the end, none is lost");
}

fn duplicate() {
    let scene = Scene::new();
    let siding = scene.netem(Netem { duplicate: odds(20.0), ..Netem::default() });
    let came = numbers(&scene.sender(), &scene.receiver(TARGET), MANY, 100);
    let twice = came.len() - came.iter().collect::<BTreeSet<_>>().len();
    assert_binomial("twice", twice, MANY, 0.2);
    assert_eq!(siding.counters().copied, twice as u64);
}

fn corrupt() {
    let scene = Scene::new();
    let siding = scene.netem(Netem { corrupt: odds(20.0), ..Netem::default() });
    let came = numbers(&scene.sender(), &scene.receiver(TARGET), MANY, 1_000);
    let counters = siding.counters();
    assert_binomial("corrupted", counters.changed as usize, MANY, 0.2);
    // Those with a wrong bit behind the header of IP are found by the checksum of UDP.
    let found = checksum_errors(&scene);
    assert_binomial("found by the checksum", found, MANY, 0.2 * 1_008.0 / 1_042.0);
    assert!(came.len() + found >= MANY as usize - 60, "{} came, {found} found", came.len());
}

fn checksum_errors(scene: &Scene) -> usize {
    let table = scene.there.inside(|| fs::read_to_string("/proc/thread-self/net/snmp").unwrap());
    let mut lines = table.lines().filter(|line| line.starts_with("Udp: "));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let at = names.split(' ').position(|name| name == "InCsumErrors").unwrap();
    values.split(' ').nth(at).unwrap().parse().unwrap()
}

fn reorder() {
    let scene = Scene::new();
    let reorder = Some(Reorder { odds: percent(25.0).into(), gap: 1 });
    let _siding = scene.netem(Netem { delay: ms(20), reorder, ..Netem::default() });
    let came = numbers(&scene.sender(), &scene.receiver(TARGET), MANY, 100);
    assert_eq!(came.len(), MANY as usize);
    // Of those that wait, each comes after all that were sent before it and wait as well.
    let mut highest = 0;
    let is_late = |number: &&u32| {
        let is_late = **number < highest;
        highest = highest.max(**number);
        is_late
    };
    let late = came.iter().filter(is_late).count();
    println!("{late} of {MANY} came after a later one");
    // Three of four wait, and each is overtaken by somebody, but for the last few before each silence of a sender that is held
    // up: a busy machine has some.
    assert!(late as f64 > f64::from(MANY) * 0.5 && late as f64 <= f64::from(MANY) * 0.8, "{late}");
}
