//! I/O that misbehaves on cue: readers, writers and streams that are slow, short, torn, corrupt or stuck.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "rules")]
mod data;
pub mod effect;
mod injected;
pub mod operation;
mod traits;
pub mod wrapper;

pub use effect::{
    IoEffect, Keep, corrupt, disk_full, duplicate, eof, errno, error, fail_close, flip, interrupted, latency,
    latency_after, lost_flush, lost_sync, misdirected_seek, pending_storm, replace_range, short, slow_close,
    stuck, throttle, throttle_with_burst, torn, torn_with_error,
};
pub use injected::Injected;
pub use operation::{Io, IoCall, IoKind, kind, kinds, length, matching, offset, path, path_glob};
pub use wrapper::ChaosIo;

pub type ChaosReader<R> = ChaosIo<R, wrapper::ReadsOnly>;
pub type ChaosWriter<R> = ChaosIo<R, wrapper::WritesOnly>;
pub type ChaosStream<R> = ChaosIo<R, wrapper::Both>;
