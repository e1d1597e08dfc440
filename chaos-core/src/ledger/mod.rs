//! The ledger: a write-ahead journal of undos, and the sweep that reverts what a crashed run left in it.
//!
//! It is the last rung of the ladder of [`Owner`](crate::Owner)s: it survives everything but the loss of the disk.
//! [`Undos`] says what a program can revert, [`Entry`] is one undo as data, [`Ledger`] is the journal of one run,
//! [`sweep`] reads those of the dead. Unix only.
//!
//! ```
//! use chaos_core::{Error, Ledger, Result, Undo, Undos, ledger::{self, Entry}};
//! use serde::{Deserialize, Serialize};
//! use std::path::PathBuf;
//!
//! /// The file held `found`.
//! #[derive(Debug, Serialize, Deserialize)]
//! struct FileHeld { path: PathBuf, found: String }
//!
//! impl Undo for FileHeld {
//!     const KIND: &'static str = "example.org/file-held/1";
//!     type Via = ();
//!     async fn revert(&self, (): &()) -> Result<()> {
//!         Ok(std::fs::write(&self.path, &self.found)?)
//!     }
//!     async fn is_gone(&self, (): &()) -> Result<bool> {
//!         Ok(std::fs::read_to_string(&self.path)? == self.found)
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! # let home = tempfile::tempdir()?;
//! # let (dir, path) = (home.path().join("ledger"), home.path().join("app.conf"));
//! # std::fs::write(&path, "timeout=30")?;
//! let undos = Undos::none().with::<FileHeld>(())?;
//! let ledger = Ledger::open(&dir, undos.clone())?;
//! let undo = FileHeld { path: path.clone(), found: std::fs::read_to_string(&path)? };
//! ledger.record(vec![Entry::of("app.conf", "file", "puts timeout=1 into it", &undo)?])?;
//! std::fs::write(&path, "timeout=1")?;
//! drop(ledger);                                    // the run ends here, whatever the reason
//!
//! let swept = ledger::sweep(&dir, &undos).await?;  // by the next one, or by hand
//! assert!(swept.is_clean(), "{swept}");
//! assert_eq!(swept.reverted().len(), 1);
//! assert_eq!(std::fs::read_to_string(&path)?, "timeout=30");
//! # Ok::<(), Error>(())
//! # }).unwrap();
//! ```
//!
//! # Flow
//! ```text
//! run:    open                    record -> (effect) -> (revert, observe) -> strike      close
//!         (file, lock, header,    (one write,                               (one write,  (unlink,
//!          fsync, fsync dir)       fdatasync)                                fdatasync)   fsync dir, unlock)
//!
//! sweep:  for each file whose lock can be had: read -> newest first: revert, observe -> strike -> unlink, fsync dir
//!         (up to 64 strikes of a file, or those of 50 ms: one write, one fdatasync)
//! ```
//! One file per run, `<run id>.ledger`, held with `flock(2)` from its making to its end. Lines are appended and never
//! changed; the form of a line is described in `format.rs`. With nothing open a long file is cut back to its header.
//!
//! # Guarantees
//! - When [`record`](Ledger::record) returns, its undos survive SIGKILL and loss of power; when it fails, none of them
//!   counts, and what was written of them does not spoil later lines.
//! - An undo of a kind that the ledger's [`Undos`] do not hold is refused before anything is written, so nothing is
//!   injected that the same program could not sweep.
//! - A file is deleted only when every entry in it was seen to be gone. Entries of unknown kinds, of other versions,
//!   of damaged lines and of failed reverts are kept and reported, and keep their file.
//! - A torn end is not an error: such a line was never acknowledged. A bad line elsewhere is reported by its number and
//!   the others are read.
//! - A run that lives is never swept, and two sweeps never revert the same entry at once.
//! - Newest first, over all dead runs (up to 128 at once). An older change is not reverted while a newer one of the
//!   same kind to the same target could not be, or is held by a live run.
//! - A sweep that is killed, dropped or fails half-way is finished by the next. Strikes become durable in the order of the
//!   reverts, so what a killed one has reverted and not struck is reverted again in the same order.
//! - Data only: a file can name a registered kind and give it its fields, nothing else. The directory and the files must
//!   belong to this user or root and be writable by nobody else; no symbolic link is followed.
//!
//! # Assumptions
//! - Local file system with working `flock` and `fsync`. Over NFS neither may say what it means.
//! - Undos keep the contract of [`Undo`](crate::Undo): idempotent, "already gone" is success. An entry is reverted also
//!   when its effect never began, or when it was reverted and not struck before the crash.
//! - Entries of before a reboot are reverted like others, because files survive one. Their [`Found::same_boot`] is
//!   false; undos of what the kernel forgets (a process, a namespace, a qdisc) find it gone and must not mistake a
//!   successor of the same name or pid for it.
//! - The wall clock orders runs among each other, never the entries of one run. Set back between two runs that changed
//!   the same target, it misleads the order.
//!
//! # Caveats
//! - fsync runs on the calling thread, some milliseconds on a disk: another thread would freeze a paused tokio clock.
//!   Record many targets with one call.
//! - Waits in a sweep are bounded by tokio's clock. Under a paused clock that jumps, a revert that waits for something
//!   real (a socket, a process) times out at once; sweep on a real clock.
//! - `flock` belongs to the open file: a child that was forked without exec shares it, and the run counts as live until
//!   that child ends as well.
//! - What was found may be a secret. It is in the file (mode 0600) in the clear, and not in debug output.
//! - After a failed fsync the kernel may have thrown away what it could not write, and says success the next time: the
//!   ledger refuses everything from then on. Revert what is open, and sweep.
//!
//! # Errors
//! [`ledger`](crate::Error::is_ledger) for a disk or lock that does not work, [`refused`](crate::Error::is_refused) for
//! unregistered kinds and unsafe permissions, [`leftover`](crate::Error::is_leftover) for entries open at the close or
//! still in force after a revert, [`timeout`](crate::Error::is_timeout) for a revert past its limit.

mod append;
mod boot;
mod dir;
mod entry;
mod format;
mod found;
mod journal;
mod look;
mod run_file;
mod run_id;
mod strikes;
mod survey;
mod sweep;
mod swept;
mod table;
#[cfg(test)]
mod tests;
mod undos;

pub use entry::{Entry, EntryId, MAX_UNDO_BYTES};
pub use found::{Found, Kept, Live};
pub use journal::Ledger;
pub use run_id::RunId;
pub use survey::Survey;
pub use sweep::{Sweep, survey, sweep};
pub use swept::{Failed, Swept};
pub use undos::Undos;
