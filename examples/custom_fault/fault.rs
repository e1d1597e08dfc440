//! A fault of one's own: a service's configuration file gets a wrong value.
//!
//! Three types are all it takes: the target (a file), the undo (the bytes that were found), and the fault.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use chaos_core::{Approved, Error, Fault, Observed, Owner, Plan, Result, Target, Undo};
use serde::{Deserialize, Serialize};

/// A configuration file of `key=value` lines.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    path: PathBuf,
}

impl ConfigFile {
    /// The file at `path`, which must be there: its canonical path is its identity.
    pub fn at(path: &Path) -> Result<Self> {
        let path = fs::canonicalize(path).map_err(|source| {
            Error::invalid(format!("{}: no such file to break", path.display())).with_source(source)
        })?;
        Ok(Self { path })
    }
}

impl Target for ConfigFile {
    const UNIT: &'static str = "file";

    fn id(&self) -> String {
        self.path.display().to_string()
    }

    fn name(&self) -> String {
        self.path.file_name().map_or_else(|| self.id(), |name| name.to_string_lossy().into_owned())
    }
}

/// Gives `key` the wrong `value`.
#[derive(Debug)]
pub struct WrongSetting {
    key: String,
    value: String,
}

impl WrongSetting {
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Result<Self> {
        let (key, value) = (key.into(), value.into());
        if key.is_empty() || key.contains(['=', '\n']) || value.contains('\n') {
            return Err(Error::invalid(format!("{key:?}={value:?} is not one line of key=value")));
        }
        Ok(Self { key, value })
    }

    fn is_this_line(&self, line: &str) -> bool {
        line.split_once('=').is_some_and(|(key, _)| key.trim() == self.key)
    }

    /// The file's contents with the wrong value in it.
    fn apply(&self, found: &str) -> String {
        found
            .split_inclusive('\n')
            .map(|line| {
                if !self.is_this_line(line) {
                    return line.to_owned();
                }
                let end = if line.ends_with('\n') { "\n" } else { "" };
                format!("{}={}{end}", self.key, self.value)
            })
            .collect()
    }
}

/// What was found: enough to put it back in another process, after this one was killed.
#[derive(Debug, Serialize, Deserialize)]
pub struct FileBack {
    path: PathBuf,
    found: String,
}

impl Undo for FileBack {
    const KIND: &'static str = "example.org/file-back/1";
    type Via = ();

    async fn revert(&self, (): &()) -> Result<()> {
        replace(&self.path, &self.found)
    }

    async fn is_gone(&self, (): &()) -> Result<bool> {
        Ok(fs::read_to_string(&self.path)? == self.found)
    }
}

impl Fault for WrongSetting {
    type Target = ConfigFile;
    type Undo = FileBack;

    fn describe(&self) -> String {
        format!("{}={}", self.key, self.value)
    }

    fn via<'a>(&'a self, _: &'a ConfigFile) -> &'a () {
        &()
    }

    /// Looks, and touches nothing.
    async fn prepare(&self, file: &ConfigFile) -> Result<Plan<FileBack>> {
        let found = fs::read_to_string(&file.path)?;
        let Some(line) = found.lines().find(|line| self.is_this_line(line)) else {
            return Err(Error::refused(format!("{} has no setting {:?} to break", file.id(), self.key)));
        };
        let change = format!("{} becomes {}={}", line.trim(), self.key, self.value);
        let undo = FileBack { path: file.path.clone(), found };
        // A file outlives every process, so the ledger owns the undo.
        Ok(Plan::reversible(change, undo).owned_by(Owner::Sweep))
    }

    async fn inject(&self, file: &Approved<ConfigFile>, undo: &FileBack) -> Result<()> {
        replace(&file.path, &self.apply(&undo.found))
    }

    /// Reads the world, not a memory of it.
    async fn observe(&self, file: &ConfigFile, _: &FileBack) -> Result<Observed> {
        let now = fs::read_to_string(&file.path)?;
        let line = now.lines().find(|line| self.is_this_line(line)).unwrap_or("no such setting").to_owned();
        let wrong = line.split_once('=').is_some_and(|(_, value)| value == self.value);
        Ok(if wrong { Observed::in_force(line) } else { Observed::absent(line) })
    }
}

/// Writes the file whole or not at all, with the permissions it had: a reader never sees half of it.
fn replace(path: &Path, contents: &str) -> Result<()> {
    let directory = path.parent().ok_or_else(|| Error::failed("a file without a directory"))?;
    let mut new = tempfile::NamedTempFile::new_in(directory)?;
    new.write_all(contents.as_bytes())?;
    new.as_file().set_permissions(fs::metadata(path)?.permissions())?;
    new.as_file().sync_all()?;
    new.persist(path).map_err(|error| Error::from(error.error))?;
    Ok(())
}
