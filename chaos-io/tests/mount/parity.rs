//! Without a rule the mount is the directory.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use crate::Test;
use crate::exercise::{attributes, tree, use_all_of_it};
use crate::scene::Scene;

pub(crate) const TESTS: &[Test] = &[
    ("a_program_finds_what_the_directory_would_give_it", same_as_the_directory),
    ("the_same_through_the_page_cache", same_through_the_page_cache),
    ("what_another_user_makes_is_that_users", another_user),
    ("many_threads_at_once", many_threads),
    ("mapped_files", mapped_files),
    ("inodes_keep_their_numbers", inodes_keep_their_numbers),
];

fn compare(scene: &Scene) {
    // In the same file system as the source, whose answers differ from others'.
    let bare = scene.home().join("bare");
    fs::create_dir(&bare).unwrap();
    let without_inodes =
        |log: Vec<String>| -> Vec<String> { log.iter().map(|line| no_inode(line)).collect() };
    let (expected, found) =
        (without_inodes(use_all_of_it(&bare)), without_inodes(use_all_of_it(&scene.at())));
    for (expected, found) in expected.iter().zip(&found) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
    // Inode numbers included: those of the files behind it.
    assert_eq!(tree(&scene.at()), tree(&scene.source()));
}

/// The last number of what `attributes` gives.
fn no_inode(line: &str) -> String {
    match line.rsplit_once(", ") {
        Some((head, tail)) if line.matches(", ").count() == 6 && tail.ends_with(')') => head.to_owned(),
        _ => line.to_owned(),
    }
}

fn same_as_the_directory() {
    let Some(scene) = Scene::new() else { return };
    compare(&scene);
}

fn same_through_the_page_cache() {
    let Some(scene) = Scene::with(|mount| mount.page_cache().attribute_cache(chaos_core::units::secs(1)))
    else {
        return;
    };
    compare(&scene);
}

fn another_user() {
    let Some(scene) = Scene::new() else { return };
    let bare = scene.home().join("bare");
    fs::create_dir(&bare).unwrap();
    fs::set_permissions(&bare, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let script = "umask 027; mkdir d; echo x > f; ln -s f l; mkfifo p; chmod g+s d; mkdir d/e; echo y > d/g; \
                  umask 0; echo z > w; cat /etc/shadow 2>/dev/null; echo no > root-only 2>/dev/null; true";
    let lines = |dir: &Path| -> Vec<String> {
        fs::write(dir.join("root-only"), "").unwrap();
        fs::set_permissions(dir.join("root-only"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
        #[expect(clippy::disallowed_methods, reason = "a process of another user")]
        let mut command = Command::new("/bin/sh");
        assert!(
            command.args(["-c", script]).current_dir(dir).uid(1234).gid(4321).status().unwrap().success()
        );
        tree(dir).iter().map(|line| no_inode_of_tree(line)).collect()
    };
    assert_eq!(lines(&scene.at()), lines(&bare));
    assert_eq!(tree(&scene.at()), tree(&scene.source()));
}

/// A line of `tree` without the inode, the last number in its brackets.
fn no_inode_of_tree(line: &str) -> String {
    let (attributes, what) = line.rsplit_once(')').unwrap();
    format!("{}) {what}", attributes.rsplit_once(", ").unwrap().0)
}

fn many_threads() {
    let Some(scene) = Scene::new() else { return };
    let at = Arc::new(scene.at());
    let workers: Vec<_> = (0..8)
        .map(|worker| {
            let at = Arc::clone(&at);
            std::thread::spawn(move || {
                let dir = at.join(format!("worker-{worker}"));
                fs::create_dir(&dir).unwrap();
                for nth in 0..60 {
                    let (path, moved) = (dir.join(format!("{nth}")), dir.join(format!("{nth}-moved")));
                    let text = format!("{worker} {nth} ").repeat(nth * 50);
                    fs::write(&path, &text).unwrap();
                    fs::rename(&path, &moved).unwrap();
                    assert_eq!(fs::read_to_string(&moved).unwrap(), text);
                    fs::hard_link(&moved, at.join(format!("{worker}-{nth}"))).unwrap();
                    if nth % 3 == 0 {
                        fs::remove_file(&moved).unwrap();
                    }
                }
            })
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    assert_eq!(fs::read_dir(&*at).unwrap().count(), 8 + 8 * 60);
    assert_eq!(tree(&at), tree(&scene.source()));
}

/// SQLite maps its index of the write-ahead log, shared and written: see `database`. Here a program is mapped and run.
fn mapped_files() {
    let Some(scene) = Scene::new() else { return };
    let program = scene.file("true");
    fs::copy("/bin/true", &program).unwrap();
    #[expect(clippy::disallowed_methods, reason = "running a program maps it")]
    let status = Command::new(&program).status().unwrap();
    assert!(status.success());
}

fn inodes_keep_their_numbers() {
    let Some(scene) = Scene::new() else { return };
    fs::create_dir(scene.below("dir")).unwrap();
    for nth in 0..300 {
        fs::write(scene.below(&format!("dir/{nth}")), "").unwrap();
    }
    let look = |dir: &Path| -> Vec<_> {
        (0..300).map(|nth| format!("{:?}", attributes(&dir.join(format!("dir/{nth}"))).unwrap())).collect()
    };
    let first = look(&scene.at());
    // Makes the kernel forget what it was told (Documentation/admin-guide/sysctl/vm.rst).
    fs::write("/proc/sys/vm/drop_caches", "2").unwrap();
    assert_eq!(look(&scene.at()), first);
    assert_eq!(look(&scene.source()), first);
}
