//! Whatever a program does: after a crash each name and each byte is one that the rules allow, by a model that knows nothing
//! of journals: it keeps, for each file and name, everything they ever were, and what is certain.
//!
//! Files are named once and not again, so that a name says which file it is, and none is cut: what the order of changes to one
//! name and of cuts allows has tests of its own.

use std::collections::{BTreeMap, BTreeSet};

use chaos_io::ChaosFs;
use chaos_io::fs::OpenOptions;
use proptest::prelude::*;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

use crate::scene::{Scene, block_on};

const SECTOR: usize = 512;
const DIRS: [&str; 2] = ["one", "two"];

#[derive(Debug, Clone)]
enum Do {
    Create { dir: usize },
    Write { file: usize, at: usize, len: usize },
    Sync { file: usize },
    SyncDir { dir: usize },
    Rename { file: usize, dir: usize },
    Replace { file: usize, other: usize },
    Remove { file: usize },
}

fn script() -> impl Strategy<Value = Vec<Do>> {
    let file = || any::<usize>();
    let dir = || 0..DIRS.len();
    let act = prop_oneof![
        2 => dir().prop_map(|dir| Do::Create { dir }),
        5 => (file(), 0..12_000_usize, 1..6_000_usize).prop_map(|(file, at, len)| Do::Write { file, at, len }),
        2 => file().prop_map(|file| Do::Sync { file }),
        2 => dir().prop_map(|dir| Do::SyncDir { dir }),
        1 => (file(), dir()).prop_map(|(file, dir)| Do::Rename { file, dir }),
        1 => (file(), file()).prop_map(|(file, other)| Do::Replace { file, other }),
        1 => file().prop_map(|file| Do::Remove { file }),
    ];
    proptest::collection::vec(act, 1..30)
}

#[derive(Debug, Default)]
struct File {
    // Names it had, from its last certain one on, with the directory; None is without one.
    names: Vec<Option<(usize, String)>>,
    // Contents from its last sync on.
    versions: Vec<Vec<u8>>,
}

impl File {
    fn name(&self) -> Option<&(usize, String)> {
        self.names.last().and_then(Option::as_ref)
    }
}

#[derive(Debug, Default)]
struct Model {
    files: Vec<File>,
    named: usize,
    // Files that a rename replaced, with what replaced them, while that is not certain.
    replaced: Vec<(usize, usize)>,
}

impl Model {
    fn new_name(&mut self, dir: usize) -> (usize, String) {
        self.named += 1;
        (dir, format!("{}/{}", DIRS[dir], self.named))
    }

    /// A file that has a name now.
    fn pick(&self, number: usize) -> Option<usize> {
        let named: Vec<_> = (0..self.files.len()).filter(|file| self.files[*file].name().is_some()).collect();
        named.get(number.checked_rem(named.len())?).copied()
    }

    async fn act(&mut self, fs: &ChaosFs, stamp: u8, act: &Do) {
        match act {
            Do::Create { dir } => {
                let name = self.new_name(*dir);
                fs.create(&name.1).await.unwrap();
                self.files.push(File { names: vec![None, Some(name)], versions: vec![Vec::new()] });
            }
            Do::Write { file, at, len } => {
                let Some(file) = self.pick(*file) else { return };
                let file = &mut self.files[file];
                let mut bytes = file.versions.last().unwrap().clone();
                bytes.resize(bytes.len().max(at + len), 0);
                bytes[*at..at + len].fill(stamp);
                let name = &file.name().unwrap().1;
                let mut open = fs.open_with(name, OpenOptions::new().write(true)).await.unwrap();
                open.seek(std::io::SeekFrom::Start(*at as u64)).await.unwrap();
                open.write_all(&vec![stamp; *len]).await.unwrap();
                file.versions.push(bytes);
            }
            Do::Sync { file } => {
                let Some(file) = self.pick(*file) else { return };
                let file = &mut self.files[file];
                let name = &file.name().unwrap().1;
                fs.open_with(name, OpenOptions::new().write(true)).await.unwrap().sync_all().await.unwrap();
                file.versions.drain(..file.versions.len() - 1);
            }
            Do::SyncDir { dir } => {
                fs.sync_dir(DIRS[*dir]).await.unwrap();
                self.sync_dir(*dir);
            }
            Do::Rename { file, dir } => {
                let Some(file) = self.pick(*file) else { return };
                let name = self.new_name(*dir);
                fs.rename(&self.files[file].name().unwrap().1, &name.1).await.unwrap();
                self.files[file].names.push(Some(name));
            }
            Do::Replace { file, other } => {
                let (Some(file), Some(other)) = (self.pick(*file), self.pick(*other)) else { return };
                if file != other {
                    let name = self.files[other].name().unwrap().clone();
                    fs.rename(&self.files[file].name().unwrap().1, &name.1).await.unwrap();
                    self.files[file].names.push(Some(name));
                    self.files[other].names.push(None);
                    self.replaced.push((other, file));
                }
            }
            Do::Remove { file } => {
                let Some(file) = self.pick(*file) else { return };
                fs.remove_file(&self.files[file].name().unwrap().1).await.unwrap();
                self.files[file].names.push(None);
            }
        }
    }

