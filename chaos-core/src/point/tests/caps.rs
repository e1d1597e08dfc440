//! The blast radius of an experiment at a point: a share of the matching operations seen so far, and how many at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use proptest::prelude::*;

use super::{Call, decide, point};
use crate::Delay;
use crate::point::{Abilities, Armed, Cap, Point, Rule, step};
use crate::sync::Arc;
use crate::units::{Percent, ms};

fn cap(percent: f64, at_once: Option<u32>) -> Arc<Cap> {
    Arc::new(Cap::new(Some(Percent::try_new(percent).unwrap()), at_once))
}

pub(super) fn arm_under(point: &Point<Call>, rule: Rule<Call>, cap: &Arc<Cap>) -> Armed<Call> {
    let live = point.arm_as(&rule, point.new_id(), Some(Arc::clone(cap))).unwrap();
    Armed::new(point.clone(), live)
}

fn chance(chance: f64) -> Rule<Call> {
    step::hang().named("r").unwrap().probability(chance).unwrap()
}

#[test]
fn a_share_rounds_down_at_every_moment() {
    let point = point(7);
    let cap = cap(30.0, None);
    let armed = arm_under(&point, step::hang(), &cap);
    let hit: Vec<u64> = super::numbers_hit(&point, 14);
    assert_eq!(hit, [4, 7, 10, 14]);
    assert_eq!((cap.seen(), cap.hits(), armed.stats().capped), (14, 4, 10));
}

#[test]
fn the_population_is_what_the_rules_match() {
    let point = point(7);
    let cap = cap(50.0, None);
    let _armed = arm_under(&point, step::hang().matching(|call: &Call| call.0 == 1), &cap);
    for number in [0, 0, 0, 1, 0, 1, 1, 1] {
        drop(point.decide(&Call(number), Abilities::ERROR));
    }
    assert_eq!((cap.seen(), cap.hits()), (4, 2));
}

#[test]
fn rules_of_one_experiment_share_a_cap_and_count_an_operation_once() {
    let point = point(7);
    let cap = cap(50.0, Some(1));
    let slow = || step::latency(Delay::fixed(ms(0)));
    let one = arm_under(&point, slow(), &cap);
    let other = arm_under(&point, slow().matching(|call: &Call| call.0 > 0), &cap);
    let both = [0, 1, 1, 1].map(|number| point.decide(&Call(number), Abilities::ERROR).is_some());
    assert_eq!(both, [false, true, false, true]);
    assert_eq!((cap.seen(), cap.hits()), (4, 2));
    assert_eq!((one.hits(), other.hits()), (2, 2), "under the cap, all of its rules act");
}

#[test]
fn two_experiments_at_one_point_have_a_cap_each() {
    let point = point(7);
    let (half, third) = (cap(50.0, None), cap(34.0, None));
    let slow = || step::latency(Delay::fixed(ms(0)));
    let _one = arm_under(&point, slow(), &half);
    let _other = arm_under(&point, slow(), &third);
    (0..6).for_each(|_| drop(decide(&point)));
    assert_eq!((half.seen(), half.hits(), third.seen(), third.hits()), (6, 3, 6, 2));
}

#[test]
fn at_once_holds_until_the_operation_is_over() {
    let point = point(7);
    let cap = cap(100.0, Some(2));
    let _armed = arm_under(&point, step::hang(), &cap);
    let held = [decide(&point).unwrap(), decide(&point).unwrap()];
    assert!(decide(&point).is_none());
    drop(held);
    assert!(decide(&point).is_some());
    assert_eq!(cap.hits(), 3);
}

#[test]
fn a_hit_that_the_rules_own_limit_removes_takes_no_share() {
    let point = point(7);
    let cap = cap(50.0, Some(1));
    let spent = arm_under(&point, step::hang().budget(1).unwrap(), &cap);
    (0..10).for_each(|_| drop(decide(&point)));
    assert_eq!((spent.hits(), cap.hits()), (1, 1));
    // The four it did not take are left for another rule of the experiment.
    let open = arm_under(&point, step::hang(), &cap);
    (0..4).for_each(|_| drop(decide(&point)));
    assert_eq!((open.hits(), cap.hits()), (4, 5));
}

/// Drives `calls` and checks the cap after each; returns the numbers hit.
fn drive(seed: u64, rule: &Rule<Call>, percent: Percent, at_once: u32, calls: u64) -> Vec<u64> {
    let point = point(seed);
    let cap = Arc::new(Cap::new(Some(percent), Some(at_once)));
    let armed = arm_under(&point, rule.clone(), &cap);
    let mut held = std::collections::VecDeque::new();
    let mut hit = Vec::new();
    for number in 1..=calls {
        if let Some(under_fault) = decide(&point) {
            hit.push(number);
            held.push_back((number, under_fault));
        }
        assert_eq!(cap.seen(), number);
        assert!(cap.hits() <= percent.floor_of(number), "{} of {number} under {percent}", cap.hits());
        assert!(held.len() <= at_once as usize);
        // Operations take a while: seven calls of others.
        while held.front().is_some_and(|(since, _)| since + 7 <= number) {
            held.pop_front();
        }
    }
    assert_eq!(armed.hits(), hit.len() as u64);
    hit
}

proptest! {
    // With the two below, a million operations in all.
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn never_over_the_cap_and_stable_by_seed(
        seed: u64, ppm in 0_u32..=1_000_000, at_once in 1_u32..6, wish in 0.0..=1.0,
    ) {
        let percent = Percent::try_new(f64::from(ppm) / 10_000.0).unwrap();
        let hit = drive(seed, &chance(wish), percent, at_once, 5_000);
        prop_assert_eq!(&drive(seed, &chance(wish), percent, at_once, 5_000), &hit);
        // The cap only removes.
        let free = drive(seed, &chance(wish), Percent::ALL, u32::from(u16::MAX), 5_000);
        prop_assert!(hit.iter().all(|number| free.binary_search(number).is_ok()));
    }

    #[test]
    fn a_wider_cap_never_means_fewer_hits(seed: u64, one in 0_u32..=1_000, other in 0_u32..=1_000, wish in 0.0..=1.0) {
        let hits = |per_mille: u32| {
            let percent = Percent::try_new(f64::from(per_mille) / 10.0).unwrap();
            drive(seed, &chance(wish), percent, u32::from(u16::MAX), 2_500).len()
        };
        prop_assert!(hits(one.min(other)) <= hits(one.max(other)));
    }
}

#[test]
fn never_over_the_cap_across_threads() {
    for (percent, at_once) in [(10.0, 1), (33.3, 3), (80.0, 2), (100.0, 4)] {
        let point = point(7);
        let cap = cap(percent, Some(at_once));
        let share = Percent::try_new(percent).unwrap();
        let armed = arm_under(&point, chance(0.9), &cap);
        let under_fault = AtomicU64::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..8_000 {
                        let hit = decide(&point);
                        if hit.is_some() {
                            let now = under_fault.fetch_add(1, Ordering::SeqCst) + 1;
                            assert!(now <= u64::from(at_once), "{now} at once");
                        }
                        let hits = cap.hits();
                        let seen = cap.seen();
                        assert!(hits <= share.floor_of(seen), "{hits} of {seen} under {share}");
                        if hit.is_some() {
                            under_fault.fetch_sub(1, Ordering::SeqCst);
                        }
                        drop(hit);
                    }
                });
            }
        });
        assert_eq!(cap.seen(), 32_000);
        assert!(cap.hits() > 0 && cap.hits() == armed.hits());
    }
}
