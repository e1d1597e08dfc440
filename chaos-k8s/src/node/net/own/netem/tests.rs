//! Each effect against what its numbers say, at fixed seeds; packets come a millisecond apart.

use chaos_core::units::{ms, us};

use super::*;
use crate::node::net::own::{Rehearsal, Sent};
use crate::node::net::{Bandwidth, Distribution, LossModel, Odds, Reorder, Slot};

const MANY: u64 = 100_000;

fn percent(value: f64) -> Percent {
    Percent::try_new(value).unwrap()
}

/// An Ethernet frame with an IPv4 header that says ECT(1), and its number.
fn frame(number: u64) -> Vec<u8> {
    let mut frame = vec![0; 14];
    frame[12] = 8;
    frame.extend([0x45, 1, 0, 28, 0, 0, 0, 0, 64, 17, 0x66, 0xcb, 10, 0, 0, 1, 10, 0, 0, 2]);
    frame.extend(number.to_be_bytes());
    frame
}

/// What is sent for each of `many` packets.
fn sent(netem: Netem, many: u64, apart: Duration) -> Vec<Vec<Sent>> {
    let mut fault = NetemFault::try_new(netem).unwrap();
    let mut rehearsal = Rehearsal::seeded(7);
    (0..many).map(|n| rehearsal.frame(&mut fault, apart * n as u32, &frame(n))).collect()
}

fn each(netem: Netem) -> Vec<Vec<Sent>> {
    sent(netem, MANY, ms(1))
}

/// The share of packets of which so many were sent.
fn share(all: &[Vec<Sent>], copies: usize) -> f64 {
    all.iter().filter(|sent| sent.len() == copies).count() as f64 / all.len() as f64
}

/// Within 99.9 % of what a binomial distribution of [`MANY`] gives.
fn is_about(seen: f64, expected: f64) -> bool {
    let deviation = (expected * (1.0 - expected) / MANY as f64).sqrt();
    (seen - expected).abs() <= 3.3 * deviation + 1e-9
}

/// Mean and standard deviation of the waits, in milliseconds.
fn waits(all: &[Vec<Sent>]) -> (f64, f64) {
    let waits: Vec<_> = all.iter().flatten().map(|sent| sent.after.as_secs_f64() * 1e3).collect();
    let mean = waits.iter().sum::<f64>() / waits.len() as f64;
    let square = waits.iter().map(|wait| (wait - mean).powi(2)).sum::<f64>() / waits.len() as f64;
    (mean, square.sqrt())
}

#[test]
fn a_delay_is_exact_and_touches_nothing() {
    let all = sent(Netem { delay: ms(40), ..Netem::default() }, 100, ms(1));
    for (number, packet) in all.iter().enumerate() {
        assert_eq!(packet.len(), 1);
        assert_eq!((packet[0].after, &packet[0].frame), (ms(40), &frame(number as u64)));
    }
}

#[test]
fn jitter_has_the_shape_it_was_given() {
    let measured: Vec<_> = (0..1000).map(|i| us(100 * (i % 100))).collect();
    let (shape, ..) = Distribution::from_samples(&measured).unwrap();
    // Tables of Pareto are cut at four deviations, and lack what is above.
    for (distribution, deviation) in [
        (Distribution::Uniform, 10.0 / 3.0_f64.sqrt()),
        (Distribution::Normal, 10.0),
        (Distribution::Pareto, 8.2),
        (Distribution::ParetoNormal, 8.4),
        (shape, 10.0),
    ] {
        let netem = Netem { delay: ms(100), jitter: ms(10), distribution, ..Netem::default() };
        let name = netem.to_string();
        let (mean, seen) = waits(&each(netem));
        println!("{name}: {mean:.2} +- {seen:.2} ms");
        assert!((mean - 100.0).abs() < 0.5, "{name}: mean {mean}");
        assert!((seen - deviation).abs() < 0.2, "{name}: deviation {seen}, not {deviation}");
    }
}

#[test]
fn a_wide_jitter_is_as_wide_as_said_and_never_early() {
    let netem = Netem { delay: ms(5_000), jitter: ms(10_000), ..Netem::default() };
    let all = each(netem);
    let waits = all.iter().map(|sent| sent[0].after);
    let (least, most) = (waits.clone().min().unwrap(), waits.max().unwrap());
    assert!(least.is_zero() && most > ms(14_990) && most < ms(15_000), "{least:?} to {most:?}");
}

