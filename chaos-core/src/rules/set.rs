//! [`RuleSet`]: rules read from JSON, all of them checked.

use std::str::FromStr;

use serde::Deserialize;
use serde_json::Value;

use super::entry::{Entry, Written};
use crate::error::{Error, Result};

const VERSION: u64 = 1;

/// Rules read from JSON; see the [module](super) for the fields. Nothing is armed until
/// [`Chaos::arm_rules`](crate::Chaos::arm_rules).
///
/// It is also `Deserialize`, for a route that reads a body into it. [`from_json`](RuleSet::from_json) and
/// [`from_value`](RuleSet::from_value) name the path of a mistake in full.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Document")]
pub struct RuleSet {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(deserialize_with = "version")]
    #[expect(dead_code, reason = "read for its check alone")]
    version: u64,
    rules: Vec<Written>,
}

impl RuleSet {
    /// Reads a text: the contents of a file, the body of a request.
    ///
    /// # Errors
    /// What is not JSON, an unknown field, or a value out of range, with its path: `rules[0].probability: ...`.
    pub fn from_json(text: &str) -> Result<Self> {
        let mut json = serde_json::Deserializer::from_str(text);
        let set = serde_path_to_error::deserialize(&mut json).map_err(with_path)?;
        json.end().map_err(|err| Error::invalid(format!("after the rules: {err}")))?;
        Ok(set)
    }

    /// Reads a value that is JSON already.
    ///
    /// # Errors
    /// As [`from_json`](RuleSet::from_json).
    pub fn from_value(value: Value) -> Result<Self> {
        serde_path_to_error::deserialize(value).map_err(with_path)
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none: armed, such a set does nothing.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

fn with_path(err: serde_path_to_error::Error<serde_json::Error>) -> Error {
    let path = err.path().to_string();
    let error = Error::invalid(err.into_inner().to_string());
    // A check of the whole has no path of serde's and names its own.
    if path == "." { error } else { error.context(path) }
}

fn version<'de, D: serde::Deserializer<'de>>(from: D) -> std::result::Result<u64, D::Error> {
    match u64::deserialize(from)? {
        VERSION => Ok(VERSION),
        other => Err(serde::de::Error::custom(format!(
            "version {other} of the rules is not known: write them in version {VERSION}"
        ))),
    }
}

impl TryFrom<Document> for RuleSet {
    type Error = Error;

    fn try_from(document: Document) -> Result<Self> {
        let entries = document.rules.into_iter().enumerate();
        Ok(Self {
            entries: entries.map(|(index, written)| Entry::read(index, written)).collect::<Result<_>>()?,
        })
    }
}

impl FromStr for RuleSet {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::from_json(text)
    }
}
