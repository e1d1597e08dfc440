//! What no safe library offers: one file per system call, the only places of this crate with `unsafe`.

#[cfg(feature = "net")]
pub(crate) mod netlink;