#[test]
fn loss_of_each_model() {
    let random = |odds| LossModel::Random(odds);
    let (p, r, bad, good) = (percent(2.0), percent(20.0), percent(70.0), percent(0.5));
    let cases = [
        (random(Odds::of(percent(5.0))), 0.05),
        (random(Odds::of(percent(100.0))), 1.0),
        // In the bad state for p / (p + r) of the packets.
        (LossModel::GilbertElliott { p, r, bad, good }, (2.0 * 0.7 + 20.0 * 0.005) / 22.0),
        // Salsano et al., section 2: losses in bursts and alone, over the time in all four states.
        (four_state(), four_state_loss()),
    ];
    for (model, expected) in cases {
        let all = each(Netem { loss: Some(model), ..Netem::default() });
        let seen = share(&all, 0);
        println!("{model}: {seen:.4}, expected {expected:.4}");
        // Losses that come in bursts stray wider than a binomial distribution.
        assert!((seen - expected).abs() < 0.008, "{model}: {seen}, not {expected}");
        if matches!(model, LossModel::Random(_)) {
            assert!(is_about(seen, expected), "{model}: {seen}, not {expected}");
        }
    }
}

fn four_state() -> LossModel {
    LossModel::FourState {
        p13: percent(2.0),
        p31: percent(20.0),
        p32: percent(10.0),
        p23: percent(30.0),
        p14: percent(1.0),
    }
}

/// The stationary distribution of the chain: 1 -> 3 (p13), 1 -> 4 (p14), 4 -> 1, 3 -> 1 (p31), 3 -> 2 (p32), 2 -> 3 (p23).
/// State 1 sends to 3 what 3 sends back; losses are the packets in 3 and 4, by the state that a packet leaves into.
fn four_state_loss() -> f64 {
    let (p13, p31, p32, p23, p14) = (0.02, 0.2, 0.1, 0.3, 0.01);
    let one = 1.0;
    let three = one * p13 / p31;
    let two = three * p32 / p23;
    let four = one * p14;
    (three + four) / (one + two + three + four)
}

#[test]
fn correlated_losses_come_together() {
    let alone = each(Netem { loss: Some(LossModel::Random(percent(30.0).into())), ..Netem::default() });
    let odds = Odds::of(percent(30.0)).correlated(percent(50.0));
    let together = each(Netem { loss: Some(LossModel::Random(odds)), ..Netem::default() });
    // Of the packets after a lost one, how many are lost.
    let follows = |all: &[Vec<Sent>]| {
        let lost: Vec<_> = all.windows(2).filter(|two| two[0].is_empty()).collect();
        lost.iter().filter(|two| two[1].is_empty()).count() as f64 / lost.len() as f64
    };
    let (alone, together) = (follows(&alone), follows(&together));
    println!("lost after a lost one: {alone:.3} and {together:.3}");
    assert!((alone - 0.3).abs() < 0.01 && together > 0.34);
}

#[test]
fn duplicates_are_counted_and_go_their_own_way() {
    let netem =
        Netem { delay: ms(10), jitter: ms(5), duplicate: Some(percent(10.0).into()), ..Netem::default() };
    let all = each(netem);
    assert!(is_about(share(&all, 2), 0.1), "{}", share(&all, 2));
    let doubled: Vec<_> = all.iter().filter(|sent| sent.len() == 2).collect();
    assert!(doubled.iter().all(|two| two[0].frame == two[1].frame));
    assert!(doubled.iter().filter(|two| two[0].after != two[1].after).count() > doubled.len() / 2);
}

#[test]
fn corruption_is_one_bit_anywhere() {
    let all = each(Netem { corrupt: Some(percent(20.0).into()), ..Netem::default() });
    let mut places = [0; 42];
    let mut hit = 0;
    for (number, sent) in all.iter().enumerate() {
        let before = frame(number as u64);
        let changed: Vec<_> = (0..before.len()).filter(|at| sent[0].frame[*at] != before[*at]).collect();
        let Some(at) = changed.first() else { continue };
        assert_eq!((changed.len(), (sent[0].frame[*at] ^ before[*at]).count_ones()), (1, 1));
        places[*at] += 1;
        hit += 1;
    }
    assert!(is_about(f64::from(hit) / MANY as f64, 0.2), "{hit}");
    assert!(places.iter().all(|count| *count > hit / 42 / 2), "{places:?}");
}

#[test]
fn a_copy_is_corrupted_on_its_own() {
    let half = Some(percent(50.0).into());
    let all = each(Netem { duplicate: Some(percent(100.0).into()), corrupt: half, ..Netem::default() });
    let is_bad = |number: usize, sent: &Sent| sent.frame != frame(number as u64);
    let both = all.iter().enumerate().filter(|(n, two)| is_bad(*n, &two[0]) && is_bad(*n, &two[1])).count();
    let none = all.iter().enumerate().filter(|(n, two)| !is_bad(*n, &two[0]) && !is_bad(*n, &two[1])).count();
    let share = |count: usize| count as f64 / MANY as f64;
    assert!(is_about(share(both), 0.25) && is_about(share(none), 0.25), "{both} {none}");
}

