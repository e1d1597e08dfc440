//! The one word of a rule.

use crate::point::gate::{Entry, Gate, Limits};

#[test]
fn a_gate_counts_what_is_under_it_and_what_it_hit() {
    let gate = Gate::open();
    assert_eq!(
        [(); 3].map(|()| gate.enter(Limits::new(Some(10), Some(2)))),
        [Entry::Hit, Entry::Hit, Entry::Capped]
    );
    assert_eq!((gate.under_fault(), gate.hits()), (2, 2));
    gate.leave();
    assert_eq!(gate.enter(Limits::new(Some(3), Some(2))), Entry::Hit);
    gate.leave();
    assert_eq!(gate.enter(Limits::new(Some(3), Some(2))), Entry::Capped, "the budget is spent");
    assert_eq!((gate.under_fault(), gate.hits()), (1, 3));
}

#[test]
fn a_closed_gate_lets_nobody_in_and_everybody_out() {
    let gate = Gate::open();
    assert_eq!(gate.enter(Limits::new(Some(u64::MAX), Some(u32::MAX))), Entry::Hit);
    assert!(gate.close() && !gate.close(), "one call closes it");
    assert_eq!(gate.enter(Limits::new(Some(u64::MAX), Some(u32::MAX))), Entry::Dead);
    gate.leave();
    assert_eq!((gate.under_fault(), gate.hits(), gate.is_closed()), (0, 1, true));
}
