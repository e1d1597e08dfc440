//! Sweeps that cannot do all of it: nothing is deleted that was not undone, and each reason is told.

use std::fs;

use chaos_core::Undos;
use chaos_core::ledger::{RunId, Sweep, sweep};
use chaos_core::units::secs;

use crate::helper::{Act, Place, entry, line, targets};

fn three_changed(place: &Place) {
    let ledger = place.open();
    for name in ["a", "b", "c"] {
        place.file(name, "found");
        place.change(&ledger, name, "chaos");
    }
}

#[tokio::test]
async fn one_that_fails_is_kept_and_the_others_are_reverted() {
    for act in [Act::Fail, Act::Panic, Act::Lie] {
        let place = Place::new();
        three_changed(&place);
        place.world.tell(&place.path("b"), act.clone());
        let swept = place.sweep().await;
        assert_eq!(targets(swept.reverted()), ["c", "a"], "{act:?}: {swept}");
        let failed = &swept.failed()[0];
        assert_eq!(failed.found().entry().target(), "b");
        let error = failed.error();
        let told = match act {
            Act::Lie => error.is_leftover(),
            _ => error.is_failed(),
        };
        assert!(told, "{act:?}: {error}");
        assert!(!swept.is_clean() && swept.to_string().contains(&error.to_string()));
        assert_eq!(targets(place.survey().open()), ["b"]);
        place.world.heal();
        assert!(place.sweep().await.is_clean());
        assert_eq!(place.read("b"), "found");
        place.assert_no_ledgers();
    }
}

#[tokio::test(start_paused = true)]
async fn a_revert_that_hangs_is_given_up_at_the_limit() {
    let place = Place::new();
    three_changed(&place);
    place.world.tell(&place.path("c"), Act::Hang);
    let before = tokio::time::Instant::now();
    let swept = place.sweep().await;
    assert_eq!(before.elapsed(), Sweep::LIMIT);
    assert!(swept.failed()[0].error().is_timeout(), "{swept}");
    assert_eq!(targets(swept.reverted()), ["b", "a"]);
    let before = tokio::time::Instant::now();
    let swept = Sweep::of(place.ledgers()).limit(secs(2)).run(&place.undos).await.unwrap();
    assert_eq!((before.elapsed(), swept.failed().len()), (secs(2), 1));
}

#[tokio::test]
async fn an_older_change_waits_for_the_newer_one_of_its_target() {
    let place = Place::new();
    let path = place.file("a", "found");
    place.file("b", "found");
    let ledger = place.open();
    place.change(&ledger, "a", "chaos 1");
    place.change(&ledger, "b", "chaos");
    drop(ledger);
    place.change(&place.open(), "a", "chaos 2");
    place.world.tell(&path, Act::Fail);
    let swept = place.sweep().await;
    assert_eq!((targets(swept.reverted()), swept.failed().len()), (vec!["b"], 2), "{swept}");
    assert!(swept.failed()[1].error().is_refused(), "{swept}");
    assert_eq!(place.read("a"), "chaos 2");
    place.world.heal();
    assert!(place.sweep().await.is_clean());
    assert_eq!(place.read("a"), "found");
}

#[tokio::test]
async fn a_change_that_a_live_run_has_built_on_waits_for_it() {
    let place = Place::new();
    place.file("a", "found");
    place.change(&place.open(), "a", "dead");
    let live = place.open();
    let id = place.change(&live, "a", "live");
    let swept = place.sweep().await;
    assert!(swept.failed()[0].error().to_string().contains("live run"), "{swept}");
    assert_eq!(place.read("a"), "live");
    live.put_back(id, secs(5)).await.unwrap();
    assert_eq!(place.read("a"), "dead");
    assert!(place.sweep().await.is_clean());
    assert_eq!(place.read("a"), "found");
}

#[tokio::test]
async fn an_unknown_kind_is_kept_and_reported() {
    let place = Place::new();
    three_changed(&place);
    let before = place.listing();
    let swept = sweep(place.ledgers(), &Undos::none()).await.unwrap();
    assert_eq!((swept.unknown().len(), swept.reverted().len(), swept.is_clean()), (3, 0, false));
    assert!(swept.to_string().contains("undo kind test/file-held/1 is not registered"), "{swept}");
    assert_eq!(place.listing(), before, "not a byte is changed");
    assert!(place.sweep().await.is_clean());
}

