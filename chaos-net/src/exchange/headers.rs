//! [`HeaderEdit`]: headers added, replaced and removed.

use std::fmt;

use chaos_core::{Error, Result};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Changes to headers, done in the order they are said. One rule takes as many as needed.
///
/// ```
/// use chaos_net::{HeaderEdit, response};
/// let stale = HeaderEdit::new().replace("age", "86400")?.remove("etag")?;
/// assert_eq!(stale.to_string(), "replace header age, remove header etag");
/// let _rule = response::headers(stale);
/// assert!(HeaderEdit::new().add("not a name", "x").unwrap_err().is_invalid());
/// # Ok::<(), chaos_core::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderEdit {
    changes: Vec<Change>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Change {
    Add(HeaderName, HeaderValue),
    Replace(HeaderName, HeaderValue),
    Remove(HeaderName),
}

impl HeaderEdit {
    /// No change yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value beside those that are there.
    ///
    /// # Errors
    /// What is no header name or value.
    pub fn add(mut self, name: &str, value: &str) -> Result<Self> {
        self.changes.push(Change::Add(header_name(name)?, header_value(name, value)?));
        Ok(self)
    }

    /// Puts a value in the place of those that are there, or where there is none.
    ///
    /// # Errors
    /// What is no header name or value.
    pub fn replace(mut self, name: &str, value: &str) -> Result<Self> {
        self.changes.push(Change::Replace(header_name(name)?, header_value(name, value)?));
        Ok(self)
    }

    /// Removes all values.
    ///
    /// # Errors
    /// What is no header name.
    pub fn remove(mut self, name: &str) -> Result<Self> {
        self.changes.push(Change::Remove(header_name(name)?));
        Ok(self)
    }

    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub(crate) fn apply(&self, headers: &mut HeaderMap) {
        for change in &self.changes {
            match change {
                Change::Add(name, value) => drop(headers.append(name, value.clone())),
                Change::Replace(name, value) => drop(headers.insert(name, value.clone())),
                Change::Remove(name) => drop(headers.remove(name)),
            }
        }
    }
}

impl fmt::Display for HeaderEdit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, change) in self.changes.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            match change {
                Change::Add(name, _) => write!(f, "{comma}add header {name}")?,
                Change::Replace(name, _) => write!(f, "{comma}replace header {name}")?,
                Change::Remove(name) => write!(f, "{comma}remove header {name}")?,
            }
        }
        Ok(())
    }
}

pub(crate) fn header_name(name: &str) -> Result<HeaderName> {
    name.parse::<HeaderName>().map_err(|err| {
        Error::invalid(format!("{name:?} is not a header name: use letters, digits and dashes"))
            .with_source(err)
    })
}

pub(crate) fn header_value(name: &str, value: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(value).map_err(|err| {
        Error::invalid(format!("{value:?} is not a value for header {name}: use visible characters"))
            .with_source(err)
    })
}
