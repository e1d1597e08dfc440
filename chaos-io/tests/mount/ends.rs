//! The end of a mount waits for nobody, and nobody for it.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};

use chaos_core::units::secs;
use chaos_core::{Delay, Undo};
use chaos_io::mount::MountUndo;
use chaos_io::{IoKind, errno, kind, latency, path, stuck};

use crate::Test;
use crate::scene::{Scene, run, wait_until};

pub(crate) const TESTS: &[Test] = &[
    ("the_end_does_not_wait_for_open_files_and_these_go_on", open_files_go_on),
    ("the_end_lets_held_requests_go", held_requests_are_let_go),
    ("a_dropped_mount_is_gone", a_dropped_mount_is_gone),
    ("an_undo_leaves_other_mounts_alone", other_mounts_are_left_alone),
    ("a_request_that_waits_holds_up_no_other", no_other_is_held_up),
];

fn open_files_go_on() {
    let Some(mut scene) = Scene::new() else { return };
    let mut file = File::options().read(true).write(true).create_new(true).open(scene.file("open")).unwrap();
    file.write_all(b"before ").unwrap();
    let _bad = scene.point.arm(errno(5).unwrap().when(kind(IoKind::Write))).unwrap();
    assert!(file.write_all(b"never").is_err());
    scene.end();
    assert!(!scene.is_mounted());
    file.write_all(b"after").unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    let mut all = String::new();
    file.read_to_string(&mut all).unwrap();
    assert_eq!(all, "before after");
    assert_eq!(fs::read_to_string(scene.below("open")).unwrap(), "before after");
}

fn held_requests_are_let_go() {
    let Some(mut scene) = Scene::new() else { return };
    fs::write(scene.below("slow"), "slow").unwrap();
    fs::write(scene.below("stuck"), "stuck").unwrap();
    let slow = path(scene.file("slow")).unwrap() & kind(IoKind::Open);
    let stop = path(scene.file("stuck")).unwrap() & kind(IoKind::Read);
    let slow = scene.point.arm(latency(Delay::fixed(secs(3600))).when(slow)).unwrap();
    let stop = scene.point.arm(stuck().when(stop)).unwrap();
    let readers = ["slow", "stuck"].map(|name| {
        let path = scene.file(name);
        std::thread::spawn(move || fs::read_to_string(path))
    });
    wait_until("both are held", || slow.hits() == 1 && stop.hits() >= 1);
    scene.end();
    for (reader, found) in readers.into_iter().zip(["slow", "stuck"]) {
        assert_eq!(reader.join().unwrap().unwrap(), found);
    }
}

fn a_dropped_mount_is_gone() {
    let Some(mut scene) = Scene::new() else { return };
    drop(scene.mounted());
    assert!(!scene.is_mounted() && scene.ledger.open_entries().is_empty());
}

fn other_mounts_are_left_alone() {
    let Some(mut scene) = Scene::new() else { return };
    let entry = scene.ledger.open_entries().remove(0).1;
    let undo: MountUndo = serde_json::from_str(entry.undo_json()).unwrap();
    let first = scene.mounted();
    // The same place once more, after somebody has emptied it: the first is covered.
    let other = Scene::bare().unwrap();
    fs::write(other.below("other"), "").unwrap();
    let second = chaos_io::mount::Mount::new(other.source(), scene.at(), other.point.clone());
    let second = run(second.ledger(other.ledger.clone()).begin()).unwrap();
    let refused = run(undo.revert(&())).unwrap_err();
    assert!(refused.is_refused(), "{refused}");
    assert!(scene.file("other").exists(), "the second is still there");
    run(second.end()).unwrap();
    assert!(!run(undo.is_gone(&())).unwrap());
    run(undo.revert(&())).unwrap();
    assert!(run(undo.is_gone(&())).unwrap());
    // And again, when it is gone.
    run(undo.revert(&())).unwrap();
    run(first.end()).unwrap();
}

fn no_other_is_held_up() {
    let Some(scene) = Scene::new() else { return };
    let slow: Vec<_> = (0..100).map(|nth| scene.file(&format!("slow-{nth}"))).collect();
    slow.iter().for_each(|path| fs::write(path, "slow").unwrap());
    let held = kind(IoKind::Open) & chaos_io::path_glob("**/slow-*").unwrap();
    let armed = scene.point.arm(latency(Delay::fixed(secs(3600))).when(held)).unwrap();
    let readers = slow.into_iter().map(|path| std::thread::spawn(move || fs::read_to_string(path)));
    let readers: Vec<_> = readers.collect();
    wait_until("all are held", || armed.hits() == 100);
    for nth in 0..200 {
        let path = scene.file(&format!("fast-{nth}"));
        fs::write(&path, "fast").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "fast");
    }
    armed.revert();
    readers.into_iter().for_each(|reader| assert_eq!(reader.join().unwrap().unwrap(), "slow"));
}
