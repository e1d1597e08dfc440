//! A run that lives: what it leaves on the disk while it does, and when it ends well.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use chaos_core::ledger::RunId;
use chaos_core::units::secs;
use chaos_core::{Error, Ledger, Result, Undo, Undos};
use serde::{Deserialize, Serialize};

use crate::helper::{FileHeld, Place, World, entry, targets};

fn both(place: &Place) -> [Ledger; 2] {
    [place.open(), Ledger::in_memory(place.undos.clone())]
}

#[test]
fn entries_are_open_until_they_are_struck() {
    let place = Place::new();
    let (a, b) = (place.file("a", "1"), place.file("b", "2"));
    for ledger in both(&place) {
        let ids = ledger.record(vec![entry(&a), entry(&b)]).unwrap();
        assert_eq!(ids.iter().map(|id| id.number()).collect::<Vec<_>>(), [1, 2]);
        assert!(ids.iter().all(|id| id.run() == ledger.run()));
        ledger.strike(&ids[..1]).unwrap();
        ledger.strike(&[ids[0], ids[0]]).unwrap();
        let open = ledger.open_entries();
        assert_eq!(open.len(), 1);
        assert_eq!((open[0].0, open[0].1.target()), (ids[1], "b"));
        assert!(open[0].1.undo_json().contains("[50]"), "what was found, and nothing else");
        ledger.strike(&ids).unwrap();
        ledger.close().unwrap();
    }
    place.assert_no_ledgers();
}

#[test]
fn an_entry_of_another_ledger_is_not_struck_here() {
    let place = Place::new();
    let a = place.file("a", "1");
    let [one, other] = both(&place);
    let id = one.record(vec![entry(&a)]).unwrap()[0];
    other.record(vec![entry(&a)]).unwrap();
    let err = other.strike(&[id]).unwrap_err();
    assert!(err.is_invalid() && err.to_string().contains(&id.to_string()), "{err}");
    assert_eq!((one.open_entries().len(), other.open_entries().len()), (1, 1));
}

#[test]
fn closing_with_open_entries_is_a_leftover_and_keeps_the_file() {
    let place = Place::new();
    let a = place.file("a", "1");
    for ledger in both(&place) {
        ledger.record(vec![entry(&a)]).unwrap();
        assert!(ledger.close().unwrap_err().is_leftover());
    }
    assert_eq!(targets(place.survey().open()), ["a"]);
}

#[test]
fn dropping_with_nothing_open_removes_the_file() {
    let place = Place::new();
    drop(place.open());
    place.assert_no_ledgers();
}

#[test]
fn directory_and_file_are_for_nobody_else() {
    let place = Place::new();
    let dir = place.ledgers().join("deep").join("down");
    let ledger = Ledger::open(&dir, place.undos.clone()).unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&place.ledgers()), 0o700);
    assert_eq!(mode(&dir), 0o700);
    let path = ledger.path().unwrap();
    assert_eq!(mode(path), 0o600);
    assert_eq!(path, dir.join(format!("{}.ledger", ledger.run())));
}

#[test]
fn runs_have_names_of_their_own() {
    let place = Place::new();
    let (one, other) = (place.open(), place.open());
    assert_ne!(one.run(), other.run());
    assert_eq!(one.run().to_string().parse::<RunId>().unwrap(), one.run());
}

#[tokio::test]
async fn put_back_reverts_observes_and_strikes() {
    let place = Place::new();
    place.file("a", "found");
    for ledger in both(&place) {
        let id = place.change(&ledger, "a", "chaos");
        ledger.put_back(id, secs(5)).await.unwrap();
        assert_eq!((place.read("a").as_str(), ledger.open_entries().len()), ("found", 0));
        ledger.put_back(id, secs(5)).await.unwrap();
        ledger.close().unwrap();
    }
    assert_eq!(place.world.reverted(), ["a", "a"], "what is struck is not reverted again");
}

#[tokio::test]
async fn what_cannot_be_put_back_stays_open() {
    let place = Place::new();
    let path = place.file("a", "found");
    let ledger = place.open();
    let id = place.change(&ledger, "a", "chaos");
    place.world.tell(&path, crate::helper::Act::Lie);
    assert!(ledger.put_back(id, secs(5)).await.unwrap_err().is_leftover());
    assert_eq!(ledger.open_entries().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn recording_does_not_move_a_paused_clock() {
    let place = Place::new();
    let a = place.file("a", "1");
    let before = tokio::time::Instant::now();
    let ledger = place.open();
    let ids = ledger.record(vec![entry(&a)]).unwrap();
    ledger.strike(&ids).unwrap();
    ledger.close().unwrap();
    assert_eq!(tokio::time::Instant::now(), before);
}

#[test]
fn undos_are_a_closed_list() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Spaced;
    impl Undo for Spaced {
        const KIND: &'static str = "has spaces";
        type Via = ();
        async fn revert(&self, (): &()) -> Result<()> {
            Ok(())
        }
        async fn is_gone(&self, (): &()) -> Result<bool> {
            Ok(true)
        }
    }
    let undos = Undos::none().with::<FileHeld>(World::default()).unwrap();
    assert!(undos.knows("test/file-held/1") && !undos.knows("test/file-held/2"));
    assert_eq!(undos.kinds().collect::<Vec<_>>(), ["test/file-held/1"]);
    assert!(undos.clone().with::<FileHeld>(World::default()).unwrap_err().is_conflict());
    assert!(undos.with::<Spaced>(()).unwrap_err().is_invalid());
    let place = Place::new();
    let a = place.file("a", "1");
    let ledger = Ledger::open(place.ledgers(), Undos::none()).unwrap();
    let before = place.listing();
    let err: Error = ledger.record(vec![entry(&a)]).unwrap_err();
    assert!(err.is_refused() && err.to_string().contains("test/file-held/1"), "{err}");
    assert_eq!(place.listing(), before);
}

#[test]
fn threads_share_a_ledger() {
    let place = Place::new();
    let a = place.file("a", "1");
    let ledger = place.open();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let ids = ledger.record(vec![entry(&a), entry(&a)]).unwrap();
                    ledger.strike(&ids[..1]).unwrap();
                }
            });
        }
    });
    assert_eq!(ledger.open_entries().len(), 160);
    drop(ledger);
    let survey = place.survey();
    assert_eq!((survey.open().len(), survey.kept().len()), (160, 0), "{survey}");
}
