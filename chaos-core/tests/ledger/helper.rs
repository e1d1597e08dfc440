//! A file fault whose undo can be told to misbehave, and a place for files and ledgers.

use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use chaos_core::ledger::{Entry, EntryId, Found, Survey, Swept, survey, sweep};
use chaos_core::{Error, Ledger, Result, Undo, Undos};
use rustix::process::{Signal, getpid, kill_process};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

/// The file held `found`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct FileHeld {
    pub(crate) path: PathBuf,
    pub(crate) found: Vec<u8>,
}

/// What an undo is told to do at its target, beside its work.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Fail,
    Panic,
    Hang,
    /// Says it is done and does nothing.
    Lie,
    /// Ends the process as SIGKILL does.
    Die,
    /// Waits for the semaphore, after adding to the other one.
    Wait {
        at: Arc<Semaphore>,
        go: Arc<Semaphore>,
    },
}

#[derive(Debug, Clone, Default)]
pub(crate) struct World(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    acts: HashMap<PathBuf, Act>,
    reverted: Vec<PathBuf>,
}

impl World {
    pub(crate) fn tell(&self, path: &Path, act: Act) {
        self.0.lock().unwrap().acts.insert(path.to_owned(), act);
    }

    pub(crate) fn heal(&self) {
        self.0.lock().unwrap().acts.clear();
    }

    /// How often reverts of each file were begun.
    pub(crate) fn reverted(&self) -> Vec<String> {
        let told = self.0.lock().unwrap();
        told.reverted.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
    }
}

impl Undo for FileHeld {
    const KIND: &'static str = "test/file-held/1";
    type Via = World;

    async fn revert(&self, world: &World) -> Result<()> {
        let act = {
            let mut told = world.0.lock().unwrap();
            told.reverted.push(self.path.clone());
            told.acts.get(&self.path).cloned()
        };
        match act {
            None => {}
            Some(Act::Fail) => return Err(Error::failed("the file is stuck")),
            Some(Act::Panic) => panic!("an undo that panics"),
            Some(Act::Hang) => std::future::pending().await,
            Some(Act::Lie) => return Ok(()),
            Some(Act::Die) => kill_process(getpid(), Signal::KILL).map_err(std::io::Error::from)?,
            Some(Act::Wait { at, go }) => {
                at.add_permits(1);
                go.acquire().await.unwrap().forget();
            }
        }
        // Killed in the middle of this, the file is still one or the other.
        let beside = self.path.with_extension("new");
        fs::write(&beside, &self.found)?;
        fs::rename(&beside, &self.path)?;
        Ok(())
    }

    async fn is_gone(&self, _: &World) -> Result<bool> {
        Ok(fs::read(&self.path)? == self.found)
    }
}

/// A directory of files under fault, and one of ledgers.
#[derive(Debug)]
pub(crate) struct Place {
    home: tempfile::TempDir,
    pub(crate) world: World,
    pub(crate) undos: Undos,
}

impl Place {
    pub(crate) fn new() -> Self {
        let world = World::default();
        let undos = Undos::none().with::<FileHeld>(world.clone()).unwrap();
        Self { home: tempfile::tempdir().unwrap(), world, undos }
    }

    pub(crate) fn ledgers(&self) -> PathBuf {
        self.home.path().join("ledger")
    }

    pub(crate) fn open(&self) -> Ledger {
        Ledger::open(self.ledgers(), self.undos.clone()).unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// Records the undo of a change to the file as it is now, and makes the change.
    pub(crate) fn change(&self, ledger: &Ledger, name: &str, to: &str) -> EntryId {
        let id = ledger.record(vec![entry(&self.path(name))]).unwrap()[0];
        fs::write(self.path(name), to).unwrap();
        id
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) async fn sweep(&self) -> Swept {
        sweep(self.ledgers(), &self.undos).await.unwrap()
    }

    pub(crate) fn survey(&self) -> Survey {
        survey(self.ledgers(), &self.undos).unwrap()
    }

    /// The names and bytes in the directory of ledgers, sorted.
    pub(crate) fn listing(&self) -> Vec<(String, Vec<u8>)> {
        let Ok(names) = fs::read_dir(self.ledgers()) else { return Vec::new() };
        let mut files: Vec<_> = names
            .map(|entry| entry.unwrap())
            .map(|entry| {
                (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap_or_default())
            })
            .collect();
        files.sort();
        files
    }

    /// Puts a file among the ledgers, writable by nobody else whatever the umask.
    pub(crate) fn plant(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.ledgers().join(name);
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    }

    pub(crate) fn assert_no_ledgers(&self) {
        assert_eq!(self.listing(), [], "every ledger is done");
    }
}

pub(crate) fn entry(path: &Path) -> Entry {
    let undo = FileHeld { path: path.to_owned(), found: fs::read(path).unwrap() };
    let name = path.file_name().unwrap().to_string_lossy();
    Entry::of(&name, "file", "writes chaos into it", &undo).unwrap()
}

pub(crate) fn targets<'a>(found: impl IntoIterator<Item = &'a Found>) -> Vec<&'a str> {
    found.into_iter().map(|found| found.entry().target()).collect()
}

/// A line as the format's description says it, from that description and not from the code.
pub(crate) fn line(salt: &str, run: &str, json: &str) -> String {
    format!("{:08x} {json}\n", crc32fast::hash(format!("{salt}{run}{json}").as_bytes()))
}
