//! What a crash leaves of contents and lengths.

use chaos_io::{IoKind, kind, lost_sync};

use crate::scene::{Scene, block_on, put, sync};

const SECTOR: usize = 512;
const PAGE: usize = 4096;

#[test]
fn what_was_synced_with_its_directory_is_there_whatever_the_seed() {
    block_on(async {
        for seed in 0..1000 {
            let scene = Scene::with(seed, &[]);
            put(&scene.fs, "a", 0, &[7; 5000]).await;
            sync(&scene.fs, "a").await;
            scene.fs.sync_dir(".").await.unwrap();
            assert_eq!(scene.fs.unsynced(), 0);
            let crash = scene.fs.crash().unwrap();
            assert_eq!(scene.found("a").as_deref(), Some(&[7; 5000][..]), "{crash}");
            assert!(!crash.lost_something(), "{crash}");
        }
    });
}

#[test]
fn what_was_not_synced_is_there_or_is_not_and_nothing_is_invented() {
    let (mut old, mut new, mut torn, mut short, mut zeros) = (0, 0, 0, 0, 0);
    block_on(async {
        for seed in 0..500 {
            let scene = Scene::with(seed, &[("a", &[1; 3 * PAGE])]);
            put(&scene.fs, "a", 0, &[2; 5 * PAGE]).await;
            assert!(scene.found("a").unwrap() == [2; 5 * PAGE], "others see it at once");
            let crash = scene.fs.crash().unwrap();
            let found = scene.found("a").unwrap();
            assert!((3 * PAGE..=5 * PAGE).contains(&found.len()) && found.len() % PAGE == 0);
            let allowed = |at: usize, sector: &[u8]| {
                let before = if at < 3 * PAGE { 1 } else { 0 };
                sector.iter().all(|byte| *byte == 2) || sector.iter().all(|byte| *byte == before)
            };
            for (number, sector) in found.chunks(SECTOR).enumerate() {
                assert!(allowed(number * SECTOR, sector), "seed {seed}, sector {number}: {crash}");
            }
            old += usize::from(found == [1; 3 * PAGE]);
            new += usize::from(found == [2; 5 * PAGE]);
            torn += usize::from(found.chunks(PAGE).any(|page| page.contains(&1) && page.contains(&2)));
            short += usize::from(found.len() == 4 * PAGE);
            zeros += usize::from(found[3 * PAGE..].contains(&0));
        }
    });
    let seen = [old, new, torn, short, zeros];
    assert!(seen.iter().all(|times| *times > 10), "old, new, torn, short, zeros: {seen:?}");
}

#[test]
fn any_moment_since_the_sync_and_none_before_it() {
    let mut seen = [0; 4];
    block_on(async {
        for seed in 0..400 {
            let scene = Scene::with(seed, &[("a", &[0; 100])]);
            put(&scene.fs, "a", 0, &[1; 100]).await;
            sync(&scene.fs, "a").await;
            put(&scene.fs, "a", 0, &[2; 100]).await;
            put(&scene.fs, "a", 0, &[3; 100]).await;
            let _crash = scene.fs.crash().unwrap();
            let found = scene.found("a").unwrap();
            assert!(found.iter().all(|byte| *byte == found[0]) && found.len() == 100);
            seen[usize::from(found[0])] += 1;
        }
    });
    assert!(seen[0] == 0 && seen[1..].iter().all(|times| *times > 20), "{seen:?}");
}

#[test]
fn what_was_cut_off_never_comes_back_behind_the_cut() {
    let mut lengths = std::collections::BTreeMap::new();
    block_on(async {
        for seed in 0..400 {
            let scene = Scene::with(seed, &[("a", &[1; 2 * PAGE])]);
            let mut file = scene.fs.create("a").await.unwrap();
            file.set_len(PAGE as u64 + 10).await.unwrap();
            drop(file);
            put(&scene.fs, "a", 0, &[2; 10]).await;
            let crash = scene.fs.crash().unwrap();
            let found = scene.found("a").unwrap();
            *lengths.entry(found.len()).or_insert(0) += 1;
            if found.len() == 2 * PAGE {
                assert!(found.iter().all(|byte| *byte == 1), "{crash}");
            } else {
                let head = &found[..found.len().min(10)];
                assert!(!found.contains(&1), "{crash}");
                assert!(head.iter().all(|byte| *byte == 2) || head.iter().all(|byte| *byte == 0));
            }
        }
    });
    assert_eq!(lengths.keys().copied().collect::<Vec<_>>(), [0, PAGE + 10, 2 * PAGE], "{lengths:?}");
}

