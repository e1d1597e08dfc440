//! [`Part`]: one kind of stress as it was asked for, limits not yet looked at.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chaos_core::Percent;
use chaos_core::units::{duration, secs};
use serde::{Deserialize, Serialize};

use super::amount::Amount;
use super::kind::CpuLoad;
use super::text::{bytes, count};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub(super) enum Part {
    Cpu {
        threads: u32,
        #[serde(default = "whole")]
        load: Percent,
        #[serde(default)]
        kind: CpuLoad,
    },
    Memory {
        amount: Amount,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        per_second: Option<u64>,
        #[serde(default = "touched_every", with = "duration")]
        touched_every: Duration,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cache_in: Option<PathBuf>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        oom_score_adj: Option<i32>,
    },
    Io {
        dir: PathBuf,
        #[serde(default)]
        read: u64,
        #[serde(default)]
        written: u64,
        #[serde(default)]
        synced: u64,
        #[serde(default = "file_size")]
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

fn whole() -> Percent {
    Percent::ALL
}

/// How often memory is touched again, unless said otherwise.
pub(super) fn touched_every() -> Duration {
    secs(1)
}

/// How long the files of transfers are, unless said otherwise.
pub(super) fn file_size() -> u64 {
    64 << 20
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

#[cfg(feature = "agent")]
impl Part {
    pub(super) fn dir_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::Io { dir, .. } | Self::Inodes { dir, .. } | Self::Disk { dir, .. } => Some(dir),
            Self::Memory { cache_in, .. } => cache_in.as_mut(),
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
