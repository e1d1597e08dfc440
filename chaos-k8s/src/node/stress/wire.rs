//! What an injector and its stressors say to each other: a line of JSON per order and per word, over two pipes. The end
//! of the stressor's pipe is an order as well: end.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::node::cgroup::Own;

use super::kind::CpuLoad;

/// The last argument of a stressor's process, with the version of what is said here.
pub(super) const ASKED: &str = "--chaos-stressor=2";
/// Both ends are one program, but it may have been replaced on disk.
pub(super) const VERSION: u32 = 3;

/// To the stressor, once, after it said that it is ready.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Orders {
    pub(super) cgroup: Own,
    /// It ends this long after its start, whatever else is said; none for one that only has the next.
    pub(super) ends_after_ms: Option<u64>,
    /// It ends this long after it was told so; [`Last`] comes again.
    pub(super) lasting_ms: u64,
    pub(super) oom_score_adj: i32,
    pub(super) work: Work,
}

/// To the stressor at work: it ends this many milliseconds from now.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Last(pub(super) u64);

/// What one process takes, in numbers that no limit is needed for any more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Work {
    Cpu { threads: u32, percent: f64, load: CpuLoad, seed: u64 },
    Memory { bytes: u64, per_second: Option<u64>, touched_every_ms: u64, cache_in: Option<PathBuf> },
    Io { dir: PathBuf, read: u64, written: u64, synced: u64, file: u64 },
    Descriptors { count: u64 },
    Tasks { count: u64 },
    Inodes { dir: PathBuf, count: u64 },
    Disk { dir: PathBuf, bytes: u64 },
}

/// From the stressor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Said {
    Ready(u32),
    /// It is in its cgroup and works.
    Level(Level),
    /// It has heeded so many changes of its time.
    Lasts(u64),
    /// It cannot go on, and ends.
    Failed(String),
}

/// What is achieved.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Level {
    /// Of each thread on average, in percent of one processor, over the last seconds.
    Cpu { percent: f64 },
    /// Held now; `full` when the kernel gives no more.
    Held { now: u64, full: bool },
    /// Per second, over the last seconds; `direct` when past the page cache.
    Io { read: f64, written: f64, synced: f64, direct: bool },
}

impl Level {
    /// Whether there is nothing to wait for: what is asked is held, or there is no more to get.
    pub(super) fn is_reached(&self, asked: u64) -> bool {
        match self {
            Self::Held { now, full } => *full || *now >= asked,
            Self::Cpu { .. } | Self::Io { .. } => true,
        }
    }
}

impl Work {
    /// What [`Level::Held`] counts up to.
    pub(super) fn asked(&self) -> u64 {
        match self {
            Self::Memory { bytes, .. } | Self::Disk { bytes, .. } => *bytes,
            Self::Descriptors { count } | Self::Tasks { count } | Self::Inodes { count, .. } => *count,
            Self::Cpu { .. } | Self::Io { .. } => 0,
        }
    }
}
