//! I/O rules from data: the matchers and effects of [`Io`](crate::Io) as JSON.
//!
//! In a matcher, everything said must hold: `{"kind": "read", "path_glob": "/var/**", "offset": {"from": 4096}}`. An
//! effect is one of `"stuck"`, `"eof"`, `{"errno": "EIO"}` and so on. What is not known is refused with its place.
//!
//! ```
//! use chaos_core::{Chaos, rules::RuleSet};
//! use chaos_io::{ChaosReader, Io};
//! use std::io::Read;
//! let chaos = Chaos::seeded(7);
//! let mut reader = ChaosReader::new(&b"0123456789"[..], chaos.point("wal")?).named("/var/wal/7");
//! let rules = RuleSet::from_json(r#"{"version": 1, "rules": [{
//!     "point": "wal", "nth": "2",
//!     "when": {"kind": "read", "path_glob": "/var/wal/*"}, "effect": {"errno": "EIO"}
//! }]}"#)?;
//! let _armed = chaos.arm_rules(&rules)?;
//! assert_eq!(reader.read(&mut [0; 4])?, 4);
//! assert_eq!(reader.read(&mut [0; 4]).unwrap_err().raw_os_error(), Some(5));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | effect | happens to |
//! |---|---|
//! | `{"error": "timed_out"}`, `{"errno": 5}`, `{"errno": "EIO"}`, `"interrupted"`, `"stuck"`, `{"pending_storm": {"polls": 3}}` | all kinds |
//! | `{"throttle": {"bytes_per_second": 1000, "burst": 0}}`, `{"short": {"at_most": 3}}`, `"duplicate"` | `read`, `write` |
//! | `{"corrupt": {"chance_per_byte": 0.01}}`, `{"flip": {"bytes": 1}}`, `{"replace_range": {"offset": 9, "bytes": [0]}}` | `read`, `write` |
//! | `{"torn": {"keep_bytes": 512, "error": "other"}}`, `{"torn": {"keep_fraction": 0.5}}`, `{"torn": {}}`, `{"disk_full": {"after_bytes": 0}}` | `write` |
//! | `"eof"` | `read` |
//! | `"lost"` | `flush`, `sync` |
//! | `{"misdirected_seek": {"by": -3}}` | `seek` |
//!
//! Without `when`, a rule is about all operations that its effect happens to; one that it cannot happen to passes and is
//! not counted.

mod effect;
mod matcher;

use chaos_core::{Error, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(crate) use effect::effect;
pub(crate) use matcher::matcher;

/// Reads `data`, and says where it is wrong.
pub(crate) fn read<T: DeserializeOwned>(data: &Value) -> Result<T> {
    serde_path_to_error::deserialize(data).map_err(|err| {
        let path = err.path().to_string();
        let message = err.into_inner().to_string();
        if path == "." { Error::invalid(message) } else { Error::invalid(format!("{path}: {message}")) }
    })
}
