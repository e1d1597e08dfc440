//! An order in base64, for a variable: a container's command line is no place for all that an order can hold.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chaos_core::{Error, Result};

use super::Order;

impl Order {
    /// The environment variable that `chaos-agent tell RUN order` reads it from.
    pub const VARIABLE: &'static str = "CHAOS_AGENT_ORDER";
    /// The longest [encoded](Order::encode) order, in bytes: the kernel takes 128 KiB for a variable with its name
    /// (execve(2), `MAX_ARG_STRLEN`).
    pub const LONGEST: usize = (128 << 10) - Self::VARIABLE.len() - 2;

    /// The order in base64 of JSON.
    ///
    /// # Errors
    /// Longer than [`LONGEST`](Order::LONGEST).
    pub fn encode(&self) -> Result<String> {
        let json = serde_json::to_vec(self)
            .map_err(|source| Error::invalid("the order cannot be written as JSON").with_source(source))?;
        let text = STANDARD.encode(json);
        match text.len() {
            0..=Self::LONGEST => Ok(text),
            length => Err(Error::invalid(format!(
                "the order is {length} bytes in base64, and {} fit: give fewer addresses",
                Self::LONGEST
            ))),
        }
    }

    /// Reads what [`encode`](Order::encode) wrote.
    ///
    /// # Errors
    /// No base64, or no order of this version.
    pub fn decode(text: &str) -> Result<Self> {
        let json = STANDARD.decode(text.trim()).map_err(|source| {
            Error::invalid("the order is no base64: give base64 of JSON").with_source(source)
        })?;
        serde_json::from_slice(&json)
            .map_err(|source| Error::invalid("no order of this version").with_source(source))
    }
}
