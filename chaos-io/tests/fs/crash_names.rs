//! What a crash leaves of names.

use std::collections::BTreeSet;
use std::future::Future;

use crate::scene::{Scene, block_on, put, sync};

/// Every state that these names are found in, over many seeds.
fn states<F: Future<Output = ()>>(
    files: &[(&str, &[u8])],
    names: &[&str],
    script: impl Fn(chaos_io::ChaosFs) -> F,
) -> BTreeSet<Vec<Option<String>>> {
    block_on(async {
        let mut seen = BTreeSet::new();
        for seed in 0..400 {
            let scene = Scene::with(seed, files);
            script(scene.fs.clone()).await;
            let _crash = scene.fs.crash().unwrap();
            let found = names.iter().map(|name| Some(String::from_utf8(scene.found(name)?).unwrap()));
            seen.insert(found.collect());
            assert!(!scene.path().join(".chaos-crash").exists());
        }
        seen
    })
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

async fn put_synced(fs: &chaos_io::ChaosFs, name: &str, text: &str) {
    put(fs, name, 0, text.as_bytes()).await;
    sync(fs, name).await;
}

#[test]
fn a_sync_of_a_file_does_not_make_its_name_certain() {
    let seen = states(&[], &["a"], async |fs| put_synced(&fs, "a", "x").await);
    assert_eq!(seen, [vec![None], vec![some("x")]].into());
}

#[test]
fn a_rename_is_old_or_new_never_both_and_never_neither() {
    let files: &[(&str, &[u8])] = &[("a", b"new"), ("b", b"old")];
    let rename = async |fs: chaos_io::ChaosFs| fs.rename("a", "b").await.unwrap();
    let (before, after) = (vec![some("new"), some("old")], vec![None, some("new")]);
    assert_eq!(states(files, &["a", "b"], rename), [before, after.clone()].into());

    let synced = async |fs: chaos_io::ChaosFs| {
        fs.rename("a", "b").await.unwrap();
        fs.sync_dir("").await.unwrap();
    };
    assert_eq!(states(files, &["a", "b"], synced), [after].into());
}

#[test]
fn a_removed_file_comes_back_whole_or_is_gone() {
    let files: &[(&str, &[u8])] = &[("a", b"text")];
    let seen = states(files, &["a"], async |fs| fs.remove_file("a").await.unwrap());
    assert_eq!(seen, [vec![None], vec![some("text")]].into());
    let seen = states(files, &["a"], async |fs| {
        fs.remove_file("a").await.unwrap();
        fs.sync_dir(".").await.unwrap();
    });
    assert_eq!(seen, [vec![None]].into());
}

#[test]
fn one_name_keeps_its_order_and_two_have_none() {
    let seen = states(&[("a", b"0")], &["a"], async |fs| {
        fs.remove_file("a").await.unwrap();
        put_synced(&fs, "a", "1").await;
        put_synced(&fs, "t", "2").await;
        fs.rename("t", "a").await.unwrap();
    });
    assert_eq!(seen, [vec![None], vec![some("0")], vec![some("1")], vec![some("2")]].into());

    let seen = states(&[], &["a", "b"], async |fs| {
        put_synced(&fs, "a", "1").await;
        put_synced(&fs, "b", "2").await;
    });
    assert_eq!(seen.len(), 4, "{seen:?}");
}

#[test]
fn a_rename_without_a_sync_of_the_file_may_leave_it_empty() {
    let seen = states(&[("a", b"old")], &["a"], async |fs| {
        put(&fs, "t", 0, b"new").await;
        fs.rename("t", "a").await.unwrap();
        fs.sync_dir(".").await.unwrap();
    });
    assert_eq!(seen, [vec![some("")], vec![some("\0\0\0")], vec![some("new")]].into());
}

#[test]
fn a_rename_between_directories_is_certain_by_a_sync_of_either() {
    for dir in ["one", "two"] {
        let seen = states(&[("one/a", b"x"), ("two/b", b"y")], &["one/a", "two/a"], async |fs| {
            fs.rename("one/a", "two/a").await.unwrap();
            fs.sync_dir(dir).await.unwrap();
        });
        assert_eq!(seen, [vec![None, some("x")]].into(), "{dir}");
    }
}

#[test]
fn a_new_directory_takes_what_is_in_it_along() {
    let make = async |fs: chaos_io::ChaosFs| {
        fs.create_dir_all("wal/old").await.unwrap();
        put_synced(&fs, "wal/old/1", "x").await;
        fs.sync_dir("wal/old").await.unwrap();
        fs.sync_dir("wal").await.unwrap();
    };
    let seen = states(&[], &["wal/old/1"], make);
    assert_eq!(seen, [vec![None], vec![some("x")]].into());
    let seen = states(&[], &["wal/old/1"], async |fs| {
        make(fs.clone()).await;
        fs.sync_dir("/").await.unwrap_err();
        fs.sync_dir(".").await.unwrap();
    });
    assert_eq!(seen, [vec![some("x")]].into());
}

#[test]
fn what_is_renamed_into_a_new_directory_is_there_or_where_it_was() {
    for synced in [None, Some("d"), Some(".")] {
        let seen = states(&[("a", b"x")], &["a", "d/a"], async |fs| {
            fs.create_dir("d").await.unwrap();
            fs.rename("a", "d/a").await.unwrap();
            if let Some(dir) = synced {
                fs.sync_dir(dir).await.unwrap();
            }
        });
        let (before, after) = (vec![some("x"), None], vec![None, some("x")]);
        let certain = synced == Some(".");
        let expected = if certain { [after].into() } else { BTreeSet::from([before, after]) };
        assert_eq!(seen, expected, "{synced:?}");
    }
}

#[test]
fn directories_are_moved_removed_and_back_with_what_is_in_them() {
    let files: &[(&str, &[u8])] = &[("d/1", b"one"), ("d/2", b"two"), ("e/3", b"three")];
    let seen = states(files, &["d/1", "d/2", "f/1", "f/2", "e/3"], async |fs| {
        fs.rename("d", "f").await.unwrap();
        fs.remove_file("f/1").await.unwrap();
        fs.remove_file("e/3").await.unwrap();
        fs.remove_dir("e").await.unwrap();
    });
    let (one, two, three) = (some("one"), some("two"), some("three"));
    let mut expected = BTreeSet::new();
    for three in [None, three] {
        for one in [None, one.clone()] {
            expected.insert(vec![one.clone(), two.clone(), None, None, three.clone()]);
            expected.insert(vec![None, None, one, two.clone(), three.clone()]);
        }
    }
    assert_eq!(seen, expected);
}

#[test]
fn directories_never_end_up_in_each_other() {
    let names = ["a/1", "b/a/1", "c/1", "b/2", "c/b/2"];
    let seen = states(&[("a/1", b"x"), ("b/2", b"y")], &names, async |fs| {
        fs.rename("a", "b/a").await.unwrap();
        fs.rename("b/a", "c").await.unwrap();
        fs.rename("b", "c/b").await.unwrap();
    });
    let at = |one: usize, two: usize| {
        (0..names.len()).map(|n| (n == one).then(|| "x".into()).or((n == two).then(|| "y".into()))).collect()
    };
    assert_eq!(seen, [at(0, 3), at(1, 3), at(2, 3), at(2, 4)].into());
}

#[test]
fn a_removed_directory_is_gone_only_with_what_was_in_it() {
    block_on(async {
        for seed in 0..300 {
            let scene = Scene::with(seed, &[("d/1", b"one"), ("d/2", b"two")]);
            for name in ["d/1", "d/2"] {
                scene.fs.remove_file(name).await.unwrap();
            }
            scene.fs.remove_dir("d").await.unwrap();
            scene.fs.sync_dir(".").await.unwrap();
            let crash = scene.fs.crash().unwrap();
            assert!(!scene.path().join("d").exists() && !crash.lost_something(), "{crash}");
        }
    });
}

#[test]
fn a_file_that_lost_its_name_is_written_on_and_comes_back_with_what_was_synced() {
    let seen = states(&[("a", b"old")], &["a"], async |fs| {
        let mut file = fs.open_with("a", chaos_io::fs::OpenOptions::new().write(true)).await.unwrap();
        fs.remove_file("a").await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut file, b"new").await.unwrap();
        file.sync_all().await.unwrap();
    });
    assert_eq!(seen, [vec![None], vec![some("new")]].into());
}
