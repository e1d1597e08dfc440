//! A fault on a file that only its guardian can take back after a death, and that counts who reverted it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use chaos_core::{Approved, Error, Fault, Observed, Owner, Plan, Result, Target, Undo, Undos};
use serde::{Deserialize, Serialize};

/// Tells a guardian to know no kind at all.
pub(crate) const KNOWS_NOTHING: &str = "CHAOS_TEST_GUARDIAN_KNOWS_NOTHING";

/// What `main` hands to its guardian.
pub(crate) fn undos() -> Result<Undos> {
    if std::env::var_os(KNOWS_NOTHING).is_some() {
        return Ok(Undos::none());
    }
    // An undo may wait and spawn where this is called.
    tokio::runtime::Handle::try_current().map_err(|err| Error::failed("no runtime").with_source(err))?;
    Undos::none().with::<Held>(())
}

#[derive(Debug, Clone)]
pub(crate) struct File(pub(crate) PathBuf);

impl Target for File {
    const UNIT: &'static str = "file";
    fn id(&self) -> String {
        self.0.display().to_string()
    }
}

/// The file held `found`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) path: PathBuf,
    pub(crate) found: String,
}

impl Undo for Held {
    const KIND: &'static str = "test/held/1";
    type Via = ();

    async fn revert(&self, (): &()) -> Result<()> {
        // As a third party's undo may, though nobody listens any more.
        println!("reverting {}", self.path.display());
        let beside = self.path.with_extension(format!("{}.new", std::process::id()));
        fs::write(&beside, &self.found)?;
        fs::rename(&beside, &self.path)?;
        let mut log =
            OpenOptions::new().append(true).create(true).open(self.path.with_extension("reverts"))?;
        Ok(writeln!(log, "{}", std::process::id())?)
    }

    async fn is_gone(&self, (): &()) -> Result<bool> {
        Ok(fs::read_to_string(&self.path)? == self.found)
    }
}

/// Wrong contents in a file.
#[derive(Debug)]
pub(crate) struct Wrong(pub(crate) &'static str);

impl Fault for Wrong {
    type Target = File;
    type Undo = Held;

    fn via<'a>(&'a self, _: &'a File) -> &'a () {
        &()
    }
    async fn prepare(&self, file: &File) -> Result<Plan<Held>> {
        let undo = Held { path: file.0.clone(), found: fs::read_to_string(&file.0)? };
        Ok(Plan::reversible("puts the wrong thing into it", undo).owned_by(Owner::Guardian))
    }
    async fn inject(&self, file: &Approved<File>, _: &Held) -> Result<()> {
        Ok(fs::write(&file.0, self.0)?)
    }
    async fn observe(&self, file: &File, _: &Held) -> Result<Observed> {
        let now = fs::read_to_string(&file.0)?;
        Ok(if now == self.0 { Observed::in_force(now) } else { Observed::absent("other contents") })
    }
}
