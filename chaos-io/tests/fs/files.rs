//! Files and names without faults: with a simulation and without, as tokio has them.

use std::io::{ErrorKind, SeekFrom};

use chaos_core::Chaos;
use chaos_io::fs::OpenOptions;
use chaos_io::{ChaosFs, Io};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use crate::scene::block_on;

/// The same script on each kind of file system.
fn each(script: impl AsyncFn(&ChaosFs)) {
    block_on(async {
        for kind in 0..3 {
            let dir = tempfile::tempdir().unwrap();
            let point = Chaos::seeded(7).point::<Io>("disk").unwrap();
            let fs = match kind {
                0 => ChaosFs::plain(dir.path()).unwrap(),
                1 => ChaosFs::new(dir.path(), point).unwrap(),
                _ => ChaosFs::new(dir.path(), point).unwrap().simulate_crashes(),
            };
            script(&fs).await;
        }
    });
}

#[test]
fn a_file_is_written_read_sought_cut_and_appended_to() {
    each(async |fs| {
        let all = OpenOptions::new().read(true).write(true).create_new(true);
        let mut file = fs.open_with("a", all).await.unwrap();
        file.write_all(b"0123456789").await.unwrap();
        file.seek(SeekFrom::Start(2)).await.unwrap();
        file.write_all(b"xy").await.unwrap();
        let mut next = [0; 2];
        file.read_exact(&mut next).await.unwrap();
        assert_eq!(&next, b"45");
        assert_eq!(file.seek(SeekFrom::End(-1)).await.unwrap(), 9);
        file.set_len(8).await.unwrap();
        file.set_len(9).await.unwrap();
        assert_eq!(file.metadata().await.unwrap().len(), 9);
        file.sync_data().await.unwrap();
        file.shutdown().await.unwrap();
        let mut end = fs.open_with("a", OpenOptions::new().append(true).create(true)).await.unwrap();
        end.write_all(b"end").await.unwrap();
        end.sync_all().await.unwrap();
        assert_eq!(fs.read("a").await.unwrap(), b"01xy4567\0end");
        assert_eq!(fs.open_with("a", all).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
        fs.write(fs.root().join("a"), b"anew").await.unwrap();
        assert_eq!(fs.read("./a").await.unwrap(), b"anew");
    });
}

#[test]
fn names_are_made_listed_moved_and_removed() {
    each(async |fs| {
        fs.create_dir_all("d/e").await.unwrap();
        fs.create_dir_all("d/e").await.unwrap();
        assert_eq!(fs.create_dir("d").await.unwrap_err().kind(), ErrorKind::AlreadyExists);
        fs.write("d/2", b"two").await.unwrap();
        fs.write("d/1", b"one").await.unwrap();
        fs.rename("d/1", "d/2").await.unwrap();
        fs.rename("d/2", "d/2").await.unwrap();
        assert_eq!(fs.read_dir("d").await.unwrap(), ["2", "e"]);
        assert_eq!(fs.read("d/2").await.unwrap(), b"one");
        assert_eq!(fs.metadata("d/2").await.unwrap().len(), 3);
        assert!(fs.metadata("").await.unwrap().is_dir());
        fs.sync_dir("d").await.unwrap();
        assert_eq!(fs.remove_dir("d").await.unwrap_err().kind(), ErrorKind::DirectoryNotEmpty);
        fs.remove_dir("d/e").await.unwrap();
        fs.remove_file("d/2").await.unwrap();
        assert!(!fs.try_exists("d/2").await.unwrap() && fs.try_exists("d").await.unwrap());
        fs.rename("d", "f").await.unwrap();
        assert_eq!(fs.read_dir(".").await.unwrap(), ["f"]);
    });
}

#[test]
fn what_cannot_be_done_is_answered_as_tokio_does() {
    each(async |fs| {
        fs.write("a", b"a").await.unwrap();
        fs.create_dir("d").await.unwrap();
        let (read, write) = (OpenOptions::new().read(true), OpenOptions::new().write(true));
        let kinds = [
            fs.open("missing").await.map(drop),
            fs.open_with("missing", write).await.map(drop),
            fs.open("a/b").await.map(drop),
            fs.open("d").await.map(drop),
            fs.open(".").await.map(drop),
            fs.open_with("a", OpenOptions::new()).await.map(drop),
            fs.open_with("b", read.create(true)).await.map(drop),
            fs.open_with("a", read.truncate(true)).await.map(drop),
            fs.remove_file("missing").await,
            fs.remove_dir("a").await,
            fs.rename("missing", "b").await,
            fs.rename("d", "d/e").await,
            fs.sync_dir("a").await,
            fs.sync_dir("missing").await,
            fs.read_dir("a").await.map(drop),
            fs.open("a").await.unwrap().set_len(7).await,
        ]
        .map(|result| result.unwrap_err().kind());
        use ErrorKind::{InvalidInput, IsADirectory, NotADirectory, NotFound};
        let expected = [
            NotFound,
            NotFound,
            NotADirectory,
            IsADirectory,
            IsADirectory,
            InvalidInput,
            InvalidInput,
            InvalidInput,
            NotFound,
            NotADirectory,
            NotFound,
            InvalidInput,
            NotADirectory,
            NotFound,
            NotADirectory,
            InvalidInput,
        ];
        assert_eq!(kinds, expected);
        let only = |options| async move { fs.open_with("a", options).await.unwrap() };
        let mut refused = vec![only(write).await.read(&mut [0]).await.unwrap_err().raw_os_error()];
        let mut file = only(read).await;
        let written = async { file.write_all(b"x").await.and(file.flush().await) };
        refused.push(written.await.unwrap_err().raw_os_error());
        assert_eq!(refused, [Some(9), Some(9)]);
        assert_eq!(fs.read_dir(".").await.unwrap(), ["a", "d"]);
        assert_eq!(fs.read("a").await.unwrap(), b"a");
    });
}

#[test]
fn a_removed_file_goes_on_for_who_has_it_open() {
    each(async |fs| {
        let all = OpenOptions::new().read(true).write(true).create(true);
        let mut file = fs.open_with("a", all).await.unwrap();
        fs.remove_file("a").await.unwrap();
        fs.sync_dir(".").await.unwrap();
        file.write_all(b"still").await.unwrap();
        file.rewind().await.unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).await.unwrap();
        assert_eq!((text.as_str(), fs.unsynced()), ("still", 0));
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn files_and_their_operations_move_between_threads() {
    let dir = tempfile::tempdir().unwrap();
    let fs = ChaosFs::new(dir.path(), Chaos::seeded(7).point("disk").unwrap()).unwrap().simulate_crashes();
    let tasks: Vec<_> = (0..8_u8)
        .map(|n| {
            let fs = fs.clone();
            tokio::spawn(async move {
                let name = n.to_string();
                fs.write(&name, vec![n; 10_000]).await.unwrap();
                let mut file = fs.open_with(&name, OpenOptions::new().write(true)).await.unwrap();
                file.sync_all().await.unwrap();
                file.set_len(5_000).await.unwrap();
                file.metadata().await.unwrap();
                fs.rename(&name, format!("{name}.done")).await.unwrap();
                fs.sync_dir(".").await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(fs.read_dir(".").await.unwrap().len(), 8);
    assert!(fs.unsynced() > 0);
}
