//! [`ChaosStream`]: both directions of a stream through one point.
//!
//! ```
//! use chaos_core::Chaos;
//! use chaos_io::ChaosStream;
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?.block_on(async {
//! let chaos = Chaos::seeded(7);
//! let (here, mut there) = tokio::io::duplex(1 << 16);
//! let mut socket = ChaosStream::new(here, chaos.point("peer")?);
//! there.write_all(&[7; 3000]).await?;
//!
//! // 1,000 bytes per second, both ways together.
//! let slow = chaos.point("peer")?.arm(chaos_io::throttle(1000)?)?;
//! let begun = tokio::time::Instant::now();
//! socket.read_exact(&mut [0; 3000]).await?;
//! socket.write_all(&[7; 2000]).await?;
//! assert_eq!(begun.elapsed().as_secs(), 5);
//! slow.revert();
//! socket.write_all(&[7; 60_000]).await?;
//! assert_eq!(begun.elapsed().as_secs(), 5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::wrapper::{Both, ChaosIo};

/// A stream whose operations pass a point in both directions.
///
/// Places are counted for each direction, as in a socket, until the first seek: what can seek is taken for a file, whose
/// reads and writes move one position.
pub type ChaosStream<S> = ChaosIo<S, Both>;
