//! Control groups: which one a process is in, what limits it, and one of our own inside it.
//!
//! Both versions of the kernel's interface: v2 has one directory per cgroup, v1 one per hierarchy (cgroups(7)). Only
//! files in `/sys/fs/cgroup` are read and written. In directories that we did not make only the freezer and `cgroup.kill` are
//! written, by the faults that say so: never `cgroup.subtree_control`, where it would make the container `domain threaded`.

mod delegate;
mod dirs;
mod freezer;
mod hierarchy;
mod kill;
mod limits;
mod own;
mod target;

pub(crate) use dirs::Dirs;
pub(crate) use freezer::Freezer;
pub(crate) use hierarchy::Hierarchies;
pub(crate) use kill::not_ours;
pub(crate) use limits::{Limits, oom_kills};
pub(crate) use own::{Held, Own, is_marked};
pub use target::Cgroup;
pub(crate) use target::inode;