#[test]
fn those_that_overtake_go_at_once() {
    for (gap, expected) in [(1, 0.25), (5, 0.25 / (1.0 + 4.0 * 0.25))] {
        let reorder = Some(Reorder { odds: percent(25.0).into(), gap });
        let all = each(Netem { delay: ms(10), reorder, ..Netem::default() });
        let first = all.iter().filter(|sent| sent[0].after.is_zero()).count() as f64 / MANY as f64;
        assert!((first - expected).abs() < 0.006, "gap {gap}: {first}, not {expected}");
        assert!(all.iter().all(|sent| sent[0].after.is_zero() || sent[0].after == ms(10)));
    }
}

#[test]
fn a_rate_sends_one_after_the_other() {
    // 42 bytes and 8 more are 50 us at 8 Mbit/s; in cells of 48 bytes with 5 more, two cells, so 106 us.
    for (cell_size, cell_overhead, each) in [(0, 0, us(50)), (48, 5, us(106))] {
        let rate = Some(Bandwidth::mbit(8).unwrap());
        let netem =
            Netem { delay: ms(1), rate, packet_overhead: 8, cell_size, cell_overhead, ..Netem::default() };
        let all = sent(netem, 1_000, us(10));
        for (number, packet) in all.iter().enumerate() {
            let number = number as u32;
            assert_eq!(packet[0].after + us(10) * number, ms(1) + each * (number + 1));
        }
    }
}

#[test]
fn a_rate_forgets_what_is_over() {
    let rate = Some(Bandwidth::mbit(8).unwrap());
    let all = sent(Netem { rate, ..Netem::default() }, 100, ms(1));
    assert!(all.iter().all(|packet| packet[0].after == us(42)));
}

#[test]
fn slots_send_in_bunches() {
    let slot = Slot { packets: 3, ..Slot::every(ms(20), ms(20)).unwrap() };
    let all = sent(Netem { slot: Some(slot), ..Netem::default() }, 60, us(100));
    let mut times: Vec<_> =
        all.iter().enumerate().map(|(n, packet)| us(100) * n as u32 + packet[0].after).collect();
    times.dedup();
    let mut bunches: Vec<usize> = Vec::new();
    for time in &times {
        let at = all.iter().enumerate().filter(|(n, packet)| us(100) * *n as u32 + packet[0].after == *time);
        bunches.push(at.count());
    }
    assert_eq!(bunches, vec![3; 20], "{times:?}");
    assert!(times.windows(2).all(|two| two[1] - two[0] == ms(20)));
}

#[test]
fn ecn_marks_instead_of_losing() {
    let loss = Some(LossModel::Random(percent(50.0).into()));
    let all = each(Netem { loss, ecn: true, ..Netem::default() });
    let marked = all.iter().filter(|sent| sent[0].frame[15] & 3 == 3).count();
    assert!((share(&all, 1) - 1.0).abs() < 1e-9 && is_about(marked as f64 / MANY as f64, 0.5));
}

#[test]
fn a_seed_replays_and_its_own_seed_goes_before_that() {
    let netem =
        |seed| Netem { loss: Some(LossModel::Random(percent(50.0).into())), seed, ..Netem::default() };
    let run = |seed, dice| {
        let mut fault = NetemFault::try_new(netem(seed)).unwrap();
        let mut rehearsal = Rehearsal::seeded(dice);
        (0..100).map(|n| rehearsal.frame(&mut fault, ms(n), &frame(n)).len()).collect::<Vec<_>>()
    };
    assert_eq!(run(None, 1), run(None, 1));
    assert_ne!(run(None, 1), run(None, 2));
    assert_eq!(run(Some(9), 1), run(Some(9), 2));
    assert_ne!(run(Some(9), 1), run(Some(8), 1));
}

#[test]
fn only_a_plain_delay_takes_large_frames() {
    let frames = |netem| NetemFault::try_new(netem).unwrap().frames();
    assert_eq!(frames(Netem { delay: ms(1), ..Netem::default() }), Frames::Large);
    assert_eq!(frames(Netem { delay: ms(1), jitter: ms(1), ..Netem::default() }), Frames::Wire);
    assert_eq!(frames(Netem { corrupt: Some(percent(1.0).into()), ..Netem::default() }), Frames::Wire);
}

#[test]
fn the_limit_holds_what_the_delay_needs() {
    let limit = |netem| NetemFault::try_new(netem).unwrap().limit();
    assert_eq!(limit(Netem { delay: ms(1), limit: Some(7), ..Netem::default() }), 7);
    assert_eq!(limit(Netem { delay: ms(1), ..Netem::default() }), u32::MAX);
    let rate = Some(Bandwidth::mbit(8).unwrap());
    assert_eq!(limit(Netem { delay: ms(640), rate, ..Netem::default() }), 1_000 + 10_000);
}
