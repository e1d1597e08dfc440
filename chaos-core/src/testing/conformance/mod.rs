//! [`conformance`]: drives a fault through its contract and says which promises it keeps.
//!
//! The promises are those in the docs of [`Fault`] and [`Undo`](crate::Undo). Every check gets a target of its own, so
//! that one that fails does not spoil the next.
//!
//! ```
//! # use chaos_core::{Approved, Error, Fault, Observed, Plan, Result, Target, Undo};
//! # use serde::{Deserialize, Serialize};
//! use std::path::PathBuf;
//! use chaos_core::testing::conformance;
//!
//! # #[derive(Debug, Clone)]
//! # struct File(PathBuf);
//! # impl Target for File {
//! #     const UNIT: &'static str = "file";
//! #     fn id(&self) -> String { self.0.display().to_string() }
//! # }
//! /// A configuration file gets another content.
//! #[derive(Debug)]
//! struct Overwrite;
//! # #[derive(Debug, Serialize, Deserialize)]
//! # struct PutBack { path: PathBuf, found: String }
//! # impl Undo for PutBack {
//! #     const KIND: &'static str = "example.org/put-back/1";
//! #     type Via = ();
//! #     async fn revert(&self, (): &()) -> Result<()> { Ok(std::fs::write(&self.path, &self.found)?) }
//! #     async fn is_gone(&self, (): &()) -> Result<bool> { Ok(std::fs::read_to_string(&self.path)? == self.found) }
//! # }
//! impl Fault for Overwrite {
//!     type Target = File;
//!     type Undo = PutBack;
//! #   fn via<'a>(&'a self, _: &'a File) -> &'a () { &() }
//! #   async fn prepare(&self, file: &File) -> Result<Plan<PutBack>> {
//! #       let found = std::fs::read_to_string(&file.0)?;
//! #       Ok(Plan::reversible("overwrites", PutBack { path: file.0.clone(), found }))
//! #   }
//! #   async fn inject(&self, file: &Approved<File>, _: &PutBack) -> Result<()> { Ok(std::fs::write(&file.0, "timeout=1")?) }
//! #   async fn observe(&self, file: &File, _: &PutBack) -> Result<Observed> {
//! #       let now = std::fs::read_to_string(&file.0)?;
//! #       Ok(if now == "timeout=1" { Observed::in_force(now) } else { Observed::absent(now) })
//! #   }
//!     // ...
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let dir = tempfile::tempdir()?;
//! let target = async || {
//!     std::fs::write(dir.path().join("app.conf"), "timeout=30")?;
//!     Ok(File(dir.path().join("app.conf")))
//! };
//! let world = async |file: &File| std::fs::read(&file.0).ok();
//!
//! let report = conformance(Overwrite, target, world).await;
//! report.assert_passed();
//! # Ok::<(), Error>(()) })?;
//! # Ok::<(), Error>(())
//! ```

mod checks;
mod report;
mod steps;
#[cfg(test)]
mod tests;

pub use report::{Conformance, Finding};

use std::fmt::Debug;

use crate::error::Result;
use crate::fault::Fault;
use steps::Steps;

/// Drives `fault` through its contract.
///
/// `target` makes a fresh target as it is found before a fault: a new file, a new pod. `world` looks at all that the
/// fault may touch and returns it as a value to compare: bytes, a string, a map.
///
/// Each step of the fault has 30 s. A panic of the fault is not caught: it fails the test that called.
pub async fn conformance<F, T, W, S>(fault: F, target: T, world: W) -> Conformance
where
    F: Fault,
    T: AsyncFn() -> Result<F::Target>,
    W: AsyncFn(&F::Target) -> S,
    S: PartialEq + Debug,
{
    let steps = Steps::new(&fault, &target, &world);
    let mut report = Conformance::new(fault.describe());
    checks::run(&steps, &mut report).await;
    report
}
