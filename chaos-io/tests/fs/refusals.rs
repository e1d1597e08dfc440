//! What is refused, and that nothing was touched.

use std::io::ErrorKind;
use std::os::unix::fs::symlink;

use chaos_core::Chaos;
use chaos_io::{ChaosFs, Io};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use crate::scene::{Scene, block_on, put, sync};

#[test]
fn a_root_is_a_directory_that_is_there() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    for name in ["missing", "file"] {
        let err = ChaosFs::plain(dir.path().join(name)).unwrap_err();
        assert!(err.is_invalid() && err.to_string().contains(name), "{err}");
    }
}

#[test]
fn no_path_leads_out_of_the_root() {
    block_on(async {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "x").unwrap();
        for simulated in [true, false] {
            let scene = Scene::with(7, &[("a", b"a")]);
            let fs = if simulated { scene.fs.clone() } else { ChaosFs::plain(scene.path()).unwrap() };
            symlink(outside.path(), scene.path().join("link")).unwrap();
            symlink("a", scene.path().join("inner")).unwrap();
            let absolute = outside.path().join("secret");
            for path in
                ["../x", "a/../a", "link/secret", "link", "inner", "/etc/passwd", absolute.to_str().unwrap()]
            {
                let results = [
                    fs.open(path).await.map(drop),
                    fs.create(path).await.map(drop),
                    fs.metadata(path).await.map(drop),
                    fs.read_dir(path).await.map(drop),
                    fs.rename(path, "b").await,
                    fs.rename("a", path).await,
                    fs.remove_file(path).await,
                    fs.remove_dir(path).await,
                    fs.create_dir(path).await,
                    fs.sync_dir(path).await,
                ];
                for (number, result) in results.into_iter().enumerate() {
                    let err = result.unwrap_err();
                    assert_eq!(err.kind(), ErrorKind::InvalidInput, "{path}, {number}: {err}");
                    let inner = err.get_ref().and_then(|err| err.downcast_ref::<chaos_core::Error>());
                    assert!(inner.unwrap().is_invalid());
                }
            }
            assert_eq!(scene.found("a").as_deref(), Some(&b"a"[..]));
            assert!(outside.path().join("secret").exists());
        }
    });
}

#[test]
fn without_a_simulation_there_is_no_crash() {
    let dir = tempfile::tempdir().unwrap();
    let fs = ChaosFs::new(dir.path(), Chaos::seeded(7).point::<Io>("disk").unwrap()).unwrap();
    assert!(fs.crash().unwrap_err().is_invalid());
    assert_eq!(fs.unsynced(), 0);
}

#[test]
fn after_a_crash_everything_of_before_is_dead() {
    block_on(async {
        let scene = Scene::with(7, &[("a", b"text")]);
        let options = chaos_io::fs::OpenOptions::new().read(true).write(true);
        let mut file = scene.fs.open_with("a", options).await.unwrap();
        let clone = scene.fs.clone();
        let crash = scene.fs.crash().unwrap();
        assert!(scene.fs.crash().unwrap_err().is_refused());
        let results = [
            file.read(&mut [0]).await.map(drop),
            file.write(b"x").await.map(drop),
            file.flush().await,
            file.rewind().await.map(drop),
            file.set_len(1).await,
            file.metadata().await.map(drop),
            file.sync_all().await,
            file.shutdown().await,
            clone.open("a").await.map(drop),
            clone.rename("a", "b").await,
            clone.sync_dir(".").await,
            clone.read_dir(".").await.map(drop),
        ];
        for (number, result) in results.into_iter().enumerate() {
            let err = result.unwrap_err();
            assert_eq!(err.kind(), ErrorKind::StaleNetworkFileHandle, "{number}: {err}");
            assert!(err.to_string().contains("reopen"), "{err}");
        }
        assert_eq!(crash.reopen().read("a").await.unwrap(), b"text");
        assert!(crash.reopen().crash().is_ok());
    });
}

#[test]
fn what_the_journal_has_no_room_for_is_refused_and_not_done() {
    block_on(async {
        let scene = Scene::with(7, &[("a", &[1; 100_000]), ("b", b"b")]);
        let fs = ChaosFs::new(scene.path(), scene.point.clone()).unwrap().simulate_crashes_within(10_000);
        put(&fs, "b", 0, b"x").await;
        let refused =
            [fs.create("a").await.map(drop).unwrap_err(), fs.write("b", [0; 9_000]).await.unwrap_err()];
        for err in refused {
            assert_eq!(err.kind(), ErrorKind::OutOfMemory);
            assert!(err.to_string().contains("of 10000 bytes"), "{err}");
        }
        assert_eq!(scene.found("a").unwrap(), [1; 100_000]);
        sync(&fs, "b").await;
        assert_eq!(fs.unsynced(), 0);
        let mut made = 0;
        while fs.create(made.to_string()).await.is_ok() {
            made += 1;
        }
        assert!((10..30).contains(&made) && !scene.path().join(made.to_string()).exists());
        fs.sync_dir(".").await.unwrap();
        fs.create("more").await.unwrap();
    });
}

#[test]
fn the_number_of_removed_files_is_bounded_until_a_sync() {
    block_on(async {
        let scene = Scene::with(7, &[]);
        for name in 0..300 {
            std::fs::write(scene.path().join(name.to_string()), "").unwrap();
        }
        let mut removed = 0;
        let err = loop {
            match scene.fs.remove_file(removed.to_string()).await {
                Ok(()) => removed += 1,
                Err(err) => break err,
            }
        };
        assert!(removed == 256 && err.to_string().contains("sync the directories"), "{removed}: {err}");
        scene.fs.sync_dir(".").await.unwrap();
        scene.fs.remove_file("256").await.unwrap();
    });
}
