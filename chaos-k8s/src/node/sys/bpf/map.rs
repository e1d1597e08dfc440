//! Maps: what programs look up, and what they count.
#![expect(unsafe_code, reason = "bpf(2) has no safe binding")]

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;

use super::{Refused, bpf, descriptor, number, within_memory};

const MAP_CREATE: libc::c_long = 0;
const MAP_LOOKUP_ELEM: libc::c_long = 1;
const MAP_UPDATE_ELEM: libc::c_long = 2;
const MAP_DELETE_ELEM: libc::c_long = 3;

/// What a map is for (`enum bpf_map_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(in crate::node) enum Kind {
    Hash = 1,
    Array = 2,
    /// Programs that others go on in. The kernel empties it when the last descriptor of it is closed (`prog_array_map_clear`,
    /// kernel/bpf/arraymap.c), also while programs that are in force refer to it.
    Programs = 3,
}

/// A map.
#[derive(Debug)]
pub(in crate::node) struct Map {
    fd: OwnedFd,
    key: usize,
    value: usize,
}

/// Those for `BPF_MAP_CREATE`, up to the last that is said.
#[repr(C)]
struct Create {
    kind: u32,
    key: u32,
    value: u32,
    entries: u32,
}

/// Those for commands on one element.
#[repr(C)]
struct Element {
    map: u32,
    unused: u32,
    key: u64,
    value: u64,
    flags: u64,
}

impl Map {
    /// A map of at most so many entries, whose keys and values are so many bytes long.
    ///
    /// # Errors
    /// As [`load`].
    pub(in crate::node) fn new(kind: Kind, key: usize, value: usize, entries: u32) -> Result<Self, Refused> {
        let create = Create { kind: kind as u32, key: key as u32, value: value as u32, entries };
        // SAFETY: `Create` is the start of the kernel's union for this command, without pointers.
        let fd = within_memory(|| unsafe { descriptor(MAP_CREATE, &create) })?;
        Ok(Self { fd, key, value })
    }

    /// Puts a value under a key.
    ///
    /// # Errors
    /// A map that is full, or a key or value of another length.
    pub(in crate::node) fn set(&self, key: &[u8], value: &[u8]) -> io::Result<()> {
        self.check(key, value)?;
        let element = self.element(key, value.as_ptr());
        // SAFETY: `Element` is the start of the kernel's union for this command; key and value are as long as the map's, and the
        // kernel only reads them.
        unsafe { bpf(MAP_UPDATE_ELEM, &element) }?;
        Ok(())
    }

    /// Reads the value of a key.
    ///
    /// # Errors
    /// No such key, or a key or value of another length.
    pub(in crate::node) fn get(&self, key: &[u8], value: &mut [u8]) -> io::Result<()> {
        self.check(key, value)?;
        let element = self.element(key, value.as_mut_ptr());
        // SAFETY: as in `set`, but that the kernel writes the value, which is borrowed for that.
        unsafe { bpf(MAP_LOOKUP_ELEM, &element) }?;
        Ok(())
    }

    /// Takes a key out; one that is not there is fine.
    ///
    /// # Errors
    /// A key of another length.
    pub(in crate::node) fn remove(&self, key: &[u8]) -> io::Result<()> {
        self.check(key, &vec![0; self.value])?;
        let element = self.element(key, std::ptr::null());
        // SAFETY: as in `set`; the kernel looks at no value.
        match unsafe { bpf(MAP_DELETE_ELEM, &element) } {
            Ok(_) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    fn check(&self, key: &[u8], value: &[u8]) -> io::Result<()> {
        let fits = key.len() == self.key && value.len() == self.value;
        if fits { Ok(()) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }

    fn element(&self, key: &[u8], value: *const u8) -> Element {
        let (key, value) = (key.as_ptr().expose_provenance() as u64, value.expose_provenance() as u64);
        Element { map: number(self.as_fd()), unused: 0, key, value, flags: 0 }
    }
}

impl AsFd for Map {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Not at all without the rights.
    fn with_rights<T>(made: Result<T, Refused>) -> Option<T> {
        match made {
            Err(refused) if refused.source.kind() == io::ErrorKind::PermissionDenied => {
                let demanded = std::env::var("CHAOS_REQUIRE").unwrap_or_default();
                assert!(!demanded.split(',').any(|what| what == "root"), "no right to use BPF: {refused}");
                println!("not run: no right to use BPF");
                None
            }
            made => Some(made.unwrap()),
        }
    }

    #[test]
    fn a_map_holds_what_was_put_there_and_takes_nothing_of_another_length() {
        let Some(map) = with_rights(Map::new(Kind::Hash, 4, 8, 3)) else { return };
        map.set(&[1; 4], &[7; 8]).unwrap();
        let mut value = [0; 8];
        map.get(&[1; 4], &mut value).unwrap();
        assert_eq!(value, [7; 8]);
        assert_eq!(map.get(&[2; 4], &mut value).unwrap_err().kind(), io::ErrorKind::NotFound);
        map.remove(&[1; 4]).unwrap();
        map.remove(&[1; 4]).unwrap();
        assert!(map.get(&[1; 4], &mut value).is_err());
        assert!(map.set(&[1; 3], &[7; 8]).is_err() && map.get(&[1; 4], &mut [0; 4]).is_err());
    }
}
