//! What is not trusted is refused, told and not touched.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use chaos_core::Ledger;
use chaos_core::ledger::{RunId, survey, sweep};

use crate::helper::{Place, targets};

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn a_directory_that_others_may_write_to() {
    let place = Place::new();
    place.file("a", "found");
    place.change(&place.open(), "a", "chaos");
    for mode in [0o720, 0o702, 0o777, 0o1777] {
        chmod(&place.ledgers(), mode);
        assert!(Ledger::open(place.ledgers(), place.undos.clone()).unwrap_err().is_refused(), "{mode:o}");
        assert!(sweep(place.ledgers(), &place.undos).await.unwrap_err().is_refused(), "{mode:o}");
        assert!(survey(place.ledgers(), &place.undos).unwrap_err().is_refused(), "{mode:o}");
    }
    assert_eq!(place.read("a"), "chaos");
    chmod(&place.ledgers(), 0o755);
    assert!(place.sweep().await.is_clean());
}

#[tokio::test]
async fn a_directory_that_is_a_link_or_a_file() {
    let place = Place::new();
    place.open().close().unwrap();
    let (link, file) = (place.path("link"), place.file("file", ""));
    symlink(place.ledgers(), &link).unwrap();
    let slash = Path::new(&format!("{}/", link.display())).to_owned();
    for path in [&link, &slash, &file] {
        let err = Ledger::open(path, place.undos.clone()).unwrap_err();
        assert!(err.is_refused(), "{}: {err}", path.display());
        assert!(sweep(path, &place.undos).await.unwrap_err().is_refused());
    }
}

#[tokio::test]
async fn files_that_others_may_write_to_and_things_that_are_no_files() {
    let place = Place::new();
    place.file("a", "found");
    place.file("b", "found");
    let (bad, good) = (place.open(), place.open());
    place.change(&bad, "a", "chaos");
    place.change(&good, "b", "chaos");
    let file = bad.path().unwrap().to_owned();
    drop((bad, good));
    chmod(&file, 0o620);
    let name = || place.ledgers().join(format!("{}.ledger", RunId::fresh()));
    let (link, dir) = (name(), name());
    let elsewhere = place.path("elsewhere");
    fs::copy(&file, &elsewhere).unwrap();
    symlink(&elsewhere, &link).unwrap();
    fs::create_dir(&dir).unwrap();

    let swept = place.sweep().await;
    assert_eq!(targets(swept.reverted()), ["b"], "{swept}");
    assert_eq!(place.read("a"), "chaos");
    let why = |path: &Path| swept.kept().iter().find(|kept| kept.path() == path).unwrap().why().to_owned();
    assert!(why(&file).contains("written by others (mode 620): chmod go-w"), "{swept}");
    assert!(why(&link).contains("symbolic link"), "{swept}");
    assert!(!why(&dir).is_empty());
    assert!(link.is_symlink() && dir.is_dir() && elsewhere.exists());

    chmod(&file, 0o600);
    assert_eq!(targets(place.sweep().await.reverted()), ["a"]);
}

#[tokio::test]
async fn a_pipe_named_like_a_ledger_does_not_hang_the_sweep() {
    let place = Place::new();
    place.open().close().unwrap();
    let pipe = place.ledgers().join(format!("{}.ledger", RunId::fresh()));
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    assert!(place.sweep().await.kept()[0].why().contains("not a file"));
    assert!(place.survey().kept()[0].why().contains("not a file"));
}

#[tokio::test]
async fn files_and_directories_of_another_user() {
    if !rustix::process::geteuid().is_root() {
        println!("not run: giving a file to another user needs root");
        return;
    }
    let place = Place::new();
    place.file("a", "found");
    let ledger = place.open();
    place.change(&ledger, "a", "chaos");
    let file = ledger.path().unwrap().to_owned();
    drop(ledger);
    chown(&file, Some(12_345), None).unwrap();
    let swept = place.sweep().await;
    assert!(swept.kept()[0].why().contains("belongs to user 12345"), "{swept}");
    assert_eq!(place.read("a"), "chaos");
    chown(place.ledgers(), Some(12_345), None).unwrap();
    assert!(sweep(place.ledgers(), &place.undos).await.unwrap_err().is_refused());
    assert!(Ledger::open(place.ledgers(), place.undos.clone()).unwrap_err().is_refused());
}
