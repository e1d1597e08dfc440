//! A decision is a function of seed, point, rule and ordinal: whoever asks, in whatever order.

use std::collections::BTreeSet;
use std::thread;

use proptest::prelude::*;

use super::{Call, decide, numbers_hit};
use crate::chaos::Chaos;
use crate::event::Event;
use crate::point::{Rule, step};

fn rule(chance: f64) -> Rule<Call> {
    step::hang().named("r").unwrap().probability(chance).unwrap()
}

/// The ordinals hit, from 0, when `threads` share the calls among them as they come.
fn ordinals(seed: u64, rule: Rule<Call>, threads: usize, each: usize) -> BTreeSet<u64> {
    let chaos = Chaos::seeded(seed);
    let point = chaos.point("calls").unwrap();
    let mut events = chaos.subscribe(2 * threads * each).unwrap();
    let _armed = point.arm(rule).unwrap();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| (0..each).for_each(|_| drop(decide(&point))));
        }
    });
    let mut hit = BTreeSet::new();
    while let Some(event) = events.try_recv() {
        if let Event::Hit { ordinal, .. } = event {
            assert!(hit.insert(ordinal), "no ordinal is given twice");
        }
    }
    assert_eq!(events.lost(), 0);
    hit
}

#[test]
fn any_interleaving_hits_the_same_ordinals() {
    let alone = ordinals(7, rule(0.3), 1, 8_000);
    assert!(alone.len() > 2_000);
    for _ in 0..5 {
        assert_eq!(ordinals(7, rule(0.3), 4, 2_000), alone);
    }
    assert_ne!(ordinals(8, rule(0.3), 1, 8_000), alone);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn limits_only_remove_hits(seed: u64, chance in 0.0..=1.0, budget in 1_u64..300, every in 1_u64..5) {
        let point = |rule: Rule<Call>| {
            let point = Chaos::seeded(seed).point("calls").unwrap();
            let armed = point.arm(rule).unwrap();
            let hit = numbers_hit(&point, 400);
            assert_eq!(armed.hits(), hit.len() as u64);
            hit
        };
        let free = point(rule(chance));
        prop_assert_eq!(&point(rule(chance)), &free);
        let capped = point(rule(chance).budget(budget).unwrap());
        prop_assert_eq!(&capped[..], &free[..free.len().min(budget as usize)]);
        let numbered = point(rule(chance).every(every).unwrap());
        let expected: Vec<u64> = free.iter().copied().filter(|number| number % every == 0).collect();
        prop_assert_eq!(numbered, expected);
    }

    #[test]
    fn a_higher_chance_keeps_the_hits_of_a_lower_one(seed: u64, one in 0.0..=1.0, other in 0.0..=1.0) {
        let (low, high) = if one < other { (one, other) } else { (other, one) };
        let hit = |chance| {
            let point = Chaos::seeded(seed).point("calls").unwrap();
            let _armed = point.arm(rule(chance)).unwrap();
            numbers_hit(&point, 300).into_iter().collect::<BTreeSet<_>>()
        };
        prop_assert!(hit(low).is_subset(&hit(high)));
    }
}
