//! What no safe library offers: one file per system call, the only places of this crate with `unsafe`.

#[cfg(feature = "net")]
pub(crate) mod netlink;
#[cfg(feature = "process")]
pub(crate) mod signal;
#[cfg(feature = "process")]
pub(crate) mod timens;
#[cfg(feature = "process")]
pub(crate) mod tracee;
