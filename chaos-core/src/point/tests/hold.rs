//! Revert: off at once, and what was held goes on.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;

use tokio::time::Instant;

use super::{Call, decide, point};
use crate::Delay;
use crate::point::{Abilities, Point, Rule, step};
use crate::units::{ms, secs};

fn slow(seconds: u64) -> Rule<Call> {
    step::latency(Delay::fixed(secs(seconds)))
}

/// A call under way in a task of its own, held by now.
async fn held(point: &Point<Call>) -> tokio::task::JoinHandle<Result<(), &'static str>> {
    let point = point.clone();
    let task = tokio::spawn(async move { point.pass(&Call(0)).await });
    tokio::task::yield_now().await;
    tokio::time::advance(ms(500)).await;
    assert!(!task.is_finished());
    task
}

#[test]
fn off_at_once_by_revert_and_by_drop() {
    let point = point(7);
    assert!(point.is_off());
    let armed = point.arm(step::hang()).unwrap();
    assert!(!point.is_off() && decide(&point).is_some());
    armed.revert();
    armed.revert();
    assert!(point.is_off() && decide(&point).is_none() && armed.is_reverted());
    assert_eq!(armed.hits(), 1, "goes on answering");

    let first = point.arm(step::hang()).unwrap();
    let second = point.arm(step::hang()).unwrap();
    drop(first);
    assert!(decide(&point).is_some(), "the other rule stays");
    drop(second);
    assert!(decide(&point).is_none());
}

