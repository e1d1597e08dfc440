//! What cannot be mounted is refused, each with its own words, and nothing is touched.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use chaos_io::mount::Mount;

use crate::Test;
use crate::scene::{Scene, run};
use crate::server::JOB;

pub(crate) const TESTS: &[Test] = &[
    ("bad_places_are_refused_in_words", bad_places),
    ("nobody_to_unmount_is_refused", nobody_to_unmount),
    ("no_rights_is_refused", no_rights),
];

fn refused(scene: &Scene, source: &Path, at: &Path, words: &str) {
    let mount = Mount::new(source, at, scene.point.clone()).ledger(scene.ledger.clone());
    let error = run(mount.begin()).unwrap_err();
    assert!(error.is_refused() && error.to_string().contains(words), "{error}");
    assert!(!scene.is_mounted() && scene.ledger.open_entries().is_empty(), "{error}");
}

fn bad_places() {
    let Some(scene) = Scene::bare() else { return };
    let (source, at, file) = (scene.source(), scene.at(), scene.home().join("file"));
    fs::write(&file, "").unwrap();
    refused(&scene, &source, &scene.home().join("none"), "mount point");
    refused(&scene, &source, &scene.home().join("none"), "is not there");
    refused(&scene, &scene.home().join("none"), &at, "source");
    refused(&scene, &file, &at, "is not a directory");
    refused(&scene, &source, &file, "is not a directory");
    refused(&scene, &source, &source, "are the same directory");
    refused(&scene, scene.home(), &at, "the mount point is in the source");
    let inner = at.join("inner");
    fs::create_dir(&inner).unwrap();
    refused(&scene, &source, &at, "is not empty");
    refused(&scene, &inner, &at, "the source is in the mount point");
    fs::remove_dir(inner).unwrap();

    let mounted = run(scene.mount().begin()).unwrap();
    fs::write(at.join("x"), "").unwrap();
    refused(&scene_beside(&scene), &source, &at, "is not empty");
    run(mounted.end()).unwrap();
}

/// The same point, a ledger of its own and other directories.
fn scene_beside(scene: &Scene) -> Scene {
    let mut beside = Scene::bare().unwrap();
    beside.point = scene.point.clone();
    beside
}

fn nobody_to_unmount() {
    let Some(scene) = Scene::bare() else { return };
    let error = run(Mount::new(scene.source(), scene.at(), scene.point.clone()).begin()).unwrap_err();
    assert!(error.is_refused() && error.to_string().contains(".guardian("), "{error}");
}

fn no_rights() {
    let Some(scene) = Scene::bare() else { return };
    // A copy where everybody may run it.
    let program = scene.home().join("program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a process of another user")]
    let mut command = Command::new(program);
    command.env(JOB, "try").env(crate::server::HOME, scene.home()).uid(65534).gid(65534);
    let out = command.output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(said.contains("CAP_SYS_ADMIN"), "{said} {}", String::from_utf8_lossy(&out.stderr));
    assert!(!scene.is_mounted());
}
