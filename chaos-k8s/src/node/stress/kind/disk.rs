//! [`disk`]: space of a file system.

use std::path::Path;

use crate::node::stress::parts::Part;
use crate::node::stress::{Amount, Stress};

/// Disk space, as a kind of [`Stress`].
#[derive(Debug, Clone, Copy)]
pub enum Disk {}

/// So many bytes of the file system that `dir` is on, or that share of its size, in an unnamed file that goes with its
/// owner. More than what is free is refused when it is planned. Where others were faster in the meantime, all that was
/// left is taken, and observed as full.
///
/// ```
/// use chaos_core::Percent;
/// use chaos_k8s::node::stress::{self, Amount};
/// let half = stress::disk("/var/lib/shop", Amount::percent(Percent::try_new(50.0)?)?);
/// # let _ = half;
/// # Ok::<(), chaos_core::Error>(())
/// ```
pub fn disk(dir: impl AsRef<Path>, amount: Amount) -> Stress<Disk> {
    Stress::of(Part::Disk { dir: dir.as_ref().to_owned(), amount })
}
