//! [`ChaosReader`]: a reader whose reads and seeks pass a point.
//!
//! ```
//! use chaos_core::Chaos;
//! use chaos_io::{ChaosReader, path_glob};
//! use tokio::io::{AsyncBufReadExt, BufReader};
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let chaos = Chaos::seeded(7);
//! let lines = BufReader::new(&b"one\ntwo\n"[..]);
//! let mut lines = ChaosReader::new(lines, chaos.point("journal")?).named("/var/journal/7");
//!
//! // Buffered inside, buffered outside.
//! let rot = chaos_io::replace_range(4, "T")?.when(path_glob("/var/**")?);
//! let _rot = chaos.point("journal")?.arm(rot)?;
//! let mut line = String::new();
//! lines.read_line(&mut line).await?;
//! lines.read_line(&mut line).await?;
//! assert_eq!(line, "one\nTwo\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::wrapper::{ChaosIo, ReadsOnly};

/// A reader whose reads and seeks pass a point. What else `R` can do goes straight to it.
pub type ChaosReader<R> = ChaosIo<R, ReadsOnly>;
