//! What is refused before anything is touched.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::world::{File, WrongContents, files};
use chaos_core::point::step;
use chaos_core::units::secs;
use chaos_core::{BlastRadius, Chaos, Experiment, Mode, Outcome, probe};

use crate::scene::*;

#[tokio::test(start_paused = true)]
async fn a_steady_state_that_does_not_hold_is_refused_and_nothing_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path(), 2);
    let fault = WrongContents::new("wrong");
    let injected = Arc::clone(&fault.injected);
    let report = Experiment::new(&Chaos::seeded(7), "x")
        .steady_state(probe::value("errors", || async { Ok(0.25) }).at_most(0.01).unwrap())
        .fault(on(fault, &files, Mode::ALL))
        .blast_radius(all())
        .lasting(secs(1))
        .ledger(ledger())
        .run()
        .await
        .unwrap();
    assert_eq!(report.outcome, Outcome::Refused);
    assert_eq!(
        reason(&report),
        "the steady state did not hold before any fault: errors: 0.25 (tolerated: at most 0.01)"
    );
    assert_eq!(injected.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn what_the_world_forbids_is_refused_and_nothing_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path(), 2);
    let run = |mode: Mode, radius: BlastRadius, files: Vec<File>, with_ledger: bool| async move {
        let fault = WrongContents::new("wrong");
        let injected = Arc::clone(&fault.injected);
        let mut experiment = Experiment::new(&Chaos::seeded(7), "x")
            .steady_state(always())
            .fault(on(fault, &files, mode))
            .blast_radius(radius)
            .lasting(secs(1));
        if with_ledger {
            experiment = experiment.ledger(ledger());
        }
        let report = experiment.run().await.unwrap();
        assert_eq!(report.outcome, Outcome::Refused);
        assert_eq!(injected.load(Ordering::SeqCst), 0);
        report.reason.unwrap()
    };
    let percent = |p| BlastRadius::percent(p).unwrap();
    assert!(run(Mode::ALL, percent(49), files.clone(), true).await.contains("2 files rounds down to nobody"));
    assert!(run(Mode::ALL, percent(50), files.clone(), false).await.contains("needs a ledger"));
    let protected: Vec<String> = files.iter().map(|file| file.0.display().to_string()).collect();
    let radius = percent(100).protecting(protected).unwrap();
    assert!(run(Mode::ALL, radius, files.clone(), true).await.contains("all 2 selected files are protected"));
    let gone = vec![File(dir.path().join("not-there"))];
    assert!(run(Mode::ALL, percent(100), gone, true).await.contains("No such file"));
}

#[tokio::test]
async fn wrong_arguments_are_errors_of_run() {
    let chaos = Chaos::seeded(7);
    let point = chaos.point::<Commit>("commit").unwrap();
    let experiment = |title: &str| {
        Experiment::new(&chaos, title).fault(step::hang().at(point.clone())).blast_radius(all())
    };
    let messages = [
        experiment("x").lasting(secs(0)).run().await.unwrap_err(),
        experiment(" ").lasting(secs(1)).run().await.unwrap_err(),
        experiment("x").lasting(secs(1)).then(secs(1)).run().await.unwrap_err(),
        experiment("x").lasting(secs(1)).steady_state(always().every(secs(0))).run().await.unwrap_err(),
        experiment("x").lasting(secs(1)).steady_state(always().timeout(secs(0))).run().await.unwrap_err(),
        experiment("x")
            .lasting(secs(1))
            .steady_state(probe::check("", || async { Ok(true) }))
            .run()
            .await
            .unwrap_err(),
    ];
    assert!(messages.iter().all(chaos_core::Error::is_invalid));
    assert_eq!(
        messages.map(|error| error.to_string()),
        [
            "a fault that lasts for zero time cannot be seen: give it a longer duration",
            "an experiment needs a title that is not empty: its hypothesis",
            "a stage has no fault: put `.fault(...)` after each `.then(...)`",
            "probe \"always\" has a interval of zero: use more",
            "probe \"always\" has a timeout of zero: use more",
            "a probe needs a name that is not empty",
        ]
    );
}
