//! Several rules at one point, in arming order.

use std::convert::Infallible;

use super::{Call, decide, numbers_hit, point};
use crate::Delay;
use crate::point::{Abilities, Matcher, Operation, Rule, Step, StepEffect, step};
use crate::units::ms;

fn slow(millis: u64) -> Rule<Call> {
    step::latency(Delay::fixed(ms(millis)))
}

#[test]
fn all_matching_delays_add() {
    let point = point(7);
    let _one = point.arm(slow(1)).unwrap();
    let _other = point.arm(slow(20).matching(|call: &Call| call.0 > 0)).unwrap();
    let _after = point.arm(Rule::delay_after(Delay::fixed(ms(300)))).unwrap();
    assert_eq!(decide(&point).unwrap().added(), ms(301));
    assert_eq!(point.decide(&Call(1), Abilities::ERROR).unwrap().added(), ms(321));
}

#[tokio::test(start_paused = true)]
async fn delays_are_waited_for_one_after_the_other() {
    let point = point(7);
    let one = point.arm(slow(40)).unwrap();
    let after = point.arm(Rule::delay_after(Delay::fixed(ms(300)))).unwrap();
    let other = point.arm(slow(2)).unwrap();
    let start = tokio::time::Instant::now();
    point.pass(&Call(0)).await.unwrap();
    assert_eq!(start.elapsed(), ms(342));
    let added = [one, after, other].map(|armed| armed.stats().added);
    assert_eq!(added, [ms(40), ms(300), ms(2)]);
}

#[tokio::test(start_paused = true)]
async fn the_first_effect_wins_and_what_it_hides_counts_nothing() {
    let point = point(7);
    let before = point.arm(slow(40)).unwrap();
    let first = point.arm(step::error(|_| "first").every(2).unwrap()).unwrap();
    let hidden_delay = point.arm(slow(1_000)).unwrap();
    let hidden = point.arm(step::error(|_| "second")).unwrap();
    let start = tokio::time::Instant::now();
    assert_eq!(point.pass(&Call(1)).await, Err("second"));
    assert_eq!(start.elapsed(), ms(1_040));
    assert_eq!(point.pass(&Call(2)).await, Err("first"));
    assert_eq!(start.elapsed(), ms(1_080));
    let counts = [&before, &first, &hidden_delay, &hidden].map(|armed| {
        let stats = armed.stats();
        (stats.matching, stats.hits)
    });
    assert_eq!(counts, [(2, 2), (2, 1), (1, 1), (1, 1)]);
}

#[test]
fn another_rule_does_not_shift_this_one() {
    let chance = |name: &str| slow(1).named(name).unwrap().probability(0.3).unwrap();
    let alone = {
        let point = point(7);
        let _mine = point.arm(chance("mine")).unwrap();
        numbers_hit(&point, 500)
    };
    let point = point(7);
    let _before = point.arm(chance("before")).unwrap();
    let mine = point.arm(chance("mine")).unwrap();
    let _after = point.arm(chance("after")).unwrap();
    let among: Vec<u64> = (1..=500)
        .filter(|_| {
            let hits = mine.hits();
            drop(decide(&point));
            mine.hits() > hits
        })
        .collect();
    assert_eq!(among, alone);
}

#[test]
fn the_same_rule_armed_again_draws_the_same() {
    let point = point(7);
    let rule = slow(1).probability(0.3).unwrap();
    let once = point.arm(rule.clone()).unwrap();
    let hits = numbers_hit(&point, 500);
    drop(once);
    let _again = point.arm(rule).unwrap();
    assert_eq!(numbers_hit(&point, 500), hits);
}

#[test]
fn two_rules_of_one_name_are_told_apart_and_draw_apart() {
    let point = point(7);
    let rule = || slow(1).named("slow").unwrap().probability(0.3).unwrap();
    let armed = [(); 3].map(|()| point.arm(rule()).unwrap());
    assert_eq!(armed.each_ref().map(|armed| armed.label().to_owned()), ["slow", "slow #2", "slow #3"]);
    for _ in 0..1_000 {
        drop(decide(&point));
    }
    let hits = armed.each_ref().map(crate::point::Armed::hits);
    assert!(hits[0] != hits[1] || hits[1] != hits[2], "{hits:?}");
    let together = point.stats().iter().map(|stats| stats.hits).sum::<u64>();
    assert_eq!(together, hits.iter().sum::<u64>());
}

/// A step that cannot fail.
struct Lookup;

impl Step for Lookup {
    const NAME: &'static str = "cache look-up";
    type Error = Infallible;
}