#[test]
fn an_attachment_sees_what_is_armed_and_reverted_after_it() {
    let point = point(7);
    let mut attached = point.attach(Abilities::ERROR);
    assert!(attached.decide(&Call(0)).is_none());
    for _ in 0..3 {
        let armed = point.arm(step::hang()).unwrap();
        assert!(attached.decide(&Call(0)).is_some());
        assert!(attached.clone().decide(&Call(0)).is_some());
        armed.revert();
        assert!(attached.decide(&Call(0)).is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn held_delays_are_let_go_at_once_and_proceed() {
    let point = point(7);
    let armed = point.arm(slow(3_600)).unwrap();
    let start = Instant::now();
    let tasks = [held(&point).await, held(&point).await];
    armed.revert();
    for task in tasks {
        assert_eq!(task.await.unwrap(), Ok(()));
    }
    assert_eq!(start.elapsed(), secs(1));
    let stats = armed.stats();
    assert_eq!((stats.hits, stats.let_go, stats.added), (2, 2, ms(1_500)));
}

#[tokio::test(start_paused = true)]
async fn only_the_delay_of_the_reverted_rule_is_let_go() {
    let point = point(7);
    let long = point.arm(slow(3_600)).unwrap();
    let _short = point.arm(slow(10)).unwrap();
    let start = Instant::now();
    let task = held(&point).await;
    long.revert();
    task.await.unwrap().unwrap();
    assert_eq!(start.elapsed(), ms(10_500));
}

#[tokio::test(start_paused = true)]
async fn hangs_are_let_go_and_their_time_counts() {
    let point = point(7);
    let armed = point.arm(step::hang()).unwrap();
    let task = held(&point).await;
    armed.revert();
    assert_eq!(task.await.unwrap(), Ok(()));
    let stats = armed.stats();
    assert_eq!((stats.let_go, stats.added), (1, ms(500)));
}

#[tokio::test(start_paused = true)]
async fn a_rule_may_let_its_delays_finish() {
    let point = point(7);
    let armed = point.arm(slow(60).finish_delays()).unwrap();
    let start = Instant::now();
    let task = held(&point).await;
    armed.revert();
    assert!(decide(&point).is_none(), "off for whoever comes now");
    task.await.unwrap().unwrap();
    assert_eq!(start.elapsed(), secs(60));
    assert_eq!((armed.stats().let_go, armed.stats().added), (0, secs(60)));
}

#[tokio::test(start_paused = true)]
async fn a_hang_ends_with_its_rule_whatever_the_rule_says_of_delays() {
    let point = point(7);
    let armed = point.arm(step::hang().finish_delays()).unwrap();
    let task = held(&point).await;
    drop(armed);
    assert_eq!(task.await.unwrap(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn an_effect_reverted_while_its_operation_is_held_does_not_touch_it() {
    let point = point(7);
    let _slow = point.arm(slow(60)).unwrap();
    let error = point.arm(step::error(|_| "full")).unwrap();
    let task = held(&point).await;
    error.revert();
    assert_eq!(task.await.unwrap(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn what_was_decided_before_a_revert_and_polled_after_does_not_wait() {
    let point = point(7);
    let armed = point.arm(slow(60)).unwrap();
    let mut hit = decide(&point).unwrap();
    armed.revert();
    let start = Instant::now();
    poll_fn(|cx| hit.poll_before(cx)).await;
    assert_eq!(start.elapsed(), ms(0));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_operation_gives_its_places_back_and_counts_its_time() {
    let point = point(7);
    let armed = point.arm(slow(60).at_once(1).unwrap()).unwrap();
    let task = held(&point).await;
    assert!(decide(&point).is_none(), "the one place is taken");
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert!(decide(&point).is_some());
    assert_eq!((armed.stats().added, armed.stats().let_go), (ms(500), 0));
}

#[tokio::test(start_paused = true)]
async fn delays_stand_before_or_after_the_operation() {
    let point = point(7);
    let _before = point.arm(slow(1)).unwrap();
    let _after = point.arm(Rule::delay_after(Delay::fixed(secs(10)))).unwrap();
    let mut hit = decide(&point).unwrap();
    let start = Instant::now();
    poll_fn(|cx| hit.poll_before(cx)).await;
    assert_eq!(start.elapsed(), secs(1));
    poll_fn(|cx| hit.poll_after(cx)).await;
    assert_eq!(start.elapsed(), secs(11));
    // Over is over, also when polled again.
    poll_fn(|cx| hit.poll_before(cx)).await;
    poll_fn(|cx| hit.poll_after(cx)).await;
    assert_eq!(start.elapsed(), secs(11));
}

#[tokio::test(start_paused = true)]
async fn a_delay_of_zero_hits_and_waits_for_nothing() {
    let point = point(7);
    let armed = point.arm(step::latency(Delay::fixed(ms(0)))).unwrap();
    let mut pass = pin!(point.pass(&Call(0)));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(pass.as_mut().poll(&mut cx).is_ready());
    assert_eq!(armed.hits(), 1);
}

#[test]
fn a_watch_outlives_its_hit() {
    let point = point(7);
    let armed = point.arm(step::hang()).unwrap();
    let mut watch = decide(&point).unwrap().watch();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(!watch.is_reverted() && watch.poll_reverted(&mut cx).is_pending());
    armed.revert();
    assert!(watch.is_reverted() && watch.poll_reverted(&mut cx) == Poll::Ready(()));

    let _slow = point.arm(slow(1)).unwrap();
    let nothing_to_watch = decide(&point).unwrap().watch();
    assert!(nothing_to_watch.is_reverted());
}

#[test]
fn a_blocked_thread_is_let_go() {
    for rule in [step::hang(), slow(86_400)] {
        let point = point(7);
        let armed = point.arm(rule).unwrap();
        thread::scope(|scope| {
            let blocked = scope.spawn(|| point.pass_blocking(&Call(0)));
            while armed.hits() == 0 {
                thread::yield_now();
            }
            armed.revert();
            assert_eq!(blocked.join().unwrap(), Ok(()));
        });
        assert!(armed.stats().let_go <= 1);
    }
}

#[test]
fn synchronous_code_meets_every_fault() {
    let point = point(7);
    assert_eq!(point.pass_blocking(&Call(0)), Ok(()));
    let slow = point.arm(step::latency(Delay::fixed(ms(2)))).unwrap();
    let after = point.arm(Rule::delay_after(Delay::fixed(ms(1))).finish_delays()).unwrap();
    let error = point.arm(step::error(|call: &Call| if call.0 == 3 { "three" } else { "other" })).unwrap();
    let start = std::time::Instant::now();
    assert_eq!(point.pass_blocking(&Call(3)), Err("three"));
    assert!(start.elapsed() >= ms(3));
    assert!(slow.stats().added >= ms(2) && after.stats().added >= ms(1));
    drop(error);
    assert_eq!(point.pass_blocking(&Call(3)), Ok(()));
}
