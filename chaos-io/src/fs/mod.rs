//! [`ChaosFs`]: a directory whose files and names pass a point, and that can lose power (feature `fs`, Unix).
//!
//! The program under test takes the file system as an object; in production it is [`ChaosFs::plain`], which is tokio's
//! files with a load and a branch for each read and write. Tests arm rules at the point, by path, kind, place and length, and
//! [crash](ChaosFs::crash) it: what was not synced is gone, there, or torn.
//!
//! ```
//! use chaos_core::{Chaos, testing::Seeds};
//! use chaos_io::{ChaosFs, Io, error};
//! use std::io;
//! use tokio::io::AsyncWriteExt;
//!
//! /// The program: replaces its settings, so that there always are some, whenever the power fails.
//! async fn save(fs: &ChaosFs, settings: &str) -> io::Result<()> {
//!     let mut file = fs.create("settings.tmp").await?;
//!     file.write_all(settings.as_bytes()).await?;
//!     file.sync_all().await?;                                     // without it, the file may be empty after the crash
//!     fs.rename("settings.tmp", "settings").await?;
//!     fs.sync_dir(".").await                                      // without it, the old ones may be back
//! }
//!
//! // The test: the power fails at a step that the seed picks.
//! Seeds::first(50).run(|chaos: Chaos| async move {
//!     let dir = tempfile::tempdir()?;
//!     std::fs::write(dir.path().join("settings"), "old")?;        // what is there is on the disk
//!     let point = chaos.point::<Io>("disk")?;
//!     let fs = ChaosFs::new(dir.path(), point.clone())?.simulate_crashes();
//!
//!     let step = chaos.seed() % 6 + 1;
//!     let off = point.arm(error(io::ErrorKind::Other).named("power off")?.nth(&format!("{step}+"))?)?;
//!     let saved = save(&fs, "new").await;
//!     off.revert();
//!
//!     let crash = fs.crash()?;
//!     let found = crash.reopen().read("settings").await?;
//!     assert!(found == b"new" || (found == b"old" && saved.is_err()), "{crash}");
//!     Ok::<(), Box<dyn std::error::Error>>(())
//! });
//! ```
//!
//! # What is what
//! | a program calls | [`IoKind`](crate::IoKind) |
//! |---|---|
//! | [`open`](ChaosFs::open), [`open_with`](ChaosFs::open_with) of what is there | `Open` |
//! | [`create`](ChaosFs::create), [`open_with`](ChaosFs::open_with) of what is not | `Create` |
//! | reads, writes, flushes and seeks of a [`ChaosFile`]; its shutdown | `Read`, `Write`, `Flush`, `Seek`; `Close` |
//! | `sync_all`, `sync_data`; [`sync_dir`](ChaosFs::sync_dir) | `Sync` |
//! | `set_len`; `metadata`, [`try_exists`](ChaosFs::try_exists) | `SetAttr`; `Stat` |
//! | [`rename`](ChaosFs::rename) | `Rename`, with the old name |
//! | [`remove_file`](ChaosFs::remove_file), [`remove_dir`](ChaosFs::remove_dir) | `Remove` |
//! | [`create_dir`](ChaosFs::create_dir); [`read_dir`](ChaosFs::read_dir) | `MakeDir`; `List` |
//!
//! Matchers see paths from the root, without a leading slash (`wal/1.log`); the root itself is `.`. The program may write
//! them so, or absolute and below the root. Paths with `..` in them, paths outside of the root, and paths with a symbolic
//! link in them are refused before anything is touched. What somebody else turns into a link while an operation is
//! under way is not noticed: this is no jail.
//!
//! # The rules of a crash
//! - **Contents.** What was written, cut or grown before a sync of the file that was done is there. Of what came later, each
//!   page of 4,096 bytes is as it was at one moment since then, or torn: some of its sectors of 512 bytes from an earlier
//!   moment, some from a later one. Pages are independent of each other and of the order of writes.
//! - **Length.** One that the file had since its sync; or the end of a page within a write that made it grow. Where it grew
//!   and the bytes did not arrive, there are zeros. No byte is ever anything but what was written there, or zero.
//! - **Names.** A file made, removed or renamed is certain when its directory was synced after it; a rename when either of its
//!   directories was, and its new one is certain to be there. A sync of the file itself does not do it. Until then it took place or it did not, whole: a rename
//!   leaves the old name or the new one, never both, never neither.
//! - **Order.** Operations on different names have none. On one name they keep theirs; a directory is only gone if what was
//!   removed from it is; what is in a new directory is lost with it, synced or not, unless the name of the directory is
//!   certain; directories are moved in order.
//! - **Promises not kept.** A sync that a rule lost ([`lost_sync`](crate::lost_sync)) makes nothing certain. Nor does one that
//!   failed, and then the pages that it was about count as written all the same, as on Linux: a second sync that succeeds
//!   says nothing of them until they are written to again (Rebello and others, "Can Applications Recover from fsync
//!   Failures?", USENIX ATC 2020).
//!
//! POSIX promises no more: fsync of a file is about its data, its name is data of the directory (fsync(2), "Calling fsync()
//! does not necessarily ensure that the entry in the directory containing the file has also reached disk"). The properties
//! that file systems differ in, and programs rely on by mistake, are those of Pillai and others, "All File Systems Are Not
//! Created Equal" (OSDI 2014). Real ones promise more than this: what survives here survives there.
//!
//! A state is drawn as: nothing of what was not synced (1 of 8), all of it (1 of 8), the first so many changes (2 of 8), or
//! each page by itself (4 of 8); for each file, and for all names together.
//!
//! # Guarantees
//! - The same seed after the same operations is the same state, in a program that does its operations in the same order:
//!   with the simulation, each is done where it is polled, and none on another thread.
//! - What the program does, it does in the real directory; others may look.
//! - After a crash nothing of before goes on: the file system, its clones and its files fail with
//!   [`StaleNetworkFileHandle`](std::io::ErrorKind::StaleNetworkFileHandle).
//!
//! # Caveats
//! - The journal costs memory: see [`ChaosFs::simulate_crashes_within`]. What does not fit is refused. Up to 256 files that
//!   were removed or replaced, and whose directories were not synced, are held open.
//! - With the simulation a sync is written down and not asked of the disk, and operations block the thread for as long as the
//!   system call takes.
//! - Nobody else may change the directory between the making of the simulation and the crash.
//! - Modes, owners, times and links are not part of it. The name `.chaos-crash` in the root is taken during a crash.
//!
//! # Errors
//! Operations answer what [`tokio::fs`] would. Bad paths are
//! [`InvalidInput`](std::io::ErrorKind::InvalidInput), with the [`chaos_core::Error`] inside.

mod chaos_fs;
mod crash;
mod file;
mod names;
mod open;
mod options;
mod pass;
mod root;
mod simulation;

pub use chaos_fs::ChaosFs;
pub use crash::{Crash, CrashedFile};
pub use file::{ChaosFile, OpenFile};
pub use options::OpenOptions;
