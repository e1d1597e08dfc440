//! Rules act on files and names by path, kind, place and length, with a simulation and without.

use std::io::{self, ErrorKind};

use chaos_core::units::secs;
use chaos_core::{Chaos, Delay, Point, Rule};
use chaos_io::fs::OpenOptions;
use chaos_io::{ChaosFs, Injected, Io, IoKind, Keep, kind, length, offset, path, path_glob};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use crate::scene::block_on;

const ALL: OpenOptions = OpenOptions::new().read(true).write(true);

/// On a file system without a simulation, and on one with: a directory `d` with files `a` and `b` of ten digits.
fn each(script: impl AsyncFn(&ChaosFs, &Point<Io>)) {
    for simulated in [false, true] {
        block_on(async {
            let dir = tempfile::tempdir().unwrap();
            std::fs::create_dir(dir.path().join("d")).unwrap();
            for name in ["d/a", "d/b"] {
                std::fs::write(dir.path().join(name), "0123456789").unwrap();
            }
            let point = Chaos::seeded(7).point::<Io>("disk").unwrap();
            let fs = ChaosFs::new(dir.path(), point.clone()).unwrap();
            script(&if simulated { fs.simulate_crashes() } else { fs }, &point).await;
        });
    }
}

/// One operation of each kind on `name`.
async fn do_one(fs: &ChaosFs, what: IoKind, name: &str) -> io::Result<()> {
    let open = async || fs.open_with(name, ALL).await;
    match what {
        IoKind::Open => open().await.map(drop),
        IoKind::Create => fs.create(format!("{name}.new")).await.map(drop),
        IoKind::Read => open().await?.read(&mut [0; 4]).await.map(drop),
        IoKind::Write => open().await?.write(b"xx").await.map(drop),
        IoKind::Flush => open().await?.flush().await,
        IoKind::Sync => open().await?.sync_all().await,
        IoKind::Seek => open().await?.rewind().await.map(drop),
        IoKind::Close => open().await?.shutdown().await,
        IoKind::SetAttr => open().await?.set_len(5).await,
        IoKind::Stat => fs.metadata(name).await.map(drop),
        IoKind::List => fs.read_dir(name).await.map(drop),
        IoKind::MakeDir => fs.create_dir(name).await,
        IoKind::Remove => fs.remove_file(name).await,
        IoKind::Rename => fs.rename(name, "d/moved").await,
        other => panic!("{other} is no operation of a file system"),
    }
}

#[test]
fn each_kind_fails_where_its_path_matches_and_nowhere_else_and_is_not_done() {
    for what in IoKind::all().filter(|what| *what != IoKind::Link) {
        each(async |fs, point| {
            let glob = if what == IoKind::List { "d" } else { "d/a*" };
            let rule = chaos_io::error(ErrorKind::TimedOut).named("down").unwrap();
            let rule = point.arm(rule.when(kind(what) & path_glob(glob).unwrap())).unwrap();
            let name = match what {
                IoKind::List => "d",
                IoKind::MakeDir => "d/a2",
                _ => "d/a",
            };
            let err = do_one(fs, what, name).await.unwrap_err();
            let injected = Injected::find(&err).unwrap_or_else(|| panic!("{what}: {err}"));
            assert_eq!((err.kind(), injected.rule(), rule.hits()), (ErrorKind::TimedOut, Some("down"), 1));
            let other = match what {
                IoKind::List => ".",
                IoKind::MakeDir => "d/c",
                _ => "d/b",
            };
            do_one(fs, what, other).await.unwrap_or_else(|err| panic!("{what}: {err}"));
            assert_eq!(rule.hits(), 1, "{what}");
            rule.revert();
            assert_eq!(fs.read("d/a").await.unwrap(), b"0123456789", "{what}");
            assert!(!fs.try_exists("d/a.new").await.unwrap() && !fs.try_exists("d/a2").await.unwrap());
            do_one(fs, what, name).await.unwrap_or_else(|err| panic!("{what}: {err}"));
        });
    }
}

