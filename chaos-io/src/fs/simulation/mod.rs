//! [`Simulation`]: a directory on a disk that forgets what was not synced.
//!
//! What a program does is done in the real directory, so that everybody sees it, and written down in a journal: bytes and
//! lengths per file ([`pages`]), names ([`names`]). A sync strikes off what it makes certain and is not asked of the real disk,
//! which the simulation outlives anyway. A crash draws a state from the journal and brings the directory there
//! ([`realise`]). Everything happens where it is called, under one lock: the same calls are the same journal.

mod luck;
mod names;
mod operations;
mod pages;
mod realise;
mod tree;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, Permissions};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chaos_core::{Error, Point, Result};

use super::crash::Found;
use super::root::Root;
use crate::operation::Io;
use names::Names;
use pages::Unsynced;
use tree::Tree;

pub(super) use tree::NodeId;

/// Files that were removed and may come back are held open, at most so many.
const MOST_KEPT: usize = 256;

pub(super) struct Simulation {
    state: Mutex<State>,
    root: Root,
    limit: usize,
    crashes: u64,
}

#[derive(Debug)]
pub(super) struct State {
    dead: bool,
    tree: Tree,
    files: BTreeMap<NodeId, Unsynced>,
    names: Names,
    kept: BTreeMap<NodeId, Kept>,
    // Bytes in `files`.
    bytes: usize,
    limit: usize,
}

/// What has no name any more, and may get it back.
#[derive(Debug)]
enum Kept {
    File(File),
    Directory(Permissions),
}

impl Simulation {
    pub(super) fn new(root: Root, limit: usize, crashes: u64) -> Self {
        let state = State {
            dead: false,
            tree: Tree::new(root.clone()),
            files: BTreeMap::new(),
            names: Names::default(),
            kept: BTreeMap::new(),
            bytes: 0,
            limit,
        };
        Self { state: Mutex::new(state), root, limit, crashes }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, until the crash.
    pub(super) fn alive(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.lock();
        if state.dead {
            return Err(io::Error::new(io::ErrorKind::StaleNetworkFileHandle, crashed()));
        }
        Ok(state)
    }

    pub(super) fn held(&self) -> usize {
        self.lock().held()
    }

    /// Crashes; what was found, and the simulation that goes on.
    pub(super) fn crash(&self, point: &Point<Io>) -> Result<(Found, Self)> {
        let mut state = self.lock();
        if state.dead {
            return Err(crashed());
        }
        state.dead = true;
        let mut rolls = point.dice().stream(&["crash", point.name()]).rng(self.crashes);
        let (undone, files) = state.realise(&self.root, &mut rolls).map_err(|err| {
            Error::failed("the crash could not be brought about: begin again with a fresh directory")
                .with_source(err)
        })?;
        let number = self.crashes + 1;
        let found = Found { seed: point.dice().seed(), number, undone, files };
        Ok((found, Self::new(self.root.clone(), self.limit, number)))
    }
}

// Without the bytes of the journal.
impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation").field("crashes", &self.crashes).finish_non_exhaustive()
    }
}

fn crashed() -> Error {
    Error::refused("this file system has crashed, and what was opened before is gone: use `Crash::reopen`")
}
