//! Arm, revert and decide against each other, in every interleaving that [loom](https://docs.rs/loom) finds. Under a
//! minute:
//!
//! ```text
//! RUSTFLAGS="--cfg chaos_loom" cargo test -p chaos-core --release --lib point::tests::loom
//! ```
//!
//! The list of rules is a lock here: `arc_swap` has its own proofs, and loom cannot see into it.

use std::sync::Arc as StdArc;
use std::sync::atomic::{AtomicU64 as Count, Ordering as Std};
use std::task::{Context, Wake, Waker};

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use super::caps::arm_under;
use super::{Call, decide, point};
use crate::point::gate::{Cap, Entry, Gate, Limits};
use crate::point::{Armed, Point, Rule, step};
use crate::sync::Arc;
use crate::units::Percent;

/// Two switches of threads where none is needed find all bugs of this kind, says loom's manual; three cost little here.
fn model(check: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(check);
}

fn armed(rule: Rule<Call>) -> (Point<Call>, StdArc<Armed<Call>>) {
    let point = point(7);
    let armed = StdArc::new(point.arm(rule).unwrap());
    (point, armed)
}

#[test]
fn a_hit_precedes_the_revert_or_does_not_exist() {
    model(|| {
        let (point, guard) = armed(step::hang());
        let reverted = StdArc::new(AtomicBool::new(false));
        let decider = {
            let (point, reverted) = (point.clone(), StdArc::clone(&reverted));
            thread::spawn(move || {
                let after = reverted.load(Ordering::Acquire);
                let hit = decide(&point).is_some();
                assert!(!(after && hit), "decided after the revert returned");
                hit
            })
        };
        guard.revert();
        let hits = guard.hits();
        reverted.store(true, Ordering::Release);
        assert!(decide(&point).is_none());
        let hit = decider.join().unwrap();
        assert_eq!(hits, u64::from(hit), "the count is final when the revert returns");
        assert!(point.is_off() && guard.hits() == hits);
    });
}

#[test]
fn two_reverts_at_once_lose_neither() {
    model(|| {
        let (point, guard) = armed(step::hang());
        let other = {
            let (guard, point) = (StdArc::clone(&guard), point.clone());
            thread::spawn(move || {
                guard.revert();
                assert!(decide(&point).is_none());
            })
        };
        guard.revert();
        assert!(decide(&point).is_none());
        other.join().unwrap();
        assert!(point.is_off() && point.stats().is_empty());
    });
}

#[test]
fn an_arm_beside_a_revert_leaves_the_point_on_with_its_rule() {
    model(|| {
        let (point, guard) = armed(step::hang().named("old").unwrap());
        let reverter = thread::spawn(move || guard.revert());
        let fresh = point.arm(step::hang().named("new").unwrap()).unwrap();
        assert!(decide(&point).is_some(), "an armed rule acts, whoever else reverts");
        reverter.join().unwrap();
        assert!(!point.is_off());
        assert_eq!(point.stats().iter().map(|stats| stats.rule.clone()).collect::<Vec<_>>(), ["new"]);
        drop(fresh);
        assert!(point.is_off());
    });
}

#[test]
fn two_arms_at_once_are_both_there() {
    model(|| {
        let point = point(7);
        let other = {
            let point = point.clone();
            thread::spawn(move || point.arm(step::latency(crate::Delay::fixed(crate::units::ms(1)))).unwrap())
        };
        let mine = point.arm(step::latency(crate::Delay::fixed(crate::units::ms(1)))).unwrap();
        let other = other.join().unwrap();
        drop(decide(&point));
        assert_eq!((mine.hits(), other.hits(), point.stats().len()), (1, 1, 2));
        assert_ne!(mine.label(), other.label());
    });
}

#[test]
fn arming_is_seen_by_whoever_is_told_of_it() {
    model(|| {
        let point = point(7);
        let told = StdArc::new(AtomicBool::new(false));
        let decider = {
            let (point, told) = (point.clone(), StdArc::clone(&told));
            thread::spawn(move || {
                let told = told.load(Ordering::Acquire);
                let hit = decide(&point).is_some();
                assert!(hit || !told, "armed, told, and not hit");
            })
        };
        let _guard = point.arm(step::hang()).unwrap();
        told.store(true, Ordering::Release);
        decider.join().unwrap();
    });
}

