//! I/O rules from data: the matchers and effects of [`Io`](crate::Io) as JSON.
//!
//! In a matcher, everything said must hold: `{"kind": "read", "path_glob": "/var/**", "offset": {"from": 4096}}`. An
//! effect is one of `"stuck"`, `"eof"`, `{"errno": "EIO"}` and so on. What is not known is refused with its place.

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
