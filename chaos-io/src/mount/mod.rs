//! [`Mount`]: a directory seen at a second place, where its operations pass a point: faults for programs that know
//! nothing of this crate (feature `mount`, Linux).
//!
//! It is a FUSE file system that passes a directory through. Rules of a [`Point<Io>`](chaos_core::Point) act on what any
//! program does there, by path, kind, offset and length; arming and reverting them is all the control there is.
//!
//! ```no_run
//! use chaos_core::{Chaos, Delay, Ledger, Undos, guardian, units::ms};
//! use chaos_io::{Io, IoKind, errno, kind, latency, path_glob};
//! use chaos_io::mount::{Mount, MountUndo};
//!
//! fn undos() -> chaos_core::Result<Undos> {
//!     Undos::none().with::<MountUndo>(())
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> chaos_core::Result<()> {
//!     let guardian = guardian::run_if_asked(undos);         // unmounts when this process dies
//!     let point = Chaos::seeded(7).point::<Io>("database")?;
//!     let mounted = Mount::new("/var/lib/shop", "/mnt/shop", point.clone())
//!         .guardian(guardian)
//!         .ledger(Ledger::open("/var/lib/chaos", undos()?)?)
//!         .begin()
//!         .await?;
//!     // ... start the database on /mnt/shop ...
//!     let slow = point.arm(latency(Delay::fixed(ms(200))).when(kind(IoKind::Sync)))?;
//!     let bad = point.arm(errno(5)?.when(path_glob("/mnt/shop/wal/*")?).probability(0.01)?)?;
//!     // ...
//!     slow.revert();
//!     bad.revert();
//!     mounted.end().await
//! }
//! ```
//!
//! # Flow
//! ```text
//! begin:   look -> record, fsync -> arm the guardian -> mount(2) -> seen in /proc/self/mountinfo
//! request: kernel -> point -> (delay, hang) -> effect, or the call on the source -> (delay) -> answer
//! end:     let held requests go -> umount2(MNT_DETACH) -> not seen any more -> strike -> disarm
//! ```
//!
//! # What is what
//! | a program calls | [`IoKind`](crate::IoKind) |
//! |---|---|
//! | `stat`, any look-up of a component of a path, `statfs`, `getxattr` | `Stat` |
//! | `open` of what is there | `Open` |
//! | `open` of what is not, `mknod` | `Create` |
//! | `read`; `write`, `fallocate`; `fsync`, `fdatasync` (of directories too) | `Read`; `Write`; `Sync` |
//! | `close` of a descriptor | `Close` |
//! | `opendir` | `List` |
//! | `chmod`, `chown`, `truncate`, `utimens`, `setxattr` | `SetAttr` |
//! | `mkdir`; `unlink`, `rmdir`; `rename`; `link`, `symlink`, `readlink` | `MakeDir`; `Remove`; `Rename` (the old name); `Link` |
//! | `lseek` for a hole or for data | `Seek`; other seeks never leave the kernel |
//!
//! Paths are those that programs use: the mount point and what is below. Errors with weights are several rules, each with
//! its probability. Locks, polls and `mmap` are the kernel's own. `copy_file_range` and `ioctl` are answered "not there",
//! so that copies are made of reads and writes that rules see.
//!
//! # Guarantees
//! - Without a rule, programs find what the directory itself would give them: contents, names, owners, modes, times,
//!   links and their numbers, holes, extended attributes, errors.
//! - A request that waits holds up no other. At the end everything that waits is let go, and nothing waits for a program
//!   that has files open.
//! - Nothing in the directory leads out of it: no link is followed on the way to a file.
//! - The undo is recorded and the guardian armed before the mount; an ended, killed or stopped server leaves no dead mount
//!   behind. The mark in the table of mounts is the run's own: a sweep touches nothing else.
//!
//! # Caveats
//! - Reads and writes bypass the page cache, so that rules see them as they are made ([`Mount::page_cache`] changes it);
//!   shared writable mappings then need Linux 6.6.
//! - A rule that hangs a request holds its program as a broken disk would: not even SIGKILL ends it before the answer.
//! - A request goes through the kernel to a thread of this process and back, some 10 us where the directory itself takes
//!   less than one. Rules add a few percent to that: see `benches/README.md`.
//! - Each inode that the kernel knows costs a descriptor: raise `RLIMIT_NOFILE` for large trees.
//! - Set-user-id bits and device files have no effect in a mount (`nosuid`, `nodev`), and `O_DIRECT` is not handed on.
//! - What is acknowledged and lost (`lost_sync`) is lost to a crash of the machine only: the kernel's cache of the source
//!   has it.
//!
//! # Errors
//! Those of [`Mount::begin`] and [`Mounted::end`].

mod builder;
mod check;
mod device;
mod front;
mod gate;
mod happening;
mod mounted;
mod requests;
mod source;
mod table;
mod undo;

pub use builder::Mount;
pub use mounted::Mounted;
pub use undo::MountUndo;