#[test]
fn a_lost_or_failed_sync_makes_nothing_certain() {
    let mut lost = [0, 0];
    block_on(async {
        for seed in 0..200 {
            for (way, lost) in lost.iter_mut().enumerate() {
                let scene = Scene::with(seed, &[("a", b"old")]);
                let rule = if way == 0 { lost_sync() } else { chaos_io::errno(5).unwrap() };
                let rule = scene.point.arm(rule.when(kind(IoKind::Sync))).unwrap();
                let mut file = scene.fs.create("a").await.unwrap();
                tokio::io::AsyncWriteExt::write_all(&mut file, b"new").await.unwrap();
                assert_eq!(file.sync_all().await.is_ok(), way == 0);
                assert_eq!(rule.hits(), 1);
                let crash = scene.fs.crash().unwrap();
                *lost += usize::from(scene.found("a").unwrap() != b"new");
                assert_eq!(crash.reopen().read("a").await.unwrap(), scene.found("a").unwrap());
            }
        }
    });
    assert!(lost.iter().all(|times| *times > 20), "{lost:?}");
}

#[test]
fn a_sync_that_succeeds_after_one_that_failed_is_only_about_what_was_written_since() {
    let mut lost = 0;
    block_on(async {
        for seed in 0..200 {
            let scene = Scene::with(seed, &[("a", &[1; 4 * PAGE])]);
            let rule = scene.point.arm(chaos_io::errno(5).unwrap().when(kind(IoKind::Sync))).unwrap();
            let options = chaos_io::fs::OpenOptions::new().write(true);
            put(&scene.fs, "a", 0, &[2; 6 * PAGE]).await;
            scene.fs.open_with("a", options).await.unwrap().sync_all().await.unwrap_err();
            rule.revert();
            // The second page is written again, in part; the third after the sync, and not synced.
            put(&scene.fs, "a", PAGE as u64, &[3; 10]).await;
            sync(&scene.fs, "a").await;
            put(&scene.fs, "a", 2 * PAGE as u64, &[4; 10]).await;
            let crash = scene.fs.crash().unwrap();
            let found = scene.found("a").unwrap();
            assert_eq!(found.len(), 6 * PAGE, "{crash}");
            assert_eq!(
                (&found[PAGE..PAGE + 10], &found[PAGE + 10..2 * PAGE]),
                (&[3; 10][..], &[2; PAGE - 10][..])
            );
            for (number, sector) in found.chunks(SECTOR).enumerate().filter(|(number, _)| number / 8 != 1) {
                let old = if number * SECTOR < 4 * PAGE { 1 } else { 0 };
                let rest = if number == 16 { &sector[10..] } else { sector };
                assert!(
                    rest.iter().all(|byte| *byte == old) || rest.iter().all(|byte| *byte == 2),
                    "{crash}"
                );
            }
            lost += usize::from(found[..PAGE].contains(&1));

            let scene = Scene::with(seed, &[("a", b"old")]);
            let rule = scene.point.arm(chaos_io::errno(5).unwrap().when(kind(IoKind::Sync))).unwrap();
            put(&scene.fs, "a", 0, b"new").await;
            scene.fs.open_with("a", options).await.unwrap().sync_all().await.unwrap_err();
            rule.revert();
            put(&scene.fs, "a", 0, b"new").await;
            sync(&scene.fs, "a").await;
            assert_eq!(scene.fs.unsynced(), 0);
            let _crash = scene.fs.crash().unwrap();
            assert_eq!(scene.found("a").unwrap(), b"new");
        }
    });
    assert!((20..180).contains(&lost), "{lost}");
}

#[test]
fn the_same_seed_is_the_same_state_and_another_crash_is_another_draw() {
    let run = |seed| {
        block_on(async move {
            let scene = Scene::with(seed, &[("a", &[1; 4 * PAGE])]);
            put(&scene.fs, "a", 100, &[2; 4 * PAGE]).await;
            put(&scene.fs, "b", 0, &[3; 999]).await;
            let first = scene.fs.crash().unwrap();
            let one = (scene.found("a"), scene.found("b"), first.to_string());
            let fs = first.reopen();
            put(&fs, "a", 0, &[4; 4 * PAGE]).await;
            let second = fs.crash().unwrap();
            (one, scene.found("a"), second.to_string())
        })
    };
    assert!((0..50).all(|seed| run(seed) == run(seed)));
    assert!((0..50).any(|seed| run(seed) != run(seed + 1)));
}
