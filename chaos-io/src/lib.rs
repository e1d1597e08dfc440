//! I/O that misbehaves on cue: readers, writers and streams that are slow, short, torn, corrupt or stuck.
//!
//! An object is wrapped once; nothing happens to it until a rule is armed at its point, from a test, an admin route or an
//! experiment of `chaos-core`. Wrapped, it still is everything it was: vectored, buffered, seekable.
//!
//! ```
//! use chaos_core::{Chaos, Delay, units::secs};
//! use chaos_io::{ChaosReader, IoKind, kind};
//! use std::io::ErrorKind;
//! use tokio::io::AsyncReadExt;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?.block_on(async {
//! let chaos = Chaos::seeded(7);
//! let mut wal = ChaosReader::new(&b"0123456789"[..], chaos.point("wal")?);
//!
//! let slow = chaos.point("wal")?.arm(chaos_io::latency(Delay::fixed(secs(1))).nth("2")?)?;
//! let _short = chaos.point("wal")?.arm(chaos_io::short(4)?)?;
//! let _torn = chaos.point("wal")?.arm(chaos_io::error(ErrorKind::TimedOut).when(kind(IoKind::Write)))?;
//!
//! let begun = tokio::time::Instant::now();
//! let mut buf = [0; 10];
//! assert_eq!(wal.read(&mut buf).await?, 4);                       // at once, and short
//! assert_eq!(wal.read(&mut buf).await?, 4);                       // a second later
//! assert_eq!(begun.elapsed(), secs(1));
//! assert_eq!(wal.read(&mut buf).await?, 2);
//! assert_eq!((slow.stats().matching, slow.hits()), (3, 1));       // reads, however often they were polled
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The map, in reading order
//!
//! | module | what |
//! |---|---|
//! | [`operation`] | what passes a point, and the matchers that say which operations a rule is about |
//! | [`effect`] | the faults: rules, all of them at the root of the crate too |
//! | [`reader`], [`writer`], [`stream`] | the wrappers over tokio's traits |
//! | [`sync`] | the same over `std::io` |
//! | `fs` | a directory whose files and names pass a point, and that can crash (feature `fs`, Unix) |
//! | [`wrapper`] | the one type behind them, with what holds for all |
//! | `data` | rules as data: a file, an admin route (feature `rules`) |
//!
//! # Features
//!
//! No feature switches a fault on. `rules` is on by default; `fs` (tokio's files), `futures-io` and `hyper` (the
//! wrappers over their traits) are not.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "rules")]
pub mod data;
pub mod effect;
#[cfg(all(feature = "fs", unix))]
pub mod fs;
mod injected;
#[cfg(all(feature = "mount", target_os = "linux"))]
pub mod mount;
pub mod operation;
pub mod reader;
pub mod stream;
pub mod sync;
mod traits;
pub mod wrapper;
pub mod writer;

#[cfg(all(feature = "mount", target_os = "linux"))]
pub use effect::{Attributes, attributes};
pub use effect::{
    IoEffect, Keep, corrupt, disk_full, duplicate, eof, errno, error, fail_close, flip, interrupted, latency,
    latency_after, lost_flush, lost_sync, misdirected_seek, pending_storm, replace_range, short, slow_close,
    stuck, throttle, throttle_with_burst, torn, torn_with_error,
};
#[cfg(all(feature = "fs", unix))]
pub use fs::{ChaosFile, ChaosFs};
pub use injected::Injected;
pub use operation::{Io, IoCall, IoKind, kind, kinds, length, matching, offset, path, path_glob};
pub use reader::ChaosReader;
pub use stream::ChaosStream;
pub use wrapper::ChaosIo;
pub use writer::ChaosWriter;

/// The README's example, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
