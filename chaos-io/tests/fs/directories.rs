//! Whatever is done to a tree of directories, a crash comes about: no file is in two places or has another's content, what was
//! certain is there, and after a sync of every directory nothing is undone.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proptest::prelude::*;

use crate::scene::{Scene, block_on, put, sync};

const NAMES: [&str; 3] = ["a", "b", "c"];

#[derive(Debug, Clone)]
enum Do {
    MakeDir(String),
    Create(String),
    Rename(String, String),
    RemoveFile(String),
    RemoveDir(String),
    SyncDir(String),
}

fn path() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(&NAMES[..]), 1..4).prop_map(|names| names.join("/"))
}

fn act() -> impl Strategy<Value = Do> {
    prop_oneof![
        4 => path().prop_map(Do::MakeDir),
        3 => path().prop_map(Do::Create),
        5 => (path(), path()).prop_map(|(from, to)| Do::Rename(from, to)),
        1 => path().prop_map(Do::RemoveFile),
        2 => path().prop_map(Do::RemoveDir),
        2 => path().prop_map(Do::SyncDir),
    ]
}

/// Every file and directory below, with what is in it.
fn tree(dir: &Path) -> BTreeMap<String, Option<String>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(
                tree(&entry.path()).into_iter().map(|(below, text)| (format!("{name}/{below}"), text)),
            );
            found.insert(name, None);
        } else {
            found.insert(name, Some(fs::read_to_string(entry.path()).unwrap()));
        }
    }
    found
}

/// What the program could do; what it could not, it is told, and nothing comes of it.
async fn act_out(scene: &Scene, number: usize, act: &Do) {
    let disk = &scene.fs;
    match act {
        Do::MakeDir(path) => drop(disk.create_dir(path).await),
        Do::Create(path) => {
            if disk.try_exists(path).await.is_ok_and(|exists| !exists) && disk.create(path).await.is_ok() {
                put(disk, path, 0, format!("file {number}").as_bytes()).await;
                sync(disk, path).await;
            }
        }
        Do::Rename(from, to) => drop(disk.rename(from, to).await),
        Do::RemoveFile(path) => drop(disk.remove_file(path).await),
        Do::RemoveDir(path) => drop(disk.remove_dir(path).await),
        Do::SyncDir(path) => drop(disk.sync_dir(path).await),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_of_directories_survives(
        acts in proptest::collection::vec(act(), 1..40),
        seed in any::<u64>(),
        sync_all in any::<bool>(),
    ) {
        block_on(async {
            let scene = Scene::with(seed, &[("a/a/a", b"old 1"), ("a/b", b"old 2"), ("b/c/a", b"old 3")]);
            for (number, act) in acts.iter().enumerate() {
                act_out(&scene, number, act).await;
            }
            let before = tree(scene.path());
            if sync_all {
                scene.fs.sync_dir(".").await.unwrap();
                for (path, _) in before.iter().filter(|(_, text)| text.is_none()) {
                    scene.fs.sync_dir(path).await.unwrap();
                }
            }
            let crash = scene.fs.crash().unwrap();
            let after = tree(scene.path());
            let mut texts: Vec<_> = after.values().flatten().collect();
            let found = texts.len();
            texts.sort();
            texts.dedup();
            prop_assert_eq!(texts.len(), found, "a file in two places: {:?}\n{}", after, crash);
            prop_assert!(!texts.iter().any(|text| text.is_empty()));
            prop_assert!(!sync_all || (before == after && crash.undone().is_empty()), "{}", crash);
            let untouched = crash.reopen().crash().unwrap();
            prop_assert!(!untouched.lost_something() && tree(scene.path()) == after);
            Ok(())
        })?;
    }
}
