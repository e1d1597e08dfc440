//! [`descriptors`], [`tasks`] and [`inodes`]: entries of the kernel's and a file system's tables.

use std::path::Path;

use chaos_core::Result;

use super::not_zero;
use crate::node::stress::parts::Part;
use crate::node::stress::{Amount, Stress};

/// Open files, as a kind of [`Stress`].
#[derive(Debug, Clone, Copy)]
pub enum Descriptors {}

/// Processes and threads, as a kind of [`Stress`].
#[derive(Debug, Clone, Copy)]
pub enum Tasks {}

/// Inodes, as a kind of [`Stress`].
#[derive(Debug, Clone, Copy)]
pub enum Inodes {}

/// So many open files, of the whole system's (`fs.file-max`, from which root is exempt), in as many processes as the limit
/// of one (`RLIMIT_NOFILE`) asks for.
///
/// # Errors
/// 0.
///
/// ```
/// assert!(chaos_k8s::node::stress::descriptors(0).is_err());
/// ```
pub fn descriptors(count: u64) -> Result<Stress<Descriptors>> {
    Ok(Stress::of(Part::Descriptors { count: not_zero(count, "a number of descriptors")? }))
}

/// So many tasks, or that share of the cgroup's `pids.max`: threads that sleep. The kernel counts processes and threads
/// alike, in `pids.max`, `RLIMIT_NPROC` and `kernel.pid_max`. Where there are no more to get, those that were got are held,
/// and the rest is tried for again and again.
///
/// ```
/// use chaos_k8s::node::stress::{self, Amount};
/// let many = stress::tasks(Amount::of(500)?);
/// # let _ = many;
/// # Ok::<(), chaos_core::Error>(())
/// ```
pub fn tasks(amount: Amount) -> Stress<Tasks> {
    Stress::of(Part::Tasks { amount })
}

/// So many inodes of the file system that `dir` is on, or that share of all it has: unnamed empty files, which need an
/// open descriptor each.
///
/// ```
/// use chaos_k8s::node::stress::{self, Amount};
/// let many = stress::inodes("/var/lib/shop", Amount::of(10_000)?);
/// # let _ = many;
/// # Ok::<(), chaos_core::Error>(())
/// ```
pub fn inodes(dir: impl AsRef<Path>, amount: Amount) -> Stress<Inodes> {
    Stress::of(Part::Inodes { dir: dir.as_ref().to_owned(), amount })
}
