//! Sweeps that have something to do and do it.

use std::fs;
use std::sync::Arc;

use chaos_core::ledger::{RunId, Sweep};
use chaos_core::units::secs;
use tokio::sync::Semaphore;

use crate::helper::{Act, Place, entry, line, targets};

#[tokio::test]
async fn what_a_dead_run_left_is_put_back() {
    let place = Place::new();
    place.file("a", "found");
    let ledger = place.open();
    let id = place.change(&ledger, "a", "chaos");
    drop(ledger);
    let swept = place.sweep().await;
    assert_eq!(place.read("a"), "found");
    assert!(swept.is_clean(), "{swept}");
    let found = &swept.reverted()[0];
    assert_eq!((found.id(), found.entry().to_string()), (id, "file a: writes chaos into it".to_owned()));
    assert!(found.same_boot() || !cfg!(target_os = "linux"));
    assert_eq!(swept.removed(), 1);
    place.assert_no_ledgers();
}

#[tokio::test]
async fn a_directory_that_is_missing_is_clean() {
    let place = Place::new();
    assert!(place.sweep().await.is_clean() && place.survey().is_clean());
    assert!(!place.ledgers().exists(), "and is not made");
}

#[tokio::test]
async fn newest_first_also_between_runs() {
    let place = Place::new();
    place.file("a", "found");
    let (one, other) = (place.open(), place.open());
    place.change(&one, "a", "one 1");
    place.change(&other, "a", "other");
    place.change(&one, "a", "one 2");
    drop((one, other));
    assert_eq!(place.survey().open().len(), 3);
    let swept = place.sweep().await;
    assert_eq!(place.read("a"), "found", "{swept}");
    let times: Vec<_> = swept.reverted().iter().map(|found| found.recorded()).collect();
    assert!(times.is_sorted_by(|a, b| a >= b) && times.len() == 3, "{swept}");
}

#[tokio::test]
async fn entries_of_one_record_are_reverted_from_the_back() {
    let place = Place::new();
    let paths = ["a", "b", "c"].map(|name| place.file(name, "found"));
    let ledger = place.open();
    ledger.record(paths.iter().map(|path| entry(path)).collect()).unwrap();
    drop(ledger);
    let _ = place.sweep().await;
    assert_eq!(place.world.reverted(), ["c", "b", "a"]);
}

#[tokio::test]
async fn a_run_that_lives_is_left_alone() {
    let place = Place::new();
    place.file("a", "found");
    let ledger = place.open();
    place.change(&ledger, "a", "chaos");
    let swept = place.sweep().await;
    assert!(swept.is_clean() && swept.reverted().is_empty());
    let live = &swept.live()[0];
    assert_eq!((live.run(), live.pid(), live.open_entries()), (ledger.run(), Some(std::process::id()), 1));
    assert_eq!(place.read("a"), "chaos");
    assert_eq!(place.survey().live().len(), 1);
    drop(ledger);
    assert_eq!(place.sweep().await.reverted().len(), 1);
}

