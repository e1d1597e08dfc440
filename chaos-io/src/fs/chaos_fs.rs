//! [`ChaosFs`]: the directory, its point, and whether it can crash.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chaos_core::point::Attachment;
use chaos_core::{Chaos, Error, Point, Result};

use super::crash::Crash;
use super::pass::aside;
use super::root::{Place, Root};
use super::simulation::{Simulation, State};
use crate::operation::{Io, WRAPPER};
use crate::wrapper::Site;

/// What the journal of a simulation holds at most, unless said: 64 MiB.
const JOURNAL: usize = 64 << 20;

/// A directory whose files and names pass a point, and that can lose what was not synced. Clones are the same file system.
///
/// See the [module](super) for what passes the point as what, and for the rules of a crash.
#[derive(Debug, Clone)]
pub struct ChaosFs {
    pub(super) root: Root,
    pub(super) attached: Attachment<Io>,
    pub(super) simulation: Option<Arc<Simulation>>,
}

impl ChaosFs {
    /// The directory `root` as it is: no faults, no journal. What a program takes in production, where its tests take one
    /// of the others.
    ///
    /// # Errors
    /// A root that is not a directory.
    pub fn plain(root: impl AsRef<Path>) -> Result<Self> {
        // Nobody else has the handle, so nobody can arm a rule.
        Self::new(root, Chaos::seeded(0).point("plain")?)
    }

    /// The directory `root`, every operation of which passes `point`.
    ///
    /// # Errors
    /// A root that is not a directory.
    pub fn new(root: impl AsRef<Path>, point: Point<Io>) -> Result<Self> {
        let root = Root::open(root.as_ref())?;
        Ok(Self { root, attached: point.attach(WRAPPER), simulation: None })
    }

    /// Keeps a journal of what was not synced, so that [`crash`](ChaosFs::crash) can lose it. What is there now is taken to
    /// be on the disk.
    ///
    /// The journal holds at most 64 MiB; see [`simulate_crashes_within`](ChaosFs::simulate_crashes_within).
    #[must_use]
    pub fn simulate_crashes(self) -> Self {
        self.simulate_crashes_within(JOURNAL)
    }

    /// [`simulate_crashes`](ChaosFs::simulate_crashes) with a journal of at most so many bytes: those written since the
    /// last sync of their file, and 4,096 for each page of a file that was written to or cut off since. An operation that
    /// does not fit fails and is not done.
    #[must_use]
    pub fn simulate_crashes_within(mut self, bytes: usize) -> Self {
        self.simulation = Some(Arc::new(Simulation::new(self.root.clone(), bytes, 0)));
        self
    }

    /// Loses power: brings the directory into a state that what was done and synced since the last crash allows, drawn by
    /// the dice of the point's handle. The same seed after the same operations is the same state.
    ///
    /// This file system, its clones and the files opened through it are dead afterwards, and every operation on them
    /// fails; go on with [`Crash::reopen`]. The draw is keyed by the point's name and the number of the crash.
    ///
    /// # Errors
    /// No simulation, or a crash before on this file system. Or the directory cannot be changed: then it is in no state
    /// that means anything.
    pub fn crash(&self) -> Result<Crash> {
        let Some(simulation) = &self.simulation else {
            return Err(Error::invalid(
                "this file system keeps no journal and cannot crash: make it with `simulate_crashes`",
            ));
        };
        let (found, next) = simulation.crash(self.point())?;
        let attached = self.attached.clone();
        Ok(Crash::new(found, Self { root: self.root.clone(), attached, simulation: Some(Arc::new(next)) }))
    }

    /// The point.
    pub fn point(&self) -> &Point<Io> {
        self.attached.point()
    }

    /// The root, as an absolute path without links in it.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// How many bytes the journal holds: what was not synced. 0 without a simulation.
    pub fn unsynced(&self) -> usize {
        self.simulation.as_ref().map_or(0, |simulation| simulation.held())
    }

    /// How operations at this place pass the point.
    pub(super) fn site(&self, path: PathBuf) -> Site {
        let mut site = Site::new(self.point());
        site.name(path);
        site
    }

    /// Does something with names: in the simulation here and now, so that the same seed is the same run; else `plain` as
    /// tokio does it.
    pub(super) async fn work<T: Send + 'static>(
        &self,
        place: &Place,
        simulated: impl FnOnce(&mut State) -> io::Result<T>,
        plain: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        if let Some(simulation) = &self.simulation {
            return simulated(&mut *simulation.alive()?);
        }
        let (root, place) = (self.root.clone(), place.clone());
        aside(move || {
            root.check_links(&place)?;
            plain()
        })
        .await
    }
}
