//! Random scripts of operations, on the bare directory and on the mount: the same answers and the same tree.

use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::Test;
use crate::exercise::tree;
use crate::scene::Scene;

pub(crate) const TESTS: &[Test] = &[("random_scripts_end_the_same", random_scripts)];

const NAMES: [&str; 8] = ["a", "b", "c", "d/a", "d/b", "d", "e", "d/f/g"];

#[derive(Debug, Clone)]
enum Step {
    Write(usize, Vec<u8>),
    Append(usize, Vec<u8>),
    WriteAt(usize, u64, Vec<u8>),
    Truncate(usize, u64),
    Read(usize),
    Stat(usize),
    Rename(usize, usize),
    Link(usize, usize),
    Symlink(usize, usize),
    Remove(usize),
    MakeDir(usize),
    RemoveDir(usize),
    List(usize),
    /// Opened, its name changed or taken, and used on.
    OpenThen(usize, usize, bool),
    Sync(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let name = || 0..NAMES.len();
    let bytes = || prop::collection::vec(any::<u8>(), 0..300);
    prop_oneof![
        3 => (name(), bytes()).prop_map(|(name, bytes)| Step::Write(name, bytes)),
        1 => (name(), bytes()).prop_map(|(name, bytes)| Step::Append(name, bytes)),
        1 => (name(), 0..10_000_u64, bytes()).prop_map(|(name, at, bytes)| Step::WriteAt(name, at, bytes)),
        1 => (name(), 0..10_000_u64).prop_map(|(name, len)| Step::Truncate(name, len)),
        1 => name().prop_map(Step::Read),
        1 => name().prop_map(Step::Stat),
        2 => (name(), name()).prop_map(|(from, to)| Step::Rename(from, to)),
        1 => (name(), name()).prop_map(|(from, to)| Step::Link(from, to)),
        1 => (name(), name()).prop_map(|(from, to)| Step::Symlink(from, to)),
        1 => name().prop_map(Step::Remove),
        3 => name().prop_map(Step::MakeDir),
        1 => name().prop_map(Step::RemoveDir),
        1 => name().prop_map(Step::List),
        1 => (name(), name(), any::<bool>()).prop_map(|(name, to, remove)| Step::OpenThen(name, to, remove)),
        1 => name().prop_map(Step::Sync),
    ]
}

fn do_step(dir: &Path, step: &Step) -> String {
    let at = |name: &usize| -> PathBuf { dir.join(NAMES[*name]) };
    let done = match step {
        Step::Write(name, bytes) => fs::write(at(name), bytes).map(|()| String::new()),
        Step::Append(name, bytes) => OpenOptions::new()
            .append(true)
            .open(at(name))
            .and_then(|mut file| file.write(bytes))
            .map(|written| written.to_string()),
        Step::WriteAt(name, offset, bytes) => OpenOptions::new()
            .write(true)
            .open(at(name))
            .and_then(|file| file.write_at(bytes, *offset))
            .map(|written| written.to_string()),
        Step::Truncate(name, len) => OpenOptions::new()
            .write(true)
            .open(at(name))
            .and_then(|file| file.set_len(*len))
            .map(|()| String::new()),
        Step::Read(name) => fs::read(at(name)).map(|bytes| format!("{bytes:?}")),
        Step::Stat(name) => fs::symlink_metadata(at(name)).map(|meta| {
            let len = if meta.is_dir() { 0 } else { meta.len() };
            format!("{:o} {} {len}", meta.mode(), meta.nlink())
        }),
        Step::Rename(from, to) => fs::rename(at(from), at(to)).map(|()| String::new()),
        Step::Link(from, to) => fs::hard_link(at(from), at(to)).map(|()| String::new()),
        Step::Symlink(from, to) => symlink(NAMES[*from], at(to)).map(|()| String::new()),
        Step::Remove(name) => fs::remove_file(at(name)).map(|()| String::new()),
        Step::MakeDir(name) => fs::create_dir(at(name)).map(|()| String::new()),
        Step::RemoveDir(name) => fs::remove_dir(at(name)).map(|()| String::new()),
        Step::List(name) => fs::read_dir(at(name)).map(|names| {
            let mut names: Vec<_> = names.map(|name| name.unwrap().file_name()).collect();
            names.sort();
            format!("{names:?}")
        }),
        Step::OpenThen(name, to, remove) => {
            OpenOptions::new().read(true).write(true).open(at(name)).and_then(|mut file| {
                let moved = if *remove { fs::remove_file(at(name)) } else { fs::rename(at(name), at(to)) };
                file.seek(SeekFrom::End(0))?;
                file.write_all(b"on")?;
                file.seek(SeekFrom::Start(0))?;
                let mut all = Vec::new();
                file.read_to_end(&mut all)?;
                let meta = file.metadata()?;
                Ok(format!(
                    "{:?} {} {} {all:?}",
                    moved.map_err(|err| err.raw_os_error()),
                    meta.nlink(),
                    meta.len()
                ))
            })
        }
        Step::Sync(name) => fs::File::open(at(name)).and_then(|file| file.sync_all()).map(|()| String::new()),
    };
    done.unwrap_or_else(|err| format!("errno {:?}", err.raw_os_error()))
}

fn random_scripts() {
    let Some(scene) = Scene::new() else { return };
    let bare = scene.home().join("bare");
    let config = Config { cases: 300, failure_persistence: None, ..Config::default() };
    let done = TestRunner::new(config).run(&prop::collection::vec(step(), 1..60), |script| {
        let (bare, mounted) = (bare.join("x"), scene.at().join("x"));
        fs::create_dir_all(&bare).unwrap();
        fs::create_dir(&mounted).unwrap();
        for (nth, step) in script.iter().enumerate() {
            prop_assert_eq!(do_step(&mounted, step), do_step(&bare, step), "step {}", nth);
        }
        prop_assert_eq!(tree(&mounted), tree(&scene.below("x")));
        fs::remove_dir_all(&bare).unwrap();
        fs::remove_dir_all(&mounted).unwrap();
        Ok(())
    });
    done.unwrap();
}