    /// What was done in this directory is certain: the last change of a file that is about it, and all before it.
    fn sync_dir(&mut self, dir: usize) {
        let mut certain: Vec<usize> = self
            .files
            .iter()
            .map(|file| {
                let is_in = |name: &Option<(usize, String)>| name.as_ref().is_some_and(|(at, _)| *at == dir);
                let about = |pair: &[Option<(usize, String)>]| is_in(&pair[0]) || is_in(&pair[1]);
                file.names.windows(2).rposition(about).map_or(0, |last| last + 1)
            })
            .collect();
        // A file that was replaced, certainly, has its end by the change of another.
        for (other, file) in &self.replaced {
            if certain[*other] == self.files[*other].names.len() - 1 && certain[*other] > 0 {
                let name = self.files[*other].names[certain[*other] - 1].clone();
                let at = self.files[*file].names.iter().rposition(|held| *held == name).unwrap_or(0);
                certain[*file] = certain[*file].max(at);
            }
        }
        for (file, certain) in self.files.iter_mut().zip(certain) {
            file.names.drain(..certain);
        }
    }

    fn check(&self, found: &BTreeMap<String, Vec<u8>>) -> Result<(), String> {
        let mut explained = BTreeSet::new();
        for (number, file) in self.files.iter().enumerate() {
            // Of the names that it may have, those that are there and have its bytes.
            let here: BTreeSet<_> = file
                .names
                .iter()
                .flatten()
                .map(|(_, name)| name)
                .filter(|name| found.get(*name).is_some_and(|bytes| allowed(bytes, &file.versions)))
                .collect();
            let may_be_gone = file.names.contains(&None);
            // A name that it may have can be had by a file that replaced it, or that it replaced.
            let shared = self.replaced.iter().any(|(other, by)| *other == number || *by == number);
            if here.is_empty() && !may_be_gone {
                return Err(format!(
                    "file {number} is gone or has bytes that it never had: {:?}",
                    file.names
                ));
            }
            if here.len() > 1 && !shared {
                return Err(format!("file {number} has several names: {here:?}"));
            }
            explained.extend(here);
        }
        match found.keys().find(|name| !explained.contains(name)) {
            Some(name) => Err(format!("{name} is no file's, or has bytes that its file never had")),
            None => Ok(()),
        }
    }
}

/// Each sector is as in one of the versions, or zeros where the file grew; the length is between them.
fn allowed(found: &[u8], versions: &[Vec<u8>]) -> bool {
    let (shortest, longest) = (versions[0].len(), versions[versions.len() - 1].len());
    let end = |bytes: &[u8], from: usize, to: usize| {
        let mut sector = bytes.get(from..to.min(bytes.len())).unwrap_or_default().to_vec();
        sector.resize(to - from, 0);
        sector
    };
    (shortest..=longest).contains(&found.len())
        && (0..found.len()).step_by(SECTOR).all(|from| {
            let to = found.len().min(from + SECTOR);
            versions.iter().any(|version| found[from..to] == end(version, from, to))
        })
}

fn on_disk(scene: &Scene) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for dir in DIRS {
        for entry in std::fs::read_dir(scene.path().join(dir)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let name = format!("{dir}/{name}");
            found.insert(name.clone(), scene.found(&name).unwrap());
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_crash_leaves_what_the_rules_allow(script in script(), seed in any::<u64>()) {
        block_on(async {
            let scene = Scene::with(seed, &[("one/.keep", b""), ("two/.keep", b"")]);
            for dir in DIRS {
                std::fs::remove_file(scene.path().join(dir).join(".keep")).unwrap();
            }
            let mut model = Model::default();
            for (number, act) in script.iter().enumerate() {
                model.act(&scene.fs, number as u8 + 1, act).await;
            }
            let crash = scene.fs.crash().unwrap();
            model.check(&on_disk(&scene)).map_err(|why| {
                TestCaseError::fail(format!("{why}\n{crash}\n{model:#?}"))
            })
        })?;
    }
}
