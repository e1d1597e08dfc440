//! [`Own`]: a cgroup that we make, put processes in, end and remove.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

use chaos_core::units::{ms, secs};
use chaos_core::{Clock, Error, Result};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::delegate;
use super::dirs::{Dirs, is_cgroup};
use super::freezer::Freezer;
use super::hierarchy::Hierarchies;

/// The mark on every cgroup that we make: what has it is ours to kill and to remove.
const MARK: &str = "chaos-";
/// How long the kernel may take to end what is in it.
const BOUND: Duration = secs(5);
/// How long a v1 cgroup is killed as it runs before it is frozen for that: a frozen process does not die, and stays so if we
/// die in between.
const UNFROZEN: Duration = ms(500);
/// How long it may take to freeze before it is killed as it is.
const FREEZE: Duration = ms(200);

/// A cgroup of ours, as data: enough for another process to end it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Own {
    dirs: Dirs,
}

/// Locks on the directories of a cgroup (flock(2)). The kernel takes them back when their process ends.
#[derive(Debug)]
pub(crate) struct Held {
    _locks: Vec<File>,
}

fn make_held(dir: &Path) -> io::Result<File> {
    let mut tries = 0..3;
    loop {
        fs::create_dir(dir)?;
        // A sweep may have found it before it was held: then it is gone.
        let held = File::open(dir).and_then(|held| {
            flock(&held, FlockOperation::LockShared)?;
            Ok(held)
        });
        if dir.exists() || tries.next().is_none() {
            return held;
        }
    }
}

