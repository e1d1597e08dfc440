//! Budget, at-once and window: they only remove hits.

use std::time::Duration;

use super::caps::arm_under;
use super::{Call, decide, is_invalid, numbers, numbers_hit, point};
use crate::delay::Delay;
use crate::point::gate::Cap;
use crate::point::{Rule, step};
use crate::sync::Arc;
use crate::units::{ms, secs};

fn often() -> Rule<Call> {
    step::hang().named("often").unwrap().probability(0.5).unwrap()
}

#[test]
fn a_budget_keeps_the_first_hits_and_moves_none() {
    let free = numbers(often(), 100);
    let point = point(7);
    let armed = point.arm(often().budget(5).unwrap()).unwrap();
    assert_eq!(numbers_hit(&point, 100), free[..5]);
    let stats = armed.stats();
    assert_eq!((stats.hits, stats.capped), (5, free.len() as u64 - 5));
    assert_eq!(stats.misses, 100 - free.len() as u64);
    is_invalid(step::hang::<Call>().budget(0), "a budget of 0 hits never hits");
}

#[test]
fn at_once_holds_while_operations_are_under_the_rule() {
    let point = point(7);
    let armed = point.arm(step::hang().at_once(2).unwrap()).unwrap();
    let first = decide(&point).unwrap();
    let second = decide(&point).unwrap();
    assert!(decide(&point).is_none());
    drop(first);
    let third = decide(&point).unwrap();
    assert!(decide(&point).is_none());
    drop((second, third));
    assert!(decide(&point).is_some());
    assert_eq!((armed.hits(), armed.stats().capped), (4, 2));
}

#[test]
fn a_delay_of_zero_is_counted_and_held_only_where_a_limit_must_see_it_end() {
    let none = || step::latency(Delay::fixed(Duration::ZERO));
    let free = point(7);
    let armed = free.arm(none()).unwrap();
    assert!(decide(&free).is_none(), "it is left as it is");
    assert_eq!((armed.hits(), armed.stats().misses), (1, 0));

    let limited = point(7);
    let armed = limited.arm(none().at_once(1).unwrap()).unwrap();
    let hit = decide(&limited).unwrap();
    assert!(decide(&limited).is_none(), "one at once");
    drop(hit);
    assert!(decide(&limited).is_some());
    assert_eq!((armed.hits(), armed.stats().capped), (2, 1));

    let capped = point(7);
    let cap = Arc::new(Cap::new(None, Some(1)));
    let _armed = arm_under(&capped, none(), &cap);
    let hit = decide(&capped).unwrap();
    assert!(decide(&capped).is_none(), "one at once under the blast radius");
    drop(hit);
    assert_eq!(cap.hits(), 1);

    let first = point(7);
    let _armed = [first.arm(none()).unwrap(), first.arm(step::hang()).unwrap()];
    assert!(decide(&first).unwrap().effect().is_some(), "the rules after it are still asked");
}

#[test]
fn at_once_and_the_numbers_it_can_count() {
    is_invalid(step::hang::<Call>().at_once(0), "0 operations at once is not in 1..=4194303");
    is_invalid(step::hang::<Call>().at_once(4_194_304), "is not in 1..=4194303");
    assert!(step::hang::<Call>().at_once(4_194_303).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_window_opens_and_closes_and_moves_nothing() {
    let windowed = point(7);
    let armed = windowed.arm(often().window(secs(5)..secs(8)).unwrap()).unwrap();
    let free = point(7);
    let _free = free.arm(often()).unwrap();
    let (mut hit, mut expected) = (Vec::new(), Vec::new());
    for second in 0..10 {
        for _ in 0..10 {
            hit.push(decide(&windowed).is_some());
            expected.push(decide(&free).is_some() && (5..8).contains(&second));
        }
        tokio::time::advance(secs(1)).await;
    }
    assert!(expected.contains(&true));
    assert_eq!(hit, expected);
    assert!(armed.stats().capped > 0);
}

#[tokio::test(start_paused = true)]
async fn a_window_with_one_end() {
    let point = point(7);
    let early = point.arm(step::latency(crate::Delay::fixed(ms(1))).window(..secs(5)).unwrap()).unwrap();
    let late = point.arm(step::latency(crate::Delay::fixed(ms(2))).window(secs(5)..).unwrap()).unwrap();
    drop(decide(&point));
    tokio::time::advance(secs(5)).await;
    drop(decide(&point));
    drop(decide(&point));
    assert_eq!((early.hits(), late.hits()), (1, 2));
}

#[test]
fn a_window_past_what_the_clock_can_say_never_opens() {
    assert_eq!(numbers(step::hang().window(Duration::from_secs(u64::MAX)..).unwrap(), 3), [0; 0]);
    assert_eq!(numbers(step::hang().window(..Duration::from_secs(u64::MAX)).unwrap(), 3), [1, 2, 3]);
}

#[test]
fn a_window_that_is_empty_is_refused() {
    is_invalid(step::hang::<Call>().window(secs(5)..secs(5)), "is empty");
    is_invalid(step::hang::<Call>().window(secs(8)..secs(5)), "is empty");
}

#[test]
fn a_rule_says_what_it_does() {
    let rule = often().nth("2+2").unwrap().budget(3).unwrap().at_once(2).unwrap().window(secs(1)..).unwrap();
    assert_eq!(
        rule.to_string(),
        "hang, operations 2+2, probability 0.5, at most 3 hits, at most 2 at once, from 1s on"
    );
    assert_eq!(rule.label(), "often");
    assert_eq!(step::panic::<Call>("now").label(), "panic \"now\"");
}
