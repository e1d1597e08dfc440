//! Handles apart, points by name.

use super::{Call, decide, is_invalid};
use crate::chaos::Chaos;
use crate::point::{Step, step};

struct Commit;

impl Step for Commit {
    const NAME: &'static str = "commit";
    type Error = &'static str;
}

#[test]
fn two_handles_never_see_each_other() {
    let (one, two) = (Chaos::seeded(7), Chaos::seeded(7));
    let (here, there) = (one.point::<Call>("calls").unwrap(), two.point::<Call>("calls").unwrap());
    let mut heard = two.subscribe(8).unwrap();
    let armed = here.arm(step::hang()).unwrap();
    assert!(decide(&here).is_some());
    assert!(there.is_off() && decide(&there).is_none());
    two.revert_all();
    assert!(!armed.is_reverted());
    assert_eq!(heard.try_recv(), None);
}

#[test]
fn a_name_is_one_point_and_a_clone_is_the_same_handle() {
    let chaos = Chaos::seeded(7);
    let armed = chaos.point::<Call>("calls").unwrap().arm(step::hang()).unwrap();
    assert!(decide(&chaos.clone().point("calls").unwrap()).is_some());
    let points = chaos.points();
    assert_eq!((points.len(), points[0].0.as_str(), points[0].1[0].hits), (1, "calls", 1));
    drop(armed);
    assert!(chaos.points()[0].1.is_empty());
}

#[test]
fn a_name_taken_by_another_operation_is_refused() {
    let chaos = Chaos::seeded(7);
    chaos.point::<Call>("orders").unwrap();
    let err = chaos.point::<Commit>("orders").unwrap_err();
    assert!(err.is_conflict());
    assert_eq!(err.to_string(), "point \"orders\" is for a call, not for a commit: use another name");
}

#[test]
fn names_that_no_report_can_show_are_refused() {
    let chaos = Chaos::seeded(7);
    is_invalid(chaos.point::<Call>(""), "a point needs a name that is not empty");
    is_invalid(chaos.point::<Call>("a\nb"), "control characters");
    is_invalid(chaos.point::<Call>(&"x".repeat(201)), "201 bytes is over 200");
    is_invalid(step::hang::<Call>().named(""), "a rule needs a name that is not empty");
    assert!(chaos.points().is_empty(), "what is refused makes no point");
}

#[test]
fn every_rule_at_every_point_goes_at_once() {
    let chaos = Chaos::seeded(7);
    let calls = chaos.point::<Call>("calls").unwrap();
    let commits = chaos.point::<Commit>("commits").unwrap();
    let (one, two) = (calls.arm(step::hang()).unwrap(), calls.arm(step::hang()).unwrap());
    let three = commits.arm(step::hang()).unwrap();
    chaos.revert_all();
    assert!(one.is_reverted() && two.is_reverted() && three.is_reverted());
    assert!(calls.is_off() && commits.is_off());
}

#[test]
fn random_handles_tell_their_seed() {
    let (one, two) = (Chaos::random(), Chaos::random());
    assert_ne!(one.seed(), two.seed());
    assert_eq!(Chaos::seeded(one.seed()).dice(), one.dice());
}
