//! [`cpu`]: processor time.

use std::fmt;

use chaos_core::{Error, Percent, Result};
use serde::{Deserialize, Serialize};

use crate::node::stress::Stress;
use crate::node::stress::parts::Part;

/// Processor time, as a kind of [`Stress`].
#[derive(Debug, Clone, Copy)]
pub enum Cpu {}

/// What the threads do with the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CpuLoad {
    /// Arithmetic, evenly: a part of every 10 ms.
    #[default]
    Plain,
    /// Arithmetic at the highest ordinary priority, 50 ms at a time: to others it is as if the hypervisor took the
    /// processor away. Without CAP_SYS_NICE the priority is an ordinary one, and the plan says so.
    Steal,
    /// Arithmetic in bursts of random length, 2 to 200 ms: latencies of others scatter, the average load is the same.
    Jitter,
    /// Writes all over a buffer twice the size of the last cache (at most 64 MiB a thread, which the cgroup is charged).
    Cache,
    /// Branches that no predictor knows.
    Branch,
}

impl fmt::Display for CpuLoad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Steal => "steal",
            Self::Jitter => "jitter",
            Self::Cache => "cache",
            Self::Branch => "branch",
        })
    }
}

/// So many threads, each busy all the time unless [a load](Stress::load) is said.
///
/// # Errors
/// No thread, or more than 8,192.
///
/// ```
/// use chaos_core::Percent;
/// use chaos_k8s::node::stress;
/// let half = stress::cpu(2)?.load(Percent::try_new(50.0)?);
/// assert!(stress::cpu(0).is_err());
/// # let _ = half;
/// # Ok::<(), chaos_core::Error>(())
/// ```
pub fn cpu(threads: u32) -> Result<Stress<Cpu>> {
    const MOST: u32 = 8192;
    if !(1..=MOST).contains(&threads) {
        return Err(Error::invalid(format!("{threads} threads are not in 1..={MOST}")));
    }
    Ok(Stress::of(Part::Cpu { threads, load: Percent::ALL, kind: CpuLoad::Plain }))
}

impl Stress<Cpu> {
    /// The share of one processor that each thread takes, held by its own clock of processor time. 0 % is refused when it
    /// is planned.
    pub fn load(mut self, percent: Percent) -> Self {
        if let Some(Part::Cpu { load, .. }) = self.parts.last_mut() {
            *load = percent;
        }
        self
    }

    /// What the threads do with the time; [`CpuLoad::Plain`] unless said.
    pub fn kind(mut self, what: CpuLoad) -> Self {
        if let Some(Part::Cpu { kind, .. }) = self.parts.last_mut() {
            *kind = what;
        }
        self
    }
}
