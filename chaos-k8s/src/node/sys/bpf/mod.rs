//! Programs and maps of BPF (bpf(2), bpf-helpers(7)). Each goes with its last descriptor, and with what holds it in the kernel.
#![expect(unsafe_code, reason = "bpf(2) has no safe binding")]

mod map;
mod program;

use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

pub(in crate::node) use map::{Kind, Map};
use nix::errno::Errno;
use nix::libc;
pub(in crate::node) use program::{Instruction, attach_ingress, load};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// A refusal of the kernel, with the verifier's last words where it has some.
#[derive(Debug)]
pub(in crate::node) struct Refused {
    pub(in crate::node) source: io::Error,
    said: Option<String>,
}

impl Refused {
    /// Whether the program is what is wrong.
    pub(in crate::node) fn is_verifiers(&self) -> bool {
        self.source.raw_os_error() == Some(libc::EACCES)
    }
}

impl From<Errno> for Refused {
    fn from(errno: Errno) -> Self {
        Self { source: errno.into(), said: None }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.said {
            Some(said) => write!(f, "{said} ({})", self.source),
            None => self.source.fmt(f),
        }
    }
}

impl std::error::Error for Refused {}

/// A descriptor as the kernel's structures have it.
pub(in crate::node) fn number(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd() as u32
}

/// Before Linux 5.11 programs and maps count as locked memory, of which a process may have 64 KiB by default: then once more
/// with as much as it may be given.
fn within_memory<T>(make: impl Fn() -> Result<T, Errno>) -> Result<T, Errno> {
    make().or_else(|errno| {
        let limit = getrlimit(Resource::Memlock);
        if errno != Errno::EPERM || limit.current.is_none() {
            return Err(errno);
        }
        let all = Rlimit { current: None, maximum: None };
        let allowed = Rlimit { current: limit.maximum, maximum: limit.maximum };
        setrlimit(Resource::Memlock, all)
            .or_else(|_| setrlimit(Resource::Memlock, allowed))
            .map_err(|_| errno)?;
        make()
    })
}

/// A command that gives a descriptor.
///
/// # Safety
/// As [`bpf`]; and that the command gives one.
unsafe fn descriptor<T>(command: libc::c_long, attributes: &T) -> Result<OwnedFd, Errno> {
    // SAFETY: as the caller promises.
    let fd = unsafe { bpf(command, attributes) }?;
    // SAFETY: the descriptor is new, and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// # Safety
/// `attributes` is a start of `union bpf_attr` for `command`, in the kernel's layout, and the pointers in it are to what the command
/// expects.
unsafe fn bpf<T>(command: libc::c_long, attributes: &T) -> Result<libc::c_int, Errno> {
    let size = size_of::<T>() as libc::c_long;
    // SAFETY: the kernel reads `size` bytes of the attributes, and reads or writes what they point to, as the caller promises.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attributes), size) };
    Errno::result(result).map(|result| result as libc::c_int)
}