#[test]
fn a_directory_is_synced_under_rules_of_its_own_path() {
    each(async |fs, point| {
        let rule =
            point.arm(chaos_io::errno(5).unwrap().when(path("d").unwrap() & kind(IoKind::Sync))).unwrap();
        fs.sync_dir(".").await.unwrap();
        do_one(fs, IoKind::Sync, "d/a").await.unwrap();
        assert_eq!(fs.sync_dir("d").await.unwrap_err().raw_os_error(), Some(5));
        rule.revert();
        fs.write("d/new", b"x").await.unwrap();
        let held = fs.unsynced();
        let lost = point.arm(chaos_io::lost_sync()).unwrap();
        fs.sync_dir("d").await.unwrap();
        assert_eq!((fs.unsynced(), lost.hits()), (held, 1));
    });
}

#[test]
fn bytes_are_torn_short_corrupt_and_out_of_room_by_place_and_length() {
    each(async |fs, point| {
        async fn with(fs: &ChaosFs, point: &Point<Io>, rule: Rule<Io>) -> (io::Result<()>, Vec<u8>) {
            let armed = point.arm(rule.when(path("d/a").unwrap())).unwrap();
            let mut file = fs.open_with("d/a", ALL).await.unwrap();
            file.seek(io::SeekFrom::Start(4)).await.unwrap();
            let wrote = match file.write_all(b"abcd").await {
                Ok(()) => file.flush().await,
                failed => failed,
            };
            assert!(armed.hits() > 0);
            armed.revert();
            let found = fs.read("d/a").await.unwrap();
            fs.write("d/a", b"0123456789").await.unwrap();
            (wrote, found)
        }
        let (wrote, found) = with(fs, point, chaos_io::torn(Keep::bytes(1))).await;
        assert_eq!((wrote.is_ok(), &found[..]), (true, &b"0123a56789"[..]));
        let at = chaos_io::short(3).unwrap().when(kind(IoKind::Write) & offset(4..5).unwrap());
        assert_eq!(with(fs, point, at).await.1, b"0123abcd89");
        let long = chaos_io::replace_range(5, "?").unwrap().when(kind(IoKind::Write) & length(4..).unwrap());
        assert_eq!(with(fs, point, long).await.1, b"0123a?cd89");
        let (wrote, found) = with(fs, point, chaos_io::disk_full(2)).await;
        assert_eq!(wrote.unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(found, b"0123ab6789");
    });
}

#[test]
fn a_file_opened_to_append_has_its_place_at_the_end() {
    each(async |fs, point| {
        let rule = chaos_io::replace_range(11, "?").unwrap().when(kind(IoKind::Write));
        let rule = point.arm(rule).unwrap();
        let mut file = fs.open_with("d/a", OpenOptions::new().append(true)).await.unwrap();
        file.write_all(b"xyz").await.unwrap();
        file.flush().await.unwrap();
        assert_eq!((rule.hits(), fs.read("d/a").await.unwrap()), (1, b"0123456789x?z".to_vec()));
    });
}

#[tokio::test(start_paused = true)]
async fn names_are_slow_in_virtual_time() {
    let dir = tempfile::tempdir().unwrap();
    let point = Chaos::seeded(7).point::<Io>("disk").unwrap();
    let fs = ChaosFs::new(dir.path(), point.clone()).unwrap().simulate_crashes();
    let slow = point.arm(chaos_io::latency(Delay::fixed(secs(60))).when(path_glob("*").unwrap())).unwrap();
    let begun = tokio::time::Instant::now();
    fs.create_dir("d").await.unwrap();
    fs.rename("d", "e").await.unwrap();
    fs.create_dir("e/f").await.unwrap();
    assert_eq!((begun.elapsed(), slow.hits()), (secs(120), 2));
}

#[tokio::test(start_paused = true)]
async fn what_is_stuck_and_given_up_was_not_done() {
    let dir = tempfile::tempdir().unwrap();
    let point = Chaos::seeded(7).point::<Io>("disk").unwrap();
    let fs = ChaosFs::new(dir.path(), point.clone()).unwrap();
    let stuck = point.arm(chaos_io::stuck().when(kind(IoKind::MakeDir))).unwrap();
    tokio::time::timeout(secs(5), fs.create_dir("d")).await.unwrap_err();
    stuck.revert();
    assert!(!dir.path().join("d").exists());
}
