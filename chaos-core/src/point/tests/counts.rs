//! Counters add up, from one thread and from many.

use std::thread;

use super::{Call, decide, point};
use crate::Delay;
use crate::point::{Abilities, step};
use crate::units::ms;

#[test]
fn every_matching_operation_is_a_hit_a_miss_or_capped() {
    let point = point(7);
    let rule = step::latency(Delay::fixed(ms(0))).matching(|call: &Call| call.0 % 2 == 0);
    let armed = point.arm(rule.named("even").unwrap().every(2).unwrap().budget(3).unwrap()).unwrap();
    for number in 0..20 {
        drop(point.decide(&Call(number), Abilities::ERROR));
    }
    let stats = armed.stats();
    assert_eq!((stats.matching, stats.hits, stats.misses, stats.capped), (10, 3, 5, 2));
    assert_eq!(stats.to_string(), "even: 3 hits of 10 matching (5 missed, 2 capped), 0ns added");
    assert_eq!(point.stats(), [stats]);
}

#[test]
fn counters_add_up_while_threads_count() {
    let point = point(7);
    let armed = point.arm(step::hang().probability(0.5).unwrap().at_once(1).unwrap()).unwrap();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| (0..20_000).for_each(|_| drop(decide(&point))));
        }
        for _ in 0..20_000 {
            let stats = armed.stats();
            assert!(stats.hits + stats.capped + stats.misses <= stats.matching, "{stats}");
        }
    });
    let stats = armed.stats();
    assert_eq!(stats.matching, 60_000);
    assert_eq!(stats.hits + stats.misses + stats.capped, 60_000);
}

#[test]
fn a_budget_holds_across_threads_to_the_last_hit() {
    let point = point(7);
    let armed = point.arm(step::hang().budget(1_000).unwrap()).unwrap();
    let hits: usize = thread::scope(|scope| {
        let count = || (0..5_000).filter(|_| decide(&point).is_some()).count();
        let threads = [(); 4].map(|()| scope.spawn(count));
        threads.map(|thread| thread.join().unwrap()).iter().sum()
    });
    assert_eq!((hits, armed.hits(), armed.stats().capped), (1_000, 1_000, 19_000));
}