#[tokio::test]
async fn two_sweeps_at_once_revert_once() {
    let place = Place::new();
    let path = place.file("a", "found");
    let ledger = place.open();
    place.change(&ledger, "a", "chaos");
    drop(ledger);
    let (at, go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    place.world.tell(&path, Act::Wait { at: at.clone(), go: go.clone() });
    let second = async {
        at.acquire().await.unwrap().forget();
        let swept = place.sweep().await;
        go.add_permits(1);
        swept
    };
    let (first, second) = tokio::join!(place.sweep(), second);
    assert_eq!((first.reverted().len(), second.reverted().len(), second.live().len()), (1, 0, 1));
    assert_eq!(place.world.reverted(), ["a"]);
    place.assert_no_ledgers();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_sweeps_at_once_revert_each_entry_once() {
    for _ in 0..20 {
        let place = Arc::new(Place::new());
        for run in 0..5 {
            let name = format!("f{run}");
            place.file(&name, "found");
            place.change(&place.open(), &name, "chaos");
        }
        let sweeps: Vec<_> = (0..4)
            .map(|_| {
                let place = place.clone();
                tokio::spawn(async move { place.sweep().await })
            })
            .collect();
        let mut reverted = 0;
        for sweep in sweeps {
            let swept = sweep.await.unwrap();
            assert!(swept.is_clean(), "{swept}");
            reverted += swept.reverted().len();
        }
        assert_eq!((reverted, place.world.reverted().len()), (5, 5));
        place.assert_no_ledgers();
    }
}

#[tokio::test]
async fn a_sweep_that_is_dropped_half_way_is_finished_by_the_next() {
    let place = Place::new();
    let ledger = place.open();
    for name in ["a", "b", "c"] {
        place.file(name, "found");
        place.change(&ledger, name, "chaos");
    }
    drop(ledger);
    let (at, go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    place.world.tell(&place.path("b"), Act::Wait { at: at.clone(), go });
    tokio::select! {
        swept = place.sweep() => panic!("it waits: {swept}"),
        permit = at.acquire() => permit.unwrap().forget(),
    }
    assert_eq!(["a", "b", "c"].map(|name| place.read(name)), ["chaos", "chaos", "found"]);
    place.world.heal();
    let swept = place.sweep().await;
    assert_eq!(targets(swept.reverted()), ["b", "a"], "c was struck");
    assert_eq!(place.world.reverted(), ["c", "b", "b", "a"]);
    place.assert_no_ledgers();
}

#[tokio::test]
async fn a_torn_end_at_every_byte_is_swept_to_what_was_whole() {
    let place = Place::new();
    let (a, b) = (place.file("a", "found"), place.file("b", "found"));
    let ledger = place.open();
    let name = format!("{}.ledger", ledger.run());
    ledger.record(vec![entry(&a)]).unwrap();
    let first = place.listing()[0].1.len();
    ledger.record(vec![entry(&b)]).unwrap();
    drop(ledger);
    let whole = place.listing().remove(0).1;
    // The last newline may be missing from a line that is whole.
    for len in (0..=whole.len()).step_by(3).chain([first - 1, first, whole.len() - 1]) {
        place.plant(&name, &whole[..len]);
        fs::write(&a, "chaos").unwrap();
        let swept = place.sweep().await;
        let expected = usize::from(len >= first - 1) + usize::from(len >= whole.len() - 1);
        assert_eq!(swept.reverted().len(), expected, "{len} bytes: {swept}");
        assert!(swept.is_clean(), "{len} bytes: {swept}");
        place.assert_no_ledgers();
    }
}

#[tokio::test]
async fn a_survey_changes_nothing() {
    let place = Place::new();
    let ledger = place.open();
    for name in ["a", "b"] {
        place.file(name, "found");
        place.change(&ledger, name, "chaos");
    }
    drop(ledger);
    let before = place.listing();
    let survey = place.survey();
    assert_eq!(targets(survey.open()), ["b", "a"]);
    assert!(!survey.is_clean());
    let text = survey.to_string();
    assert!(text.contains("2 to revert") && text.contains("file a: writes chaos into it"), "{text}");
    assert_eq!((place.listing(), place.world.reverted().len()), (before, 0));
    assert_eq!(place.read("a"), "chaos");
}

#[tokio::test]
async fn an_entry_of_another_boot_is_reverted_and_says_so() {
    let place = Place::new();
    let path = place.file("a", "found");
    let record = serde_json::to_string(&entry(&path)).unwrap();
    fs::write(&path, "chaos").unwrap();
    place.open().close().unwrap();
    let run = RunId::fresh().to_string();
    let header = format!(
        r#"{{"ledger":1,"run":"{run}","boot":"11111111-2222-3333-4444-555555555555","pid":7,"pid_start":9,"started_ms":1}}"#
    );
    let record = format!(r#"{{"record":{{"seq":1,"at_ns":1,"entry":{record}}}}}"#);
    let bytes = format!("{}\n{}", line("header", &run, &header), line("1", &run, &record));
    place.plant(&format!("{run}.ledger"), bytes);
    let swept = place.sweep().await;
    assert_eq!(place.read("a"), "found");
    assert!(swept.is_clean() && !swept.reverted()[0].same_boot(), "{swept}");
    assert!(swept.to_string().contains("(other boot)"), "{swept}");
}

#[tokio::test]
async fn more_dead_runs_than_are_held_at_once() {
    let place = Place::new();
    place.file("a", "found");
    for run in 0..140 {
        place.change(&place.open(), "a", &format!("chaos {run}"));
    }
    let swept = Sweep::of(place.ledgers()).limit(secs(10)).run(&place.undos).await.unwrap();
    assert!(swept.is_clean() && swept.reverted().len() == 140, "{swept}");
    assert_eq!(place.read("a"), "found");
    place.assert_no_ledgers();
}

#[tokio::test]
async fn runs_that_come_and_go_under_a_sweep_are_never_taken_for_dead() {
    let place = Arc::new(Place::new());
    let runs: Vec<_> = (0..3)
        .map(|n| {
            let (place, name) = (place.clone(), format!("f{n}"));
            place.file(&name, "found");
            std::thread::spawn(move || {
                for _ in 0..40 {
                    let ledger = place.open();
                    let id = place.change(&ledger, &name, "chaos");
                    fs::write(place.path(&name), "found").unwrap();
                    ledger.strike(&[id]).unwrap();
                    ledger.close().unwrap();
                }
            })
        })
        .collect();
    while !runs.iter().all(|run| run.is_finished()) {
        let (swept, survey) = (place.sweep().await, place.survey());
        assert!(swept.is_clean() && swept.reverted().is_empty(), "{swept}");
        assert!(survey.is_clean(), "{survey}");
    }
    for run in runs {
        run.join().unwrap();
    }
    assert!(place.sweep().await.is_clean());
    place.assert_no_ledgers();
}
