//! The names and numbers of errors.
//!
//! Numbers are those of Linux (asm-generic/errno-base.h and errno.h), and the kinds are what the standard library makes
//! of them there.

use std::io::ErrorKind::{self, *};

#[cfg(feature = "rules")]
use chaos_core::{Error, Result};

/// A kind, its word in rules from data, and the error number that stands for it.
const KINDS: [(ErrorKind, &str, i32); 37] = [
    (NotFound, "not_found", 2),
    (PermissionDenied, "permission_denied", 13),
    (ConnectionRefused, "connection_refused", 111),
    (ConnectionReset, "connection_reset", 104),
    (HostUnreachable, "host_unreachable", 113),
    (NetworkUnreachable, "network_unreachable", 101),
    (ConnectionAborted, "connection_aborted", 103),
    (NotConnected, "not_connected", 107),
    (AddrInUse, "addr_in_use", 98),
    (AddrNotAvailable, "addr_not_available", 99),
    (NetworkDown, "network_down", 100),
    (BrokenPipe, "broken_pipe", 32),
    (AlreadyExists, "already_exists", 17),
    (WouldBlock, "would_block", 11),
    (NotADirectory, "not_a_directory", 20),
    (IsADirectory, "is_a_directory", 21),
    (DirectoryNotEmpty, "directory_not_empty", 39),
    (ReadOnlyFilesystem, "read_only_filesystem", 30),
    (StaleNetworkFileHandle, "stale_network_file_handle", 116),
    (InvalidInput, "invalid_input", 22),
    (InvalidData, "invalid_data", 5),
    (TimedOut, "timed_out", 110),
    (WriteZero, "write_zero", 5),
    (StorageFull, "storage_full", 28),
    (NotSeekable, "not_seekable", 29),
    (QuotaExceeded, "quota_exceeded", 122),
    (FileTooLarge, "file_too_large", 27),
    (ResourceBusy, "resource_busy", 16),
    (ExecutableFileBusy, "executable_file_busy", 26),
    (Deadlock, "deadlock", 35),
    (TooManyLinks, "too_many_links", 31),
    (ArgumentListTooLong, "argument_list_too_long", 7),
    (Interrupted, "interrupted", 4),
    (Unsupported, "unsupported", 95),
    (UnexpectedEof, "unexpected_eof", 5),
    (OutOfMemory, "out_of_memory", 12),
    (Other, "other", 5),
];

/// The numbers that rules may call by name.
const ERRNOS: [(&str, i32); 29] = [
    ("EPERM", 1),
    ("ENOENT", 2),
    ("EINTR", 4),
    ("EIO", 5),
    ("ENXIO", 6),
    ("EBADF", 9),
    ("EAGAIN", 11),
    ("ENOMEM", 12),
    ("EACCES", 13),
    ("EBUSY", 16),
    ("EEXIST", 17),
    ("EXDEV", 18),
    ("ENODEV", 19),
    ("ENOTDIR", 20),
    ("EISDIR", 21),
    ("EINVAL", 22),
    ("ENFILE", 23),
    ("EMFILE", 24),
    ("EFBIG", 27),
    ("ENOSPC", 28),
    ("EROFS", 30),
    ("EPIPE", 32),
    ("ENOTEMPTY", 39),
    ("EOPNOTSUPP", 95),
    ("ECONNRESET", 104),
    ("ETIMEDOUT", 110),
    ("ESTALE", 116),
    ("EREMOTEIO", 121),
    ("EDQUOT", 122),
];

/// EIO: what an error without a number of its own is.
const EIO: i32 = 5;

pub(crate) fn kind_name(kind: ErrorKind) -> Option<&'static str> {
    KINDS.iter().find(|(other, ..)| *other == kind).map(|(_, name, _)| *name)
}

pub(crate) fn errno_name(errno: i32) -> Option<&'static str> {
    ERRNOS.iter().find(|(_, other)| *other == errno).map(|(name, _)| *name)
}

/// The number that stands for `kind`.
pub(crate) fn errno_of_kind(kind: ErrorKind) -> i32 {
    KINDS.iter().find(|(other, ..)| *other == kind).map_or(EIO, |(.., errno)| *errno)
}

#[cfg(feature = "rules")]
pub(crate) fn kind_named(name: &str) -> Result<ErrorKind> {
    KINDS.iter().find(|(_, other, _)| *other == name).map(|(kind, ..)| *kind).ok_or_else(|| {
        let names: Vec<_> = KINDS.iter().map(|(_, name, _)| *name).collect();
        Error::invalid(format!("error {name:?} is not one of {}", names.join(", ")))
    })
}

#[cfg(feature = "rules")]
pub(crate) fn errno_named(name: &str) -> Result<i32> {
    ERRNOS.iter().find(|(other, _)| *other == name).map(|(_, errno)| *errno).ok_or_else(|| {
        let names: Vec<_> = ERRNOS.iter().map(|(name, _)| *name).collect();
        Error::invalid(format!("errno {name:?} is not one of {}: use its number", names.join(", ")))
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn the_numbers_are_what_the_standard_library_takes_them_for() {
        for (kind, name, errno) in KINDS {
            let meant = io::Error::from_raw_os_error(errno).kind();
            // EIO has no kind of its own, and stands for those without a number.
            assert!(meant == kind || errno == EIO, "{name}: {meant:?}");
        }
        for (name, errno) in ERRNOS {
            let says = io::Error::from_raw_os_error(errno).to_string();
            assert!(!says.starts_with("Unknown"), "{name}: {says}");
        }
    }
}
