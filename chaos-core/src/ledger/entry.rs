//! [`Entry`]: one undo as the ledger keeps it, and [`EntryId`], its place there.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::run_id::RunId;
use crate::error::{Error, Result};
use crate::fault::Undo;

/// The longest undo that is recorded, in bytes of JSON: 16 MiB. What was found and is larger belongs in a file beside
/// the target, and its name in the undo.
pub const MAX_UNDO_BYTES: usize = 16 << 20;

/// One undo on its way into the ledger: its kind, its data, and the words that tell a person what it is about.
///
/// ```
/// # use chaos_core::{Result, Undo};
/// # #[derive(Debug, serde::Serialize, serde::Deserialize)]
/// # struct Replicas { was: u32 }
/// # impl Undo for Replicas {
/// #     const KIND: &'static str = "example.org/replicas/1";
/// #     type Via = ();
/// #     async fn revert(&self, (): &()) -> Result<()> { Ok(()) }
/// #     async fn is_gone(&self, (): &()) -> Result<bool> { Ok(true) }
/// # }
/// use chaos_core::ledger::Entry;
/// let entry = Entry::of("shop/cart", "deployment", "scales 3 to 0", &Replicas { was: 3 })?;
/// assert_eq!(entry.to_string(), "deployment shop/cart: scales 3 to 0");
/// assert_eq!(entry.undo_json(), r#"{"was":3}"#);
/// # Ok::<(), chaos_core::Error>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
pub struct Entry {
    kind: String,
    unit: String,
    target: String,
    change: String,
    // Raw, because a detour over `serde_json::Value` loses 128-bit integers and the last bit of some floats.
    undo: Box<RawValue>,
}

impl Entry {
    /// The undo of one change to one target.
    ///
    /// `target_name` and `unit` are the target's [`name`](crate::Target::name) and [`UNIT`](crate::Target::UNIT),
    /// `change` is the line of the plan.
    ///
    /// # Errors
    /// [`invalid`](Error::is_invalid) when the undo does not survive JSON (a NaN, a map with keys that are not text)
    /// or is larger than [`MAX_UNDO_BYTES`]: it is tried here, because after a crash is too late.
    pub fn of<U: Undo>(target_name: &str, unit: &str, change: &str, undo: &U) -> Result<Self> {
        let kind = U::KIND;
        let json = to_raw_value(undo).map_err(|err| {
            Error::invalid(format!("undo {kind} cannot be written as JSON: change its fields"))
                .with_source(err)
        })?;
        if json.get().len() > MAX_UNDO_BYTES {
            return Err(Error::invalid(format!(
                "undo {kind} of {target_name} is {} bytes, more than {MAX_UNDO_BYTES}: keep what was found in a file",
                json.get().len()
            )));
        }
        if json.get().contains('\n') {
            return Err(Error::invalid(format!(
                "undo {kind} writes JSON of several lines: write it compact"
            )));
        }
        serde_json::from_str::<U>(json.get()).map_err(|err| {
            Error::invalid(format!("undo {kind} does not come back from its own JSON: change its fields"))
                .with_source(err)
        })?;
        Ok(Self {
            kind: kind.to_owned(),
            unit: unit.to_owned(),
            target: target_name.to_owned(),
            change: change.to_owned(),
            undo: json,
        })
    }

    /// The [`KIND`](Undo::KIND) of the undo.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// What the target is, in the singular: "file", "pod".
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// What people call the target.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// What was to change, in one line.
    pub fn change(&self) -> &str {
        &self.change
    }

    /// The undo as it was written.
    pub fn undo_json(&self) -> &str {
        self.undo.get()
    }
}

// Without the data: what was found may be a secret, and debug output ends in logs.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("kind", &self.kind)
            .field("unit", &self.unit)
            .field("target", &self.target)
            .field("change", &self.change)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.unit, self.target, self.change)
    }
}

/// The place of an entry: its run, and its number there, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    pub(super) run: RunId,
    pub(super) seq: u64,
}

impl EntryId {
    /// The run that recorded it.
    pub fn run(self) -> RunId {
        self.run
    }

    /// Its number in that run, from 1 in the order of recording.
    pub fn number(self) -> u64 {
        self.seq
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.run, self.seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Serialize, Deserialize)]
    struct Found<T>(T);

    impl<T: Serialize + serde::de::DeserializeOwned + fmt::Debug + Send + Sync + 'static> Undo for Found<T> {
        const KIND: &'static str = "test/found/1";
        type Via = ();
        async fn revert(&self, (): &()) -> Result<()> {
            Ok(())
        }
        async fn is_gone(&self, (): &()) -> Result<bool> {
            Ok(true)
        }
    }

    fn entry<T>(found: T) -> Result<Entry>
    where
        Found<T>: Undo,
    {
        Entry::of("t", "file", "c", &Found(found))
    }

    #[test]
    fn numbers_keep_every_bit() {
        assert_eq!(entry(u128::MAX).unwrap().undo_json(), u128::MAX.to_string());
        let odd = 0.1 + 0.2;
        let line = serde_json::to_string(&entry(odd).unwrap()).unwrap();
        let back: Entry = serde_json::from_str(&line).unwrap();
        assert_eq!(back.undo_json(), "0.30000000000000004");
    }

    #[test]
    fn what_json_loses_is_refused_before_anything_is_written() {
        assert!(entry(f64::NAN).unwrap_err().is_invalid(), "NaN becomes null and does not come back");
        let odd_keys = std::collections::BTreeMap::from([(vec![1], 1)]);
        assert!(entry(odd_keys).unwrap_err().is_invalid());
        assert!(entry("x".repeat(MAX_UNDO_BYTES)).unwrap_err().is_invalid());
        let lines = RawValue::from_string("[1,\n2]".to_owned()).unwrap();
        assert!(entry(lines).unwrap_err().is_invalid());
    }

    #[test]
    fn debug_output_does_not_show_what_was_found() {
        let entry = entry("secret".to_owned()).unwrap();
        assert!(!format!("{entry:?}").contains("secret"));
    }
}
