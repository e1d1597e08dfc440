//! A third party's fault, as a user would write it: a file gets wrong contents.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use chaos_core::{Approved, Error, Fault, Observed, Owner, Plan, Result, Target, Undo};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone)]
pub(crate) struct File(pub(crate) PathBuf);

impl Target for File {
    const UNIT: &'static str = "file";
    fn id(&self) -> String {
        self.0.display().to_string()
    }
}

/// What goes wrong in it, for tests of what then happens.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trouble {
    /// The inject fails after the effect.
    pub(crate) half_way: bool,
    pub(crate) panics: bool,
    /// Says it is not in force.
    pub(crate) unseen: bool,
    /// The revert fails this often.
    pub(crate) stuck: u32,
}

#[derive(Debug)]
pub(crate) struct WrongContents {
    pub(crate) contents: &'static str,
    pub(crate) trouble: Trouble,
    pub(crate) injected: Arc<AtomicU32>,
}

impl WrongContents {
    pub(crate) fn new(contents: &'static str) -> Self {
        Self { contents, trouble: Trouble::default(), injected: Arc::default() }
    }
    pub(crate) fn with(contents: &'static str, trouble: Trouble) -> Self {
        Self { trouble, ..Self::new(contents) }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PutBack {
    path: PathBuf,
    found: Vec<u8>,
    stuck: u32,
    #[serde(skip)]
    tries: AtomicU32,
}

impl Undo for PutBack {
    const KIND: &'static str = "test/put-back/1";
    type Via = ();
    async fn revert(&self, (): &()) -> Result<()> {
        if self.tries.fetch_add(1, Ordering::SeqCst) < self.stuck {
            return Err(Error::failed("the disk is stuck"));
        }
        std::fs::write(&self.path, &self.found)?;
        Ok(())
    }
    async fn is_gone(&self, (): &()) -> Result<bool> {
        Ok(std::fs::read(&self.path)? == self.found)
    }
}

impl Fault for WrongContents {
    type Target = File;
    type Undo = PutBack;
    fn describe(&self) -> String {
        format!("contents become {:?}", self.contents)
    }
    fn via<'a>(&'a self, _: &'a File) -> &'a () {
        &()
    }
    async fn prepare(&self, file: &File) -> Result<Plan<PutBack>> {
        let found = std::fs::read(&file.0)?;
        let undo =
            PutBack { path: file.0.clone(), found, stuck: self.trouble.stuck, tries: AtomicU32::new(0) };
        Ok(Plan::reversible(format!("writes {:?}", self.contents), undo).owned_by(Owner::Sweep))
    }
    async fn inject(&self, file: &Approved<File>, _: &PutBack) -> Result<()> {
        self.injected.fetch_add(1, Ordering::SeqCst);
        std::fs::write(&file.0, self.contents)?;
        assert!(!self.trouble.panics, "a bug in somebody's fault");
        if self.trouble.half_way {
            return Err(Error::failed("half-way"));
        }
        Ok(())
    }
    async fn observe(&self, file: &File, _: &PutBack) -> Result<Observed> {
        let now = std::fs::read_to_string(&file.0)?;
        Ok(if now == self.contents && !self.trouble.unseen {
            Observed::in_force(now)
        } else {
            Observed::absent(now)
        })
    }
}

/// Files that hold `right`.
pub(crate) fn files(dir: &Path, n: usize) -> Vec<File> {
    (0..n)
        .map(|i| {
            let path = dir.join(format!("app-{i}.conf"));
            std::fs::write(&path, "right").unwrap();
            File(path)
        })
        .collect()
}

pub(crate) fn contents(files: &[File]) -> Vec<String> {
    files.iter().map(|file| std::fs::read_to_string(&file.0).unwrap()).collect()
}

pub(crate) fn wrong(files: &[File]) -> usize {
    contents(files).iter().filter(|contents| *contents != "right").count()
}