#[test]
fn a_budget_is_never_exceeded() {
    model(|| {
        let (point, guard) = armed(step::hang().budget(2).unwrap());
        let count = |point: &Point<Call>| (0..2).filter(|_| decide(point).is_some()).count();
        let other = {
            let point = point.clone();
            thread::spawn(move || count(&point))
        };
        let hits = count(&point) + other.join().unwrap();
        let stats = guard.stats();
        assert_eq!((hits, stats.hits, stats.capped, stats.misses), (2, 2, 2, 0));
    });
}

#[test]
fn at_once_is_never_exceeded_and_places_come_back() {
    model(|| {
        let (point, guard) = armed(step::hang().at_once(1).unwrap());
        let under_fault = StdArc::new(Count::new(0));
        let run = |point: &Point<Call>, under_fault: &Count| {
            if let Some(hit) = decide(point) {
                assert_eq!(under_fault.fetch_add(1, Std::SeqCst), 0, "two at once");
                thread::yield_now();
                under_fault.fetch_sub(1, Std::SeqCst);
                drop(hit);
            }
        };
        let other = {
            let (point, under_fault) = (point.clone(), StdArc::clone(&under_fault));
            thread::spawn(move || run(&point, &under_fault))
        };
        run(&point, &under_fault);
        other.join().unwrap();
        assert!(guard.hits() >= 1);
        assert!(decide(&point).is_some(), "the place came back");
    });
}

#[test]
fn a_share_is_never_exceeded() {
    model(|| {
        let point = point(7);
        let share = Percent::try_new(50.0).unwrap();
        let cap = Arc::new(Cap::new(Some(share), Some(1)));
        let _guard = arm_under(&point, step::hang(), &cap);
        let run = move |point: &Point<Call>, cap: &Cap| {
            for _ in 0..2 {
                drop(decide(point));
                let hits = cap.hits();
                assert!(hits <= share.floor_of(cap.seen()), "{hits} of {}", cap.seen());
            }
        };
        let other = {
            let (point, cap) = (point.clone(), Arc::clone(&cap));
            thread::spawn(move || run(&point, &cap))
        };
        run(&point, &cap);
        other.join().unwrap();
        assert_eq!(cap.seen(), 4);
    });
}

#[test]
fn a_gate_closes_once_and_counts_are_final() {
    model(|| {
        let gate = StdArc::new(Gate::open());
        let enter = {
            let gate = StdArc::clone(&gate);
            thread::spawn(move || gate.enter(Limits::new(Some(1), Some(1))) == Entry::Hit)
        };
        let close = {
            let gate = StdArc::clone(&gate);
            thread::spawn(move || gate.close())
        };
        let mine = gate.close();
        let hits = gate.hits();
        let entered = enter.join().unwrap();
        assert!(mine ^ close.join().unwrap(), "exactly one closed it");
        assert_eq!((hits, gate.hits()), (u64::from(entered), u64::from(entered)));
    });
}

/// Counts wakes.
struct Wakes(Count);

impl Wake for Wakes {
    fn wake(self: StdArc<Self>) {
        self.0.fetch_add(1, Std::SeqCst);
    }
}

#[test]
fn no_revert_is_lost_on_an_operation_that_is_about_to_hang() {
    model(|| {
        let (point, guard) = armed(step::hang());
        let mut hit = decide(&point).unwrap();
        let reverter = thread::spawn(move || guard.revert());
        let wakes = StdArc::new(Wakes(Count::new(0)));
        let waker = Waker::from(StdArc::clone(&wakes));
        let mut cx = Context::from_waker(&waker);
        let held = hit.poll_hang(&mut cx).is_pending();
        reverter.join().unwrap();
        assert_eq!(wakes.0.load(Std::SeqCst), u64::from(held), "whoever waits is woken");
        assert!(hit.poll_hang(&mut cx).is_ready());
    });
}

#[test]
fn no_revert_is_lost_on_a_thread_that_is_about_to_block() {
    model(|| {
        let (point, guard) = armed(step::hang());
        let blocked = thread::spawn(move || point.pass_blocking(&Call(0)));
        guard.revert();
        // A lost revert is a deadlock, which loom reports.
        assert_eq!(blocked.join().unwrap(), Ok(()));
    });
}
