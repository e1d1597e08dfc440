//! The wrappers over `std::io`: the same types, which implement `Read`, `BufRead`, `Write` and `Seek` where the object
//! inside does.
//!
//! Waits block the thread. On a paused clock, which a blocked thread could not advance, delays and throttles are counted
//! and not waited for; what is stuck waits for the revert in any case, so that another thread must make it. A pending storm
//! has nothing to do here.
//!
//! ```
//! use chaos_core::Chaos;
//! use chaos_io::sync::{ChaosReader, ChaosWriter};
//! use std::io::{ErrorKind, Read, Write};
//!
//! let chaos = Chaos::seeded(7);
//! let mut reader = ChaosReader::new(&b"0123456789"[..], chaos.point("in")?);
//! let _again = chaos.point("in")?.arm(chaos_io::interrupted().every(2)?)?;
//! let mut text = String::new();
//! reader.read_to_string(&mut text)?;                              // tries again, as it should
//! assert_eq!(text, "0123456789");
//!
//! let mut disk = ChaosWriter::new(Vec::new(), chaos.point("out")?);
//! let _full = chaos.point("out")?.arm(chaos_io::disk_full(6))?;
//! assert_eq!(disk.write_all(b"0123456789").unwrap_err().kind(), ErrorKind::StorageFull);
//! assert_eq!(disk.get_ref(), b"012345");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use crate::reader::ChaosReader;
pub use crate::stream::ChaosStream;
pub use crate::writer::ChaosWriter;