#[tokio::test]
async fn another_version_is_kept_byte_for_byte() {
    let place = Place::new();
    place.open().close().unwrap();
    for version in [0, 2] {
        let run = RunId::fresh().to_string();
        let header = line("header", &run, &format!(r#"{{"ledger":{version},"more":[]}}"#));
        place.plant(&format!("{run}.ledger"), format!("{header}\u{1}binary?"));
    }
    let before = place.listing();
    let swept = place.sweep().await;
    assert_eq!((swept.kept().len(), swept.is_clean()), (2, false), "{swept}");
    assert!(swept.to_string().contains("is of version 2, this is 1"), "{swept}");
    assert_eq!(place.survey().kept().len(), 2);
    assert_eq!(place.listing(), before);
}

#[tokio::test]
async fn a_damaged_line_is_reported_and_the_others_are_reverted() {
    let place = Place::new();
    three_changed(&place);
    let (name, mut bytes) = place.listing().remove(0);
    let at = bytes.windows(8).position(|window| window == br#""target""#).unwrap();
    bytes[at + 10] ^= 4;
    place.plant(&name, &bytes);
    for reverted in [vec!["c", "b"], vec![]] {
        let swept = place.sweep().await;
        assert_eq!(targets(swept.reverted()), reverted, "{swept}");
        let kept = &swept.kept()[0];
        assert_eq!((kept.line(), kept.path()), (Some(3), &*place.ledgers().join(&name)));
        assert!(!swept.is_clean());
    }
    assert_eq!(place.read("a"), "chaos", "what cannot be trusted is not run");
    assert!(place.listing()[0].1.starts_with(&bytes), "the evidence stays");
}

#[tokio::test]
async fn a_torn_end_does_not_spoil_what_the_sweep_writes_behind_it() {
    let place = Place::new();
    three_changed(&place);
    let (name, bytes) = place.listing().remove(0);
    place.plant(&name, [&bytes[..], b"\n0a1b2c3d {\"strike\":["].concat());
    place.world.tell(&place.path("a"), Act::Fail);
    assert_eq!(targets(place.sweep().await.reverted()), ["c", "b"]);
    place.world.heal();
    let swept = place.sweep().await;
    assert!(swept.is_clean(), "{swept}");
    assert_eq!(targets(swept.reverted()), ["a"]);
    place.assert_no_ledgers();
}

#[tokio::test]
async fn a_damaged_header_does_not_cost_the_entries() {
    let place = Place::new();
    three_changed(&place);
    let (name, mut bytes) = place.listing().remove(0);
    bytes[12] ^= 1;
    place.plant(&name, &bytes);
    let swept = place.sweep().await;
    assert_eq!((swept.reverted().len(), swept.kept()[0].line()), (3, Some(1)), "{swept}");
    assert!(!swept.reverted()[0].same_boot(), "the boot is not known");
}

#[tokio::test]
async fn data_that_is_not_the_kinds_own_fails_and_is_kept() {
    let place = Place::new();
    three_changed(&place);
    let run = RunId::fresh().to_string();
    let header =
        format!(r#"{{"ledger":1,"run":"{run}","boot":"unknown","pid":7,"pid_start":null,"started_ms":1}}"#);
    let record = r#"{"record":{"seq":1,"at_ns":1,"entry":{"kind":"test/file-held/1","unit":"file","target":"d","change":"x","undo":{"exec":"rm"}}}}"#;
    let bytes = format!("{}\n{}", line("header", &run, &header), line("1", &run, record));
    place.plant(&format!("{run}.ledger"), bytes);
    let swept = place.sweep().await;
    assert_eq!((swept.reverted().len(), swept.failed().len()), (3, 1), "{swept}");
    assert!(swept.failed()[0].error().is_invalid());
}

#[tokio::test]
async fn a_hundred_things_half_of_them_ours() {
    let place = Place::new();
    let path = place.file("a", "found");
    place.open().close().unwrap();
    let mut foreign = Vec::new();
    for n in 0..50 {
        let ledger = place.open();
        match n % 5 {
            0 => drop(ledger),
            _ => {
                place.change(&ledger, "a", "chaos");
                let file = ledger.path().unwrap().to_owned();
                drop(ledger);
                let whole = fs::read(&file).unwrap();
                // Torn: in the header, in the record; whole; with a torn line behind it.
                let bytes = match n % 5 {
                    1 => whole[..40].to_vec(),
                    2 => whole[..whole.len() - 30].to_vec(),
                    3 => whole,
                    _ => [&whole[..], b"\n0a1b2c3d {\"record\":{\"seq\":"].concat(),
                };
                fs::write(&file, bytes).unwrap();
                fs::write(&path, "found").unwrap();
            }
        }
        let run = RunId::fresh();
        let (name, bytes) = match n % 5 {
            0 => (format!("notes-{n}.txt"), b"mine".to_vec()),
            1 => (format!("other-{n}.ledger"), b"an accounting program's".to_vec()),
            2 => (format!("{run}.ledger.bak"), b"a copy".to_vec()),
            3 => (format!("{run}.ledger"), b"a book\nof sums\n".to_vec()),
            _ => (format!("{run}.LEDGER"), Vec::new()),
        };
        place.plant(&name, &bytes);
        foreign.push((name, bytes));
    }
    foreign.sort();
    fs::write(&path, "chaos").unwrap();
    let swept = place.sweep().await;
    assert_eq!(swept.reverted().len(), 20, "{swept}");
    assert!(swept.failed().is_empty() && swept.unknown().is_empty(), "{swept}");
    assert_eq!(place.listing(), foreign, "all of ours is gone, nothing of others is touched");
    assert_eq!(place.read("a"), "found");
}

#[tokio::test]
async fn a_target_with_a_hostile_name_cannot_forge_the_report() {
    let place = Place::new();
    let path = place.file("a\nreverted everything\u{1b}[2J\u{202e}", "found");
    let ledger = place.open();
    ledger.record(vec![entry(&path)]).unwrap();
    drop(ledger);
    let text = place.sweep().await.to_string();
    assert_eq!(text.lines().count(), 3, "{text:?}");
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
}
