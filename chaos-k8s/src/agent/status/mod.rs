//! What an agent says of its work: one line of JSON per event on its standard output, each with a number, and a
//! heartbeat every second.
//!
//! The log of a pod is how it gets to the controller, and what that does to lines is met here: the end of the log's stream
//! says nothing (a kubelet that dies ends it as well), lines come again after a reconnect, and a node that is cut off is
//! silent until it is not. [`Reader`] keeps the count.
//!
//! ```
//! use std::time::Instant;
//! use chaos_k8s::agent::status::{Heard, ItemState, Reader};
//!
//! let line = r#"{"start":"0000000000aa-00000000000000bb","n":1,"ms":40,"item":{"number":0,"in-force":{"detail":"drop"}}}"#;
//! let mut reader = Reader::default();
//! assert!(matches!(reader.read(line, Instant::now()), Heard::News(_)));
//! assert!(matches!(reader.read(line, Instant::now()), Heard::Again));
//! assert!(matches!(reader.items()[&0], ItemState::InForce { .. }));
//! ```

mod item;
mod last_words;
mod reader;
mod spoken;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::BTreeMap;
use std::time::Duration;

use chaos_core::ledger::RunId;
use serde::{Deserialize, Serialize};

pub use super::ending::Ending;
pub use item::{ItemState, ItemStatus};
pub(crate) use last_words::LastWords;
pub use reader::{Heard, Reader};
pub(crate) use spoken::spoken;
pub(crate) use writer::Writer;

/// How often an agent says that it lives.
pub const HEARTBEAT: Duration = Duration::from_secs(1);

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The agent's process: one that was started again has another, and counts from 1 again. Later ones are greater, by the
    /// wall clock of the node.
    pub start: RunId,
    /// The number of the line, from 1.
    pub n: u64,
    /// When it was said, in milliseconds since that start.
    pub ms: u64,
    /// What.
    #[serde(flatten)]
    pub said: Said,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Said {
    /// The first line of a start.
    Hello(Hello),
    /// What an agent before this one had left was taken back.
    Swept {
        /// The sweep's own words.
        summary: String,
        /// Whether nothing stays.
        clean: bool,
    },
    /// Of one item.
    Item(ItemStatus),
    /// The agent lives.
    Beat(Beat),
    /// An order came over the socket, or from the file, and this is its answer.
    Order {
        /// Its number, if it came from the file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        n: Option<u64>,
        /// Which, in words.
        order: String,
        /// Whether it was heeded, or why not.
        #[serde(skip_serializing_if = "Option::is_none")]
        refused: Option<String>,
    },
    /// The last line of a start.
    End(End),
}

/// How a start begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Hello {
    /// The agent's version.
    pub agent: String,
    /// The run of its spec.
    pub run: RunId,
    /// How many items there are.
    pub items: u32,
    /// In how many milliseconds its time is over: the time for starting included, where the items were not in force before.
    pub left_ms: u64,
    /// The seed of its draws.
    pub seed: u64,
    /// How often it was started before.
    pub restarts: u32,
    /// The release of the node's kernel.
    pub kernel: String,
    /// What was found to work, of the doctor's findings.
    pub works: Vec<String>,
    /// What was not, each with the reason.
    pub missing: BTreeMap<String, String>,
}

/// A sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Beat {
    /// In how many milliseconds its time is over. While the items come into force, the time that is left for that is in it.
    pub left_ms: u64,
    /// How many items were seen in force at the last look.
    pub in_force: u32,
}

/// How a start ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct End {
    /// Why.
    pub why: Ending,
    /// The exit code of the agent.
    pub code: u8,
    /// In words: a refusal's reason.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// What could not be taken back; the rest is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
}
