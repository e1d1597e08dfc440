//! Where `unsafe` may stand: one file per need, each block with its reason.

#[cfg(feature = "process")]
pub(crate) mod signal;
#[cfg(feature = "process")]
pub(crate) mod timens;
#[cfg(feature = "process")]
pub(crate) mod tracee;
