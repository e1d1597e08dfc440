//! [`ChaosWriter`]: a writer whose writes, flushes, syncs, seeks and closing pass a point.
//!
//! ```
//! use chaos_core::Chaos;
//! use chaos_io::{ChaosWriter, IoKind, Keep, kind};
//! use tokio::io::AsyncWriteExt;
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let chaos = Chaos::seeded(7);
//! let point = chaos.point("wal")?;
//!
//! // A torn write: acknowledged, and not all there.
//! let mut wal = ChaosWriter::new(Vec::new(), point.clone());
//! let torn = point.arm(chaos_io::torn(Keep::bytes(6)).nth("2")?)?;
//! wal.write_all(b"record 1\n").await?;
//! wal.write_all(b"record 2\n").await?;
//! assert_eq!(wal.into_inner(), b"record 1\nrecord");
//! torn.revert();
//!
//! // A lost flush: a writer that holds back what was not flushed, as a page cache does, shows what a crash would lose.
//! let mut wal = ChaosWriter::new(Vec::new(), point.clone()).write_back(4096);
//! let lost = point.arm(chaos_io::lost_flush())?;
//! wal.write_all(b"record 1\n").await?;
//! wal.flush().await?;
//! assert_eq!((wal.get_ref().len(), wal.unwritten()), (0, 9));
//! lost.revert();
//! wal.flush().await?;
//! assert_eq!((wal.get_ref().len(), wal.unwritten()), (9, 0));
//!
//! let _slow = point.arm(chaos_io::pending_storm(3)?.when(kind(IoKind::Close)))?;
//! wal.shutdown().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::wrapper::{ChaosIo, WritesOnly};

/// A writer whose writes, flushes, syncs, seeks and closing pass a point. What else `W` can do goes straight to it.
pub type ChaosWriter<W> = ChaosIo<W, WritesOnly>;
