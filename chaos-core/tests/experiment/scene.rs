//! What the tests here have in common.

use crate::world::{File, PutBack, WrongContents, wrong};
use chaos_core::point::Step;
use chaos_core::units::ms;
use chaos_core::{
    BlastRadius, Chaos, Clock, Fault, Ledger, Mode, Point, Probe, Report, Targets, Undos, probe,
};

pub(crate) struct Commit;
impl Step for Commit {
    const NAME: &'static str = "commit";
    type Error = std::io::Error;
}

pub(crate) fn ledger() -> Ledger {
    Ledger::in_memory(Undos::none().with::<PutBack>(()).unwrap())
}

pub(crate) fn all() -> BlastRadius {
    BlastRadius::percent(100).unwrap()
}

pub(crate) fn on(fault: WrongContents, files: &[File], mode: Mode) -> chaos_core::experiment::Step {
    fault.on(Targets::these(files.to_vec()).unwrap(), mode).into()
}

/// A probe that holds until the world says otherwise.
pub(crate) fn files_are(files: &[File], most_wrong: usize) -> Probe {
    let files = files.to_vec();
    probe::check("files", move || {
        let held = wrong(&files) <= most_wrong;
        async move { Ok(held) }
    })
    .every(ms(50))
}

pub(crate) fn always() -> Probe {
    probe::check("always", || async { Ok(true) }).every(ms(50))
}

/// Operations pass `point` once a millisecond until the test's runtime ends.
pub(crate) fn traffic(chaos: &Chaos, point: &Point<Commit>) {
    let (clock, point) = (chaos.clock().clone(), point.clone());
    tokio::spawn(async move {
        loop {
            let _ = point.pass(&Commit).await;
            clock.sleep(ms(1)).await;
        }
    });
}

pub(crate) fn reason(report: &Report) -> &str {
    report.reason.as_deref().unwrap_or_default()
}

/// Waits for the world, 10 s at the most.
pub(crate) async fn until(is_so: impl Fn() -> bool) {
    for _ in 0..1_000 {
        if is_so() {
            return;
        }
        Clock::auto().sleep(ms(10)).await;
    }
    panic!("it did not come about within 10 s");
}
