//! Ways to end early, and ways to fail: everything is put back, or the outcome says what is not.

use std::sync::Arc;

use crate::world::{Trouble, WrongContents, files, wrong};
use chaos_core::experiment::Progress;
use chaos_core::units::secs;
use chaos_core::{Chaos, Clock, Experiment, Mode, Outcome, Probe, probe};

use crate::scene::*;

#[tokio::test(start_paused = true)]
async fn an_abort_from_any_task_reverts() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path(), 2);
    let experiment = Experiment::new(&Chaos::seeded(7), "x")
        .steady_state(always())
        .fault(on(WrongContents::new("wrong"), &files, Mode::ALL))
        .blast_radius(all())
        .lasting(secs(3600))
        .ledger(ledger());
    let abort = experiment.abort_handle();
    let run = tokio::spawn(experiment.run());
    Clock::auto().sleep(secs(5)).await;
    assert_eq!(wrong(&files), 2);
    abort.abort("enough");
    abort.abort("not the first");
    let report = run.await.unwrap().unwrap();
    assert_eq!((report.outcome, reason(&report)), (Outcome::Aborted, "enough"));
    assert_eq!(wrong(&files), 0);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_put_back_is_cleanup_failed_and_stays_in_the_ledger() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path(), 1);
    let ledger = Arc::new(ledger());
    let report = Experiment::new(&Chaos::seeded(7), "x")
        .steady_state(always())
        .fault(on(
            WrongContents::with("wrong", Trouble { stuck: 99, ..Trouble::default() }),
            &files,
            Mode::ALL,
        ))
        .blast_radius(all())
        .lasting(secs(1))
        .ledger(Arc::clone(&ledger))
        .run()
        .await
        .unwrap();
    assert_eq!(report.outcome, Outcome::CleanupFailed);
    assert!(reason(&report).contains("could not be put back in 3 tries: the disk is stuck"), "{report}");
    assert_eq!(ledger.open_entries().len(), 1);
    assert_eq!(wrong(&files), 1);
    // Twice stuck is not for good.
    let report = Experiment::new(&Chaos::seeded(7), "x")
        .steady_state(always())
        .fault(on(
            WrongContents::with("other", Trouble { stuck: 2, ..Trouble::default() }),
            &files,
            Mode::ALL,
        ))
        .blast_radius(all())
        .lasting(secs(1))
        .ledger(Arc::clone(&ledger))
        .run()
        .await
        .unwrap();
    assert!(report.held(), "{report}");
    assert_eq!(ledger.open_entries().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_inject_that_fails_half_way_or_panics_is_taken_back() {
    for trouble in
        [Trouble { half_way: true, ..Trouble::default() }, Trouble { panics: true, ..Trouble::default() }]
    {
        let dir = tempfile::tempdir().unwrap();
        let files = files(dir.path(), 3);
        let report = Experiment::new(&Chaos::seeded(7), "x")
            .steady_state(always())
            .fault(on(WrongContents::with("wrong", trouble), &files, Mode::ALL))
            .blast_radius(all())
            .lasting(secs(1))
            .ledger(ledger())
            .run()
            .await
            .unwrap();
        assert_eq!(report.outcome, Outcome::Aborted, "{report}");
        assert!(reason(&report).contains("everything was reverted"), "{report}");
        assert_eq!(wrong(&files), 0);
    }
}

#[tokio::test]
async fn a_dropped_run_reverts() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path(), 2);
    let experiment = Experiment::new(&Chaos::seeded(7), "x")
        .steady_state(always())
        .fault(on(WrongContents::new("wrong"), &files, Mode::ALL))
        .blast_radius(all())
        .lasting(secs(3600))
        .ledger(ledger());
    let run = tokio::spawn(experiment.run());
    until(|| wrong(&files) == 2).await;
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    until(|| wrong(&files) == 0).await;
}

#[test]
fn the_end_of_the_runtime_reverts() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path(), 2);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let experiment = Experiment::new(&Chaos::seeded(7), "x")
        .fault(on(WrongContents::new("wrong"), &files, Mode::ALL))
        .blast_radius(all())
        .lasting(secs(3600))
        .ledger(ledger());
    runtime.spawn(experiment.run());
    runtime.block_on(until(|| wrong(&files) == 2));
    drop(runtime);
    assert_eq!(wrong(&files), 0);
}

#[test]
fn a_dropped_guard_reverts_outside_a_runtime_and_in_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path(), 2);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let inject = || {
        let chaos = Chaos::seeded(7);
        let fault = on(WrongContents::new("wrong"), &files, Mode::ALL);
        runtime.block_on(chaos.inject(fault, all()).ledger(ledger()).begin()).unwrap()
    };
    let injection = inject();
    assert_eq!(wrong(&files), 2);
    drop(injection);
    assert_eq!(wrong(&files), 0);
    let injection = inject();
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _held = injection;
        panic!("in the middle of a test");
    }));
    assert!(panic.is_err());
    assert_eq!(wrong(&files), 0);
    let injection = inject();
    runtime.block_on(async move { drop(injection) });
    assert_eq!(wrong(&files), 0);
    runtime.block_on(inject().revert()).unwrap();
    assert_eq!(wrong(&files), 0);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_probe_is_a_reading_and_one_in_a_watcher_still_reverts() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path(), 2);
    let experiment = || {
        Experiment::new(&Chaos::seeded(7), "x")
            .fault(on(WrongContents::new("wrong"), &files, Mode::ALL))
            .blast_radius(all())
            .lasting(secs(10))
            .ledger(ledger())
    };
    let panicking: Probe =
        probe::check("bug", || async { if true { panic!("a bug in a probe") } else { Ok(true) } })
            .only_during();
    let report = experiment().steady_state(panicking).run().await.unwrap();
    assert_eq!(report.outcome, Outcome::Broken);
    assert!(reason(&report).contains("the probe panicked"), "{report}");
    assert_eq!(wrong(&files), 0);
    let bug = |progress: &Progress| assert!(progress.in_force == 0, "a bug in a watcher");
    let error = experiment().progress(bug).run().await.unwrap_err();
    assert!(error.to_string().contains("panicked"), "{error}");
    assert_eq!(wrong(&files), 0);
}
