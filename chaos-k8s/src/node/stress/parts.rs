//! [`Part`]: one kind of stress as it was asked for, limits not yet looked at.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chaos_core::Percent;

use super::amount::Amount;
use super::kind::CpuLoad;
use super::text::{bytes, count};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    Cpu {
        threads: u32,
        load: Percent,
        kind: CpuLoad,
    },
    Memory {
        amount: Amount,
        per_second: Option<u64>,
        touched_every: Duration,
        cache_in: Option<PathBuf>,
        oom_score_adj: Option<i32>,
    },
    Io {
        dir: PathBuf,
        read: u64,
        written: u64,
        synced: u64,
        file: u64,
    },
    Descriptors {
        count: u64,
    },
    Tasks {
        amount: Amount,
    },
    Inodes {
        dir: PathBuf,
        amount: Amount,
    },
    Disk {
        dir: PathBuf,
        amount: Amount,
    },
}

impl Part {
    /// The directory that it works in.
    pub(super) fn dir(&self) -> Option<&Path> {
        match self {
            Self::Io { dir, .. } | Self::Inodes { dir, .. } | Self::Disk { dir, .. } => Some(dir),
            Self::Memory { cache_in, .. } => cache_in.as_deref(),
            Self::Cpu { .. } | Self::Descriptors { .. } | Self::Tasks { .. } => None,
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu { threads, load, kind } => {
                write!(f, "{} at {load} of a processor ({kind})", count(u64::from(*threads), "thread"))
            }
            Self::Memory { amount, cache_in: None, .. } => write!(f, "{} of memory", amount.in_bytes()),
            Self::Memory { amount, cache_in: Some(dir), .. } => {
                write!(f, "{} of page cache from {}", amount.in_bytes(), dir.display())
            }
            Self::Io { dir, read, written, synced, .. } => {
                let rates = [(read, "read"), (written, "written"), (synced, "written and synced")];
                let rates: Vec<String> = rates
                    .into_iter()
                    .filter(|(rate, _)| **rate > 0)
                    .map(|(rate, what)| format!("{}/s {what}", bytes(*rate)))
                    .collect();
                write!(f, "{} in {}", rates.join(", "), dir.display())
            }
            Self::Descriptors { count: number } => f.write_str(&count(*number, "file descriptor")),
            Self::Tasks { amount } => write!(f, "{amount} tasks"),
            Self::Inodes { dir, amount } => write!(f, "{amount} inodes of {}", dir.display()),
            Self::Disk { dir, amount } => write!(f, "{} of the disk at {}", amount.in_bytes(), dir.display()),
        }
    }
}
