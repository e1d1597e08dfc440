//! Code of the user's that comes back to the point while it is at work: a deadlock would hang these tests.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Wake, Waker};

use super::{Call, decide, point};
use crate::chaos::Chaos;
use crate::event::Event;
use crate::point::{Armed, Hit, Operation, Point, Rule, Step, step};

#[test]
fn a_matcher_may_arm_and_revert_at_its_own_point() {
    let point = point(7);
    let inner = point.clone();
    let armed = Mutex::new(None);
    let rule = step::hang().matching(move |_: &Call| {
        let before = armed.lock().unwrap().replace(inner.arm(step::hang().named("inner").unwrap()).unwrap());
        drop(before);
        inner.stats().len() > 1
    });
    let _outer = point.arm(rule).unwrap();
    // What is armed while an operation is decided does not act on it: it sees the list as it was.
    assert!(decide(&point).is_some());
    assert_eq!(point.stats().len(), 2);
    point.revert_all();
    assert!(decide(&point).is_none());
}

#[test]
fn a_matcher_may_revert_its_own_rule() {
    let point = point(7);
    let own: Arc<OnceLock<Armed<Call>>> = Arc::default();
    let guard = Arc::clone(&own);
    let rule = step::hang().matching(move |_: &Call| {
        guard.get().unwrap().revert();
        true
    });
    own.set(point.arm(rule).unwrap()).unwrap();
    assert!(decide(&point).is_none(), "reverted before the hit: there is none");
    assert!(point.is_off());
}

/// What a rule captures may revert another rule when it is dropped.
#[test]
fn a_drop_may_revert_at_its_own_point() {
    let point = point(7);
    let other = point.arm(step::hang()).unwrap();
    let rule = step::hang().matching(move |_: &Call| !other.is_reverted());
    drop(point.arm(rule).unwrap());
    assert!(point.is_off());
}

/// An operation whose description looks at its point.
struct Nosy;

static AT: OnceLock<Point<Nosy>> = OnceLock::new();

impl Operation for Nosy {
    const NAME: &'static str = "nosy";
    type View<'a> = ();
    type Effect = ();

    fn describe((): &()) -> String {
        let point = AT.get().unwrap();
        if point.is_off() {
            drop(point.arm(Rule::effect(()).named("described").unwrap()).unwrap());
        }
        "nosy".to_owned()
    }
}

#[test]
fn a_description_may_arm_at_its_own_point() {
    let point = AT.get_or_init(|| Chaos::seeded(7).point("nosy").unwrap());
    assert_eq!(point.arm(Rule::effect(())).unwrap().label(), "nosy");
}

/// A waker that does something when it is woken or, with its last clone, dropped.
struct Act<F: Fn() + Send + Sync>(F);

impl<F: Fn() + Send + Sync + 'static> Wake for Act<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

#[test]
fn a_waker_may_come_back_to_the_point() {
    let point = point(7);
    let armed = point.arm(step::hang()).unwrap();
    let mut hit = decide(&point).unwrap();
    let woken = Arc::new(AtomicU64::new(0));
    let (count, at) = (Arc::clone(&woken), point.clone());
    let waker = Waker::from(Arc::new(Act(move || {
        count.fetch_add(1, Ordering::Relaxed);
        drop(at.arm(step::hang()).unwrap());
    })));
    let mut cx = Context::from_waker(&waker);
    assert!(hit.poll_hang(&mut cx).is_pending());
    armed.revert();
    assert_eq!(woken.load(Ordering::Relaxed), 1);
    assert_eq!(hit.poll_hang(&mut cx), Poll::Ready(()));
}

/// An executor's waker may hold the last handle of a task, and with it another operation held by the same rule.
struct Holder {
    _operation: Mutex<Hit<Call>>,
}

impl Wake for Holder {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn a_waker_may_drop_an_operation_held_by_the_same_rule() {
    let point = point(7);
    let _armed = point.arm(step::hang()).unwrap();
    let (mut one, mut other) = (decide(&point).unwrap(), decide(&point).unwrap());
    assert!(other.poll_hang(&mut Context::from_waker(Waker::noop())).is_pending());
    let holder = Arc::new(Holder { _operation: Mutex::new(other) });
    let waker = Waker::from(holder);
    assert!(one.poll_hang(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    // The next waker takes the place of the last clone, whose drop ends the other operation.
    assert!(one.poll_hang(&mut Context::from_waker(Waker::noop())).is_pending());
}

#[test]
fn a_subscriber_may_act_when_it_is_woken() {
    let chaos = Chaos::seeded(7);
    let point = chaos.point::<Call>("calls").unwrap();
    let mut events = chaos.subscribe(16).unwrap();
    let (handle, at) = (chaos.clone(), point.clone());
    let heard = Mutex::new(Vec::new());
    let waker = Waker::from(Arc::new(Act(move || {
        heard.lock().unwrap().push(handle.subscribe(1).unwrap());
        drop(at.arm(step::hang().named("by the subscriber").unwrap()).unwrap());
    })));
    {
        let mut next = pin!(events.recv());
        assert!(next.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        let _armed = point.arm(step::hang()).unwrap();
    }
    let mut seen = Vec::new();
    while let Some(event) = events.try_recv() {
        seen.push(event);
    }
    assert!(
        seen.iter().any(|event| matches!(event, Event::Armed { rule, .. } if &**rule == "by the subscriber"))
    );
    assert!(point.is_off());
}

/// A step that passes its own point again while its error is made.
struct Again;

impl Step for Again {
    const NAME: &'static str = "again";
    type Error = bool;
}

#[test]
fn an_errors_closure_may_pass_its_own_point() {
    let point = Chaos::seeded(7).point::<Again>("again").unwrap();
    let at = point.clone();
    let armed = point.arm(step::error(move |step| at.pass_blocking(step).is_ok()).first(1).unwrap()).unwrap();
    assert_eq!(point.pass_blocking(&Again), Err(true));
    assert_eq!(armed.stats().matching, 2);
}
