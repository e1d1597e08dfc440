//! What passes allocates nothing: off, armed and not matching, matching with the dice against it; a call, a read, a copy.

use chaos_benches::{cases, copies};

const CALLS: u64 = 100;

#[test]
fn only_what_says_so_allocates() {
    for case in [cases(), copies()].concat() {
        let mut workers = (case.start)(1).unwrap();
        // The first call may set up what a thread keeps.
        workers[0](1);
        let info = allocation_counter::measure(|| workers[0](CALLS));
        if case.allocates {
            continue;
        }
        assert_eq!(info.count_total, 0, "{} allocated in {CALLS} calls", case.name);
    }
}

#[test]
fn the_counter_counts() {
    let boxed = cases().into_iter().find(|case| case.name == "BoxCloneService").unwrap();
    let mut workers = (boxed.start)(1).unwrap();
    let info = allocation_counter::measure(|| workers[0](CALLS));
    assert!(info.count_total >= CALLS, "{} allocations in {CALLS} boxed calls", info.count_total);
}
