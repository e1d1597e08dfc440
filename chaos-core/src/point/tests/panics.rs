//! A panic in code of the user's stays with its operation.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::caps::arm_under;
use super::{Call, decide, point};
use crate::Delay;
use crate::point::{Abilities, Cap, Point, step};
use crate::sync::Arc;
use crate::units::ms;

fn panics(point: &Point<Call>, number: u64) -> bool {
    catch_unwind(AssertUnwindSafe(|| drop(point.decide(&Call(number), Abilities::ERROR)))).is_err()
}

#[test]
fn a_panic_in_a_matcher_harms_neither_point_nor_other_rules() {
    let point = point(7);
    let other = point.arm(step::latency(Delay::fixed(ms(0))).at_once(1).unwrap()).unwrap();
    let bad = point
        .arm(step::hang().matching(|call: &Call| {
            assert_ne!(call.0, 13, "the user's own");
            false
        }))
        .unwrap();
    for _ in 0..3 {
        assert!(panics(&point, 13));
    }
    assert!(!panics(&point, 1), "operations that the matcher copes with pass");
    assert!(decide(&point).is_some(), "the other rule's one place was given back");
    assert_eq!(other.hits(), 5);
    bad.revert();
    assert!(!panics(&point, 13));
    drop(other);
    assert!(point.is_off());
}

#[test]
fn a_panic_in_a_matcher_gives_places_under_the_cap_back() {
    let point = point(7);
    let cap = Arc::new(Cap::new(None, Some(1)));
    let armed = arm_under(&point, step::latency(Delay::fixed(ms(0))), &cap);
    let bad = point.arm(step::hang().matching(|_: &Call| panic!("the user's own"))).unwrap();
    assert!(panics(&point, 0));
    drop(bad);
    assert!(decide(&point).is_some());
    assert_eq!(armed.hits(), 2);
}

#[test]
fn a_panic_in_an_errors_closure_gives_places_back() {
    let point = point(7);
    let rule = step::error(|call: &Call| if call.0 == 13 { panic!("the user's own") } else { "made" });
    let armed = point.arm(rule.at_once(1).unwrap()).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| point.pass_blocking(&Call(13)))).is_err());
    assert_eq!(point.pass_blocking(&Call(0)), Err("made"));
    assert_eq!(armed.hits(), 2);
}

#[tokio::test]
async fn an_injected_panic_is_one_of_the_operation() {
    let point = point(7);
    let _armed = point.arm(step::panic("disk on fire").at_once(1).unwrap().first(2).unwrap()).unwrap();
    for blocking in [true, false] {
        let point = point.clone();
        let task = tokio::spawn(async move {
            if blocking { point.pass_blocking(&Call(0)) } else { point.pass(&Call(0)).await }
        });
        let panic = task.await.unwrap_err().into_panic();
        assert_eq!(panic.downcast_ref::<String>().unwrap(), "injected: disk on fire");
    }
    assert_eq!(point.pass(&Call(0)).await, Ok(()));
}
