//! Names: looked up, made, removed, moved, linked.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use fuser::FileAttr;
use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, RenameFlags, Uid, chmodat, chownat, linkat, mkdirat, mknodat,
    openat, readlinkat, renameat_with, statat, symlinkat, unlinkat,
};

use super::{Caller, Open, Source, component};

const SET_GROUP_ID: u32 = 0o2000;

impl Source {
    pub(crate) fn lookup(&self, parent: u64, name: &OsStr) -> io::Result<FileAttr> {
        let dir = self.node(parent)?;
        self.known(parent, &dir, component(name)?)
    }

    pub(crate) fn read_link(&self, ino: u64) -> io::Result<Vec<u8>> {
        Ok(readlinkat(&*self.node(ino)?, "", Vec::new())?.into_bytes())
    }

    pub(crate) fn make_dir(
        &self,
        parent: u64,
        name: &OsStr,
        mode: u32,
        caller: Caller,
    ) -> io::Result<FileAttr> {
        let dir = self.node(parent)?;
        mkdirat(&*dir, component(name)?, Mode::from_raw_mode(mode))?;
        self.made(parent, &dir, name, Some(mode), caller)
    }

    pub(crate) fn make_node(
        &self,
        parent: u64,
        name: &OsStr,
        mode: u32,
        device: u32,
        caller: Caller,
    ) -> io::Result<FileAttr> {
        let dir = self.node(parent)?;
        let kind = FileType::from_raw_mode(mode);
        mknodat(&*dir, component(name)?, kind, Mode::from_raw_mode(mode & 0o7777), device.into())?;
        self.made(parent, &dir, name, Some(mode), caller)
    }

    pub(crate) fn make_link(
        &self,
        parent: u64,
        name: &OsStr,
        target: &Path,
        caller: Caller,
    ) -> io::Result<FileAttr> {
        let dir = self.node(parent)?;
        symlinkat(target, &*dir, component(name)?)?;
        self.made(parent, &dir, name, None, caller)
    }

    /// Makes a file and opens it. An open of one that is there already is as good, unless `flags` say otherwise.
    pub(crate) fn create(
        &self,
        parent: u64,
        name: &OsStr,
        mode: u32,
        flags: i32,
        caller: Caller,
    ) -> io::Result<(FileAttr, u64)> {
        let dir = self.node(parent)?;
        let flags = super::data::flags_of(flags);
        let made = (flags - OFlags::TRUNC) | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let (file, new) = match openat(&*dir, component(name)?, made, Mode::from_raw_mode(mode)) {
            Ok(file) => (file, true),
            Err(rustix::io::Errno::EXIST) if !flags.contains(OFlags::EXCL) => {
                (openat(&*dir, name, flags | OFlags::NOFOLLOW, Mode::empty())?, false)
            }
            Err(err) => return Err(err.into()),
        };
        let attr = if new {
            self.made(parent, &dir, name, Some(mode), caller)?
        } else {
            self.known(parent, &dir, name)?
        };
        Ok((attr, self.keep(Open::File(std::sync::Arc::new(file.into())))))
    }

    pub(crate) fn remove(&self, parent: u64, name: &OsStr, directory: bool) -> io::Result<()> {
        let flags = if directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        Ok(unlinkat(&*self.node(parent)?, component(name)?, flags)?)
    }

    pub(crate) fn rename(
        &self,
        (from, name): (u64, &OsStr),
        (to, new_name): (u64, &OsStr),
        flags: u32,
    ) -> io::Result<()> {
        let (old_dir, new_dir) = (self.node(from)?, self.node(to)?);
        let flags = RenameFlags::from_bits(flags).ok_or(rustix::io::Errno::INVAL)?;
        let (name, new_name) = (component(name)?, component(new_name)?);
        renameat_with(&*old_dir, name, &*new_dir, new_name, flags)?;
        // By what is there now: the kernel may know the moved file, and what it changed places with.
        for (parent, dir, name) in [(to, &new_dir, new_name), (from, &old_dir, name)] {
            if let Ok(stat) = statat(&**dir, name, AtFlags::SYMLINK_NOFOLLOW) {
                self.tree().rename(&stat, parent, name);
            }
        }
        Ok(())
    }

    pub(crate) fn link(&self, ino: u64, parent: u64, name: &OsStr) -> io::Result<FileAttr> {
        let (fd, dir) = (self.node(ino)?, self.node(parent)?);
        // Not by an empty name, which needs the right CAP_DAC_READ_SEARCH (open(2), AT_EMPTY_PATH).
        linkat(&self.descriptors, Self::link_to(&*fd), &*dir, component(name)?, AtFlags::SYMLINK_FOLLOW)?;
        self.known(parent, &dir, name)
    }

    /// What was made just now belongs to the caller and has the caller's mode: our own umask must not show.
    fn made(
        &self,
        parent: u64,
        dir: &OwnedFd,
        name: &OsStr,
        mode: Option<u32>,
        caller: Caller,
    ) -> io::Result<FileAttr> {
        let attr = self.known(parent, dir, name)?;
        // The kernel is not told of it, and will not forget it, when this fails.
        self.give(dir, &attr, mode, caller).inspect_err(|_| self.forget(attr.ino.0, 1))
    }

    fn give(
        &self,
        dir: &OwnedFd,
        made: &FileAttr,
        mode: Option<u32>,
        caller: Caller,
    ) -> io::Result<FileAttr> {
        let fd = self.node(made.ino.0)?;
        let inherits = statat(dir, "", AtFlags::EMPTY_PATH)?.st_mode & SET_GROUP_ID != 0;
        let owner = (made.uid != caller.uid).then(|| Uid::from_raw(caller.uid));
        let group = (made.gid != caller.gid && !inherits).then(|| Gid::from_raw(caller.gid));
        let changes_hands = owner.is_some() || group.is_some();
        if changes_hands {
            chownat(&*fd, "", owner, group, AtFlags::EMPTY_PATH)?;
        }
        let has = u32::from(made.perm);
        let wanted = mode.map(|mode| (mode & 0o7777) | if inherits { has & SET_GROUP_ID } else { 0 });
        // A new owner clears set-user-id bits, so then in any case.
        let wanted = wanted.filter(|mode| *mode != has || changes_hands);
        if let Some(mode) = wanted {
            chmodat(&self.descriptors, Self::link_to(&*fd), Mode::from_raw_mode(mode), AtFlags::empty())?;
        }
        if changes_hands || wanted.is_some() { self.attributes(made.ino.0) } else { Ok(*made) }
    }
}
