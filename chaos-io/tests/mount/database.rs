//! SQLite on the mount: its data is intact when nothing is asked, and it sees what is asked.

use std::path::Path;

use chaos_io::{IoKind, errno, kind};
use rusqlite::{Connection, ffi};

use crate::Test;
use crate::scene::Scene;

pub(crate) const TESTS: &[Test] = &[
    ("sqlite_finds_its_data_intact", data_is_intact),
    ("sqlite_sees_eio_on_fsync_and_keeps_what_it_committed", eio_on_fsync),
    ("sqlite_survives_weights_of_errors", errors_now_and_then),
];

const JOURNALS: [&str; 3] = ["DELETE", "TRUNCATE", "WAL"];

fn open(path: &Path, journal: &str) -> Connection {
    let db = Connection::open(path).unwrap();
    let set: String =
        db.query_row(&format!("PRAGMA journal_mode = {journal}"), [], |row| row.get(0)).unwrap();
    assert_eq!(set, journal.to_lowercase(), "a WAL needs a shared map");
    db.execute_batch(
        "PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS orders(id INTEGER PRIMARY KEY, what TEXT)",
    )
    .unwrap();
    db
}

fn insert(db: &Connection, id: i64) -> rusqlite::Result<usize> {
    db.execute("INSERT INTO orders VALUES (?1, ?2)", (id, format!("order {id} ").repeat(200)))
}

fn rows(db: &Connection) -> Vec<i64> {
    let ok: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(ok, "ok");
    let mut rows = db.prepare("SELECT id FROM orders ORDER BY id").unwrap();
    rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn data_is_intact() {
    for journal in JOURNALS {
        let Some(scene) = Scene::new() else { return };
        let db = open(&scene.file("db"), journal);
        (0..150).for_each(|id| assert_eq!(insert(&db, id).unwrap(), 1));
        // A second program reads and writes at the same time, over the same locks.
        let other = open(&scene.file("db"), journal);
        insert(&other, 150).unwrap();
        assert_eq!(rows(&db), (0..=150).collect::<Vec<_>>());
        drop((db, other));
        assert_eq!(rows(&Connection::open(scene.below("db")).unwrap()), (0..=150).collect::<Vec<_>>());
    }
}

fn eio_on_fsync() {
    for journal in JOURNALS {
        let Some(scene) = Scene::new() else { return };
        let db = open(&scene.file("db"), journal);
        (0..20).for_each(|id| assert_eq!(insert(&db, id).unwrap(), 1));
        let rule = errno(5).unwrap().when(kind(IoKind::Sync));
        let (failed, hits) = scene.under(rule, || insert(&db, 20).unwrap_err());
        let code = failed.sqlite_error().unwrap().extended_code;
        let of_sync = [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_DIR_FSYNC];
        assert!(of_sync.contains(&code), "{journal}: {failed}");
        assert!(hits > 0);
        drop(db);
        let db = open(&scene.file("db"), journal);
        let found = rows(&db);
        // What failed may be there or not; what was committed is.
        assert_eq!(found[..20], (0..20).collect::<Vec<_>>());
        insert(&db, 21).unwrap();
    }
}

fn errors_now_and_then() {
    let Some(scene) = Scene::new() else { return };
    let mut committed = Vec::new();
    let mut db = open(&scene.file("db"), "DELETE");
    let now_and_then = |number, of| errno(number).unwrap().when(kind(of)).probability(0.02).unwrap();
    let rules =
        [now_and_then(5, IoKind::Sync), now_and_then(28, IoKind::Write), now_and_then(5, IoKind::Read)];
    let armed: Vec<_> = rules.into_iter().map(|rule| scene.point.arm(rule).unwrap()).collect();
    for id in 0..200 {
        match insert(&db, id) {
            Ok(_) => committed.push(id),
            Err(_) => {
                // As a service does: the connection is thrown away, and a new one may take several tries.
                drop(db);
                db = (0..100).find_map(|_| Connection::open(scene.file("db")).ok()).unwrap();
            }
        }
    }
    let hits: u64 = armed.iter().map(|armed| armed.hits()).sum();
    drop(armed);
    drop(db);
    let found = rows(&Connection::open(scene.file("db")).unwrap());
    let lost: Vec<_> = committed.iter().filter(|id| !found.contains(id)).collect();
    assert!(hits > 10 && committed.len() > 50, "{hits} hits, {} commits", committed.len());
    assert!(lost.is_empty(), "committed and lost: {lost:?}");
}