impl Own {
    /// Those of this name that lie in one place of the trees, with nobody that holds them; they are held against whoever would
    /// take them away meanwhile. `None` when their run lives.
    pub(crate) fn of_the_dead(dirs: Dirs) -> io::Result<Option<(Self, Held)>> {
        let mut locks = Vec::new();
        for dir in dirs.all() {
            let held = match File::open(dir) {
                Ok(held) => held,
                // Taken away by its owner meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            match flock(&held, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => locks.push(held),
                Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(Some((Self { dirs }, Held { _locks: locks })))
    }

    /// One inside `parent` that `name` tells apart; nothing is made yet.
    ///
    /// # Errors
    /// Refused when the kernel, or our rights, would not let us make it or move a process there.
    pub(crate) fn planned(parent: &Dirs, name: &str, hierarchies: &Hierarchies) -> Result<Self> {
        let mut dirs = parent.child(&format!("{MARK}{name}"));
        if let Dirs::V1(dirs) = &mut dirs {
            let (freezer, dir) = hierarchies.own_freezer()?;
            dirs.entry(freezer).or_insert_with(|| dir.join(format!("{MARK}{name}")));
        }
        for dir in dirs.all().into_iter().filter_map(Path::parent) {
            may_write(dir)?;
        }
        if let Dirs::V2(dir) = parent {
            may_hold(dir)?;
            if let (false, Some(why)) = (hierarchies.is_root(dir), hierarchies.border()) {
                return Err(Error::refused(format!("no process can be moved to {}: {why}", dir.display())));
            }
        }
        Ok(Self { dirs })
    }

    /// None: what would be in it stays where it is started, and is ended by who started it.
    pub(crate) fn none(name: &str) -> Self {
        Self { dirs: Dirs::None(format!("{MARK}{name}").into()) }
    }

    /// Whether there is one, to be looked into.
    pub(crate) fn is_one(&self) -> bool {
        !matches!(self.dirs, Dirs::None(_))
    }

    pub(crate) fn dirs(&self) -> &Dirs {
        &self.dirs
    }

    /// What it returns says that its run lives, to whoever finds it by its name.
    ///
    /// # Errors
    /// Failed when one of its directories cannot be made; those before it are there.
    pub(crate) fn make(&self) -> Result<Held> {
        let mut locks = Vec::new();
        for dir in self.dirs.all() {
            locks.push(make_held(dir).map_err(|source| {
                let why = match source.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
                    Some(rustix::io::Errno::AGAIN) => {
                        " (cgroup.max.descendants or cgroup.max.depth is reached)"
                    }
                    _ => "",
                };
                Error::failed(format!("the cgroup {} cannot be made{why}", dir.display())).with_source(source)
            })?);
        }
        Ok(Held { _locks: locks })
    }

    /// The most of the processor that the kernel gives to one of several cgroups; where it has no weight of its own,
    /// nothing.
    pub(crate) fn weigh_most(&self) {
        let (file, most) = if self.dirs.is_v2() { ("cpu.weight", "10000") } else { ("cpu.shares", "262144") };
        if let Some(path) = self.dirs.of("cpu").map(|dir| dir.join(file)).filter(|path| path.exists()) {
            if let Err(error) = fs::write(&path, most) {
                tracing::debug!(target: "chaos", path = %path.display(), %error, "the weight is as it was");
            }
        }
    }

    /// The calling process moves there. It has one thread yet, and nothing allocated that should be charged there.
    pub(crate) fn join(&self) -> io::Result<()> {
        // First where it is ended by.
        let freezer = self.dirs.of("freezer");
        let others = self.dirs.all().into_iter().filter(|dir| Some(*dir) != freezer);
        freezer.into_iter().chain(others).try_for_each(|dir| delegate::move_to(&dir.join("cgroup.procs")))
    }

    /// Kills what is in it and removes it. Already gone is fine.
    ///
    /// # Errors
    /// Refused for a directory without our mark, leftover when something stays.
    pub(crate) async fn end(&self, clock: &Clock) -> Result<()> {
        self.must_be_ours()?;
        let begun = clock.now();
        let until = begun + BOUND;
        loop {
            let killed = self.kill(clock, clock.now() - begun >= UNFROZEN).await;
            let left = self.remove();
            let Some(left) = left else { return Ok(()) };
            if clock.now() >= until {
                let error = Error::leftover(format!(
                    "the cgroup {} is not empty after {BOUND:?}: kill what is in it, then revert again",
                    left.display()
                ));
                return Err(match killed {
                    Ok(()) => error,
                    Err(source) => error.with_source(source),
                });
            }
            clock.sleep(ms(5)).await;
        }
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.dirs.all().into_iter().all(|dir| !dir.exists())
    }

    fn must_be_ours(&self) -> Result<()> {
        let is_ours = |dir: &&Path| is_marked(dir) && (!dir.exists() || is_cgroup(dir));
        match self.dirs.all().into_iter().find(|dir| !is_ours(dir)) {
            Some(dir) => Err(Error::refused(format!("{} is no cgroup that was made here", dir.display()))),
            None => Ok(()),
        }
    }

    /// Kills what is in it, on v1 what does not fork faster; `frozen` that as well.
    async fn kill(&self, clock: &Clock, frozen: bool) -> Result<()> {
        let freezer = Freezer::of(&self.dirs).filter(|_| frozen || self.dirs.is_v2());
        match (self.dirs.kill_switch(), freezer) {
            _ if self.dirs.pids().is_empty() => Ok(()),
            (None, Some(freezer)) => {
                freezer.freeze()?;
                let until = clock.now() + FREEZE;
                while !self.dirs.is_v2() && !freezer.is_frozen()? && clock.now() < until {
                    clock.sleep(ms(1)).await;
                }
                let killed = self.dirs.kill_each();
                // A signal reaches a frozen process of v1 when it thaws.
                if !self.dirs.is_v2() {
                    freezer.thaw()?;
                }
                killed
            }
            _ => self.dirs.kill_all(),
        }
    }

    /// Removes its directories; one that could not be.
    fn remove(&self) -> Option<&Path> {
        self.dirs.all().into_iter().filter(|dir| fs::remove_dir(dir).is_err()).find(|dir| dir.exists())
    }
}

/// Whether its name says that we made it.
pub(crate) fn is_marked(dir: &Path) -> bool {
    dir.file_name().is_some_and(|name| name.to_string_lossy().starts_with(MARK))
}

fn may_write(dir: &Path) -> Result<()> {
    rustix::fs::access(dir, rustix::fs::Access::WRITE_OK).map_err(|errno| {
        Error::refused(format!(
            "no cgroup can be made in {}: run as root, or as the user that the tree is delegated to",
            dir.display()
        ))
        .with_source(io::Error::from(errno))
    })
}

/// Processes can be put into children of a v2 cgroup only where it is a `domain`; the root has no type.
fn may_hold(dir: &Path) -> Result<()> {
    match fs::read_to_string(dir.join("cgroup.type")) {
        Ok(kind) if kind.trim() != "domain" => Err(Error::refused(format!(
            "{} is a cgroup of type {:?}, whose children can hold no process of ours: place it beside, or on the host",
            dir.display(),
            kind.trim()
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_has_no_mark_is_never_ended() {
        let home = tempfile::tempdir().unwrap();
        let [other, marked] = ["other", "chaos-x"].map(|name| home.path().join(name));
        fs::create_dir(&other).unwrap();
        fs::create_dir(&marked).unwrap();
        for dir in [&other, &marked] {
            let own = Own { dirs: Dirs::V2(dir.clone()) };
            assert!(own.end(&Clock::auto()).await.unwrap_err().is_refused(), "{}", dir.display());
            assert!(dir.exists());
        }
        let gone = Own { dirs: Dirs::V2(home.path().join("chaos-gone")) };
        assert!(gone.is_gone());
        gone.end(&Clock::auto()).await.unwrap();
    }
}