#[tokio::test(start_paused = true)]
async fn a_step_that_cannot_fail_takes_delays() {
    let point = crate::Chaos::seeded(7).point::<Lookup>("cache").unwrap();
    let slow = point.arm(step::latency(Delay::fixed(ms(5)))).unwrap();
    let Ok(()) = point.pass(&Lookup).await;
    assert_eq!(slow.stats().added, ms(5));
}

/// An operation whose effect needs an error of the caller's.
struct Request;

impl Operation for Request {
    const NAME: &'static str = "request";
    type View<'a> = ();
    type Effect = ();
    fn needs((): &()) -> Abilities {
        Abilities::ERROR
    }
}

#[test]
fn an_effect_that_this_wrapper_cannot_carry_out_is_counted_as_such() {
    let point = crate::Chaos::seeded(7).point::<Request>("requests").unwrap();
    let (mut able, mut unable) = (point.attach(Abilities::ERROR), point.attach(Abilities::NONE));
    let armed = point.arm(Rule::effect(())).unwrap();
    assert!(unable.decide(()).is_none());
    assert!(able.decide(()).is_some());
    let stats = armed.stats();
    assert_eq!((stats.matching, stats.hits, stats.misses, stats.unsupported), (2, 1, 0, 1));
    assert!(stats.to_string().ends_with(", 1 not possible here"), "{stats}");
}

/// An operation with a number, whose effect can happen to even ones.
struct Numbered;

impl Operation for Numbered {
    const NAME: &'static str = "number";
    type View<'a> = u32;
    type Effect = ();
    fn happens_to((): &()) -> Option<Matcher<Self>> {
        Some(Matcher::<Self>::new("even", |number| number % 2 == 0))
    }
}

#[test]
fn what_an_effect_cannot_happen_to_does_not_match_and_moves_no_number() {
    let point = crate::Chaos::seeded(7).point::<Numbered>("numbers").unwrap();
    let large = Matcher::<Numbered>::new("large", |number| number > 4);
    let rule = Rule::<Numbered>::effect(()).when(large.clone()).nth("2").unwrap();
    assert_eq!(rule.to_string(), "() when large, operations 2", "it goes without saying");
    let armed = point.arm(rule).unwrap();
    let slow = point.arm(Rule::<Numbered>::delay(Delay::fixed(ms(1))).when(large)).unwrap();
    let mut attachment = point.attach(Abilities::ERROR);
    let hit: Vec<_> =
        (1..=10).filter(|n| attachment.decide(*n).is_some_and(|hit| hit.effect().is_some())).collect();
    assert_eq!(hit, [8]);
    let stats = armed.stats();
    assert_eq!((stats.matching, stats.hits, stats.misses), (3, 1, 2));
    assert_eq!(slow.stats().matching, 5, "a delay can happen to all, but for the one that an effect took");
}

#[test]
fn an_effect_that_nothing_attached_can_carry_out_is_refused() {
    let point = crate::Chaos::seeded(7).point::<Request>("requests").unwrap();
    assert!(!point.is_attached());
    // Nobody is there yet: who comes may be able to.
    drop(point.arm(Rule::effect(())).unwrap());
    let attachment = point.attach(Abilities::NONE);
    assert!(point.is_attached());
    let err = point.arm(Rule::effect(())).unwrap_err();
    assert!(err.is_refused() && err.to_string().contains("needs a way to make the caller's error"), "{err}");
    drop(attachment.clone());
    assert!(point.is_attached());
    drop(attachment);
    assert!(!point.is_attached());
}

#[test]
fn an_operation_that_passes_under_a_rule_shows_the_point_in_use() {
    let point = point(7);
    assert!(decide(&point).is_none() && !point.is_attached());
    let _armed = point.arm(step::hang().probability(0.0).unwrap()).unwrap();
    assert!(!point.is_attached());
    assert!(decide(&point).is_none() && point.is_attached());
}

#[test]
fn rolls_are_those_of_the_rule_and_the_ordinal() {
    use rand::Rng;
    let rolls = |seed: u64| {
        let point = point(seed);
        let _armed = point.arm(step::hang()).unwrap();
        let hits = [(); 2].map(|()| decide(&point).unwrap());
        assert!(matches!(hits[0].effect(), Some(StepEffect::Hang)));
        hits.map(|hit| hit.rolls().unwrap().next_u64())
    };
    assert_eq!(rolls(7), rolls(7));
    assert_ne!(rolls(7), rolls(8));
    assert_ne!(rolls(7)[0], rolls(7)[1]);
    let delayed = point(7);
    let _armed = delayed.arm(slow(1)).unwrap();
    assert!(decide(&delayed).unwrap().rolls().is_none());
}
