//! [`Came`]: what came of the death of a controller at one of its requests.

use std::time::Duration;

use super::death::Death;

pub(super) struct Came {
    pub(super) death: Death,
    /// How long after its deadline the fault was felt; none where it was not felt at all.
    pub(super) late: Option<Duration>,
    /// What was in the API before a sweep.
    pub(super) left: Vec<String>,
}

/// Tells what came of them all.
pub(super) fn tell(what: &str, requests: u32, all: &[Came]) {
    for Came { death, late, left } in all {
        println!("{what}: controller dead {death}: {}; left: {}", felt(*late), list(left));
    }
    let felt: Vec<Duration> = all.iter().filter_map(|came| came.late).collect();
    println!(
        "{what}: {} deaths of the controller at {requests} requests, the fault felt after {}: over {:.1?} after its deadline at \
         the latest",
        all.len(),
        felt.len(),
        felt.iter().max().copied().unwrap_or_default()
    );
}

pub(super) fn felt(late: Option<Duration>) -> String {
    late.map_or("not felt".to_owned(), |late| format!("over {late:.1?} after its deadline"))
}

pub(super) fn list(left: &[String]) -> String {
    if left.is_empty() { "nothing".to_owned() } else { left.join(", ") }
}
