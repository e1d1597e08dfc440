//! Of the bytes of a file and of a disk that fails; what a user sees is in `tests/ledger` of the crate.

mod disk;
mod lines;
mod strikes;

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Entry;
use crate::error::Result;
use crate::fault::Undo;

#[derive(Debug, Serialize, Deserialize)]
struct Nothing {
    found: String,
}

impl Undo for Nothing {
    const KIND: &'static str = "test/nothing/1";
    type Via = ();
    async fn revert(&self, (): &()) -> Result<()> {
        Ok(())
    }
    async fn is_gone(&self, (): &()) -> Result<bool> {
        Ok(true)
    }
}

fn entry(target: &str) -> Entry {
    Entry::of(target, "file", "changes it", &Nothing { found: format!("é\n\"{target}\"") }).unwrap()
}

fn names(dir: &Path) -> Vec<String> {
    let names = std::fs::read_dir(dir).unwrap();
    names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
