//! Control groups: which one a process is in, what limits it, and one of our own inside it.
//!
//! Both versions of the kernel's interface: v2 has one directory per cgroup, v1 one per hierarchy (cgroups(7)). Only
//! files in `/sys/fs/cgroup` are read and written, and written only in directories that we made: never
//! `cgroup.subtree_control` of a cgroup that is not ours, where it would make the container `domain threaded`.

mod delegate;
mod dirs;
mod hierarchy;
mod limits;
mod own;
mod target;

pub(crate) use dirs::Dirs;
pub(crate) use hierarchy::Hierarchies;
pub(crate) use limits::{Limits, oom_kills};
pub(crate) use own::{Held, Own, is_marked};
pub use target::Cgroup;
