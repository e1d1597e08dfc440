//! What no safe library offers: one file per system call, the only places of this crate with `unsafe`.

#[cfg(feature = "net")]
pub(crate) mod bpf;
#[cfg(feature = "net")]
pub(crate) mod device;
#[cfg(feature = "net")]
pub(crate) mod ingress;
#[cfg(feature = "net")]
pub(crate) mod netlink;
#[cfg(feature = "net")]
pub(crate) mod packet;
#[cfg(feature = "process")]
pub(crate) mod signal;
#[cfg(feature = "net")]
pub(crate) mod tap;
#[cfg(feature = "process")]
pub(crate) mod timens;
#[cfg(feature = "process")]
pub(crate) mod tracee;
