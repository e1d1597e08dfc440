//! The requests of the kernel, each passed by the gate to the source.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use fuser::{
    BsdFileFlags, FileHandle, Filesystem, FopenFlags, INodeNo, InitFlags, KernelConfig, LockOwner, OpenFlags,
    RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyLseek,
    ReplyOpen, ReplyStatfs, ReplyWrite, ReplyXattr, Request, TimeOrNow, WriteFlags,
};

use super::front::{FIRST, Front, answer, caller, done, xattr};
use super::source::Changes;
use crate::operation::{IoCall, IoKind};

impl Filesystem for Front {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        // Each where the kernel has it: list and look up in one directory at once; mapped files in direct mode.
        for wanted in [InitFlags::FUSE_PARALLEL_DIROPS, InitFlags::FUSE_DIRECT_IO_ALLOW_MMAP] {
            let _ = config.add_capabilities(wanted);
        }
        Ok(())
    }

    fn destroy(&mut self) {
        self.gate.shut_down();
    }

    fn forget(&self, _: &Request, ino: INodeNo, times: u64) {
        self.source.forget(ino.0, times);
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        self.make(IoKind::Stat, parent, name, reply, move |source, name| source.lookup(parent.0, name));
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        let ttl = self.ttl;
        self.by_inode(IoCall::new(IoKind::Stat), ino, move |happening, source| {
            let found = happening.begin().and_then(|()| source.attributes(ino.0));
            let found = found.map(|attr| happening.attributes(attr));
            answer!(reply, found, |attr| |reply: ReplyAttr| reply.attr(&ttl, &attr))
        });
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        accessed: Option<TimeOrNow>,
        modified: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        handle: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let ttl = self.ttl;
        let changes = Changes { mode, uid, gid, size, accessed, modified };
        self.by_inode(IoCall::new(IoKind::SetAttr), ino, move |happening, source| {
            let handle = handle.map(|handle| handle.0);
            let changed = happening.begin().and_then(|()| source.change(ino.0, handle, changes));
            answer!(reply, changed, |attr| |reply: ReplyAttr| reply.attr(&ttl, &attr))
        });
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        self.by_inode(IoCall::new(IoKind::Link), ino, move |happening, source| {
            let target = happening.begin().and_then(|()| source.read_link(ino.0));
            answer!(reply, target, |target| |reply: ReplyData| reply.data(&target))
        });
    }

    fn mknod(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        device: u32,
        reply: ReplyEntry,
    ) {
        let caller = caller(request);
        self.make(IoKind::Create, parent, name, reply, move |source, name| {
            source.make_node(parent.0, name, mode, device, caller)
        });
    }

    fn mkdir(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        reply: ReplyEntry,
    ) {
        let caller = caller(request);
        self.make(IoKind::MakeDir, parent, name, reply, move |source, name| {
            source.make_dir(parent.0, name, mode, caller)
        });
    }

    fn symlink(&self, request: &Request, parent: INodeNo, name: &OsStr, target: &Path, reply: ReplyEntry) {
        let (caller, target) = (caller(request), target.to_owned());
        self.make(IoKind::Link, parent, name, reply, move |source, name| {
            source.make_link(parent.0, name, &target, caller)
        });
    }

    fn link(&self, _: &Request, ino: INodeNo, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        self.make(IoKind::Link, parent, name, reply, move |source, name| source.link(ino.0, parent.0, name));
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.by_name(IoKind::Remove, parent, name, move |happening, source, name| {
            done(reply, happening.begin().and_then(|()| source.remove(parent.0, name, false)))
        });
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.by_name(IoKind::Remove, parent, name, move |happening, source, name| {
            done(reply, happening.begin().and_then(|()| source.remove(parent.0, name, true)))
        });
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let new_name = new_name.to_owned();
        self.by_name(IoKind::Rename, parent, name, move |happening, source, name| {
            let to = (new_parent.0, &*new_name);
            done(reply, happening.begin().and_then(|()| source.rename((parent.0, name), to, flags.bits())))
        });
    }

    fn open(&self, _: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        let kept = self.open_flags();
        self.by_inode(IoCall::new(IoKind::Open), ino, move |happening, source| {
            let opened = happening.begin().and_then(|()| source.open_file(ino.0, flags.0));
            answer!(reply, opened, |handle| |reply: ReplyOpen| reply.opened(FileHandle(handle), kept))
        });
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        flags: i32,
        reply: ReplyCreate,
    ) {
        let (caller, kept, ttl) = (caller(request), self.open_flags(), self.ttl);
        self.by_name(IoKind::Create, parent, name, move |happening, source, name| {
            let made = happening.begin().and_then(|()| source.create(parent.0, name, mode, flags, caller));
            answer!(reply, made, |(attr, handle)| |reply: ReplyCreate| {
                reply.created(&ttl, &attr, FIRST, FileHandle(handle), kept);
            })
        });
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let call = IoCall::new(IoKind::Read).at(offset).of_len(size as usize);
        self.by_inode(call, ino, move |happening, source| {
            let data = happening.read(offset, size, |size| source.read(handle.0, offset, size));
            answer!(reply, data, |data| |reply: ReplyData| reply.data(&data))
        });
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let call = IoCall::new(IoKind::Write).at(offset).of_len(data.len());
        let written = |reply: ReplyWrite, result| {
            // No write is longer than the kernel's largest request, which is far below.
            answer!(reply, result, |len| |reply: ReplyWrite| reply
                .written(u32::try_from(len).unwrap_or(u32::MAX)))
        };
        match self.gate.decide(call, |root| self.source.path(root, ino.0)) {
            // Without a copy of the bytes, which belong to the session's buffer.
            None => written(reply, self.source.write(handle.0, offset, data))(),
            Some(hit) => {
                let (source, data) = (Arc::clone(&self.source), data.to_vec());
                self.gate.carry_out(hit, data.len(), move |happening| {
                    let write = |data: &[u8]| source.write(handle.0, offset, data);
                    written(reply, happening.write(offset, &data, write))
                });
            }
        }
    }

    fn flush(&self, _: &Request, ino: INodeNo, handle: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        self.by_inode(IoCall::new(IoKind::Close), ino, move |happening, source| {
            done(reply, happening.begin().and_then(|()| source.flush(handle.0)))
        });
    }

    fn release(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        self.source.release(handle.0);
        reply.ok();
    }

    fn fsync(&self, _: &Request, ino: INodeNo, handle: FileHandle, data_only: bool, reply: ReplyEmpty) {
        self.by_inode_aside(IoCall::new(IoKind::Sync), ino, move |happening, source| {
            let synced = happening
                .begin()
                .and_then(|()| if happening.is_lost() { Ok(()) } else { source.sync(handle.0, data_only) });
            done(reply, synced)
        });
    }

    fn opendir(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        self.by_inode(IoCall::new(IoKind::List), ino, move |happening, source| {
            let opened = happening.begin().and_then(|()| source.open_dir(ino.0));
            answer!(reply, opened, |handle| |reply: ReplyOpen| {
                reply.opened(FileHandle(handle), FopenFlags::empty());
            })
        });
    }

    fn readdir(&self, _: &Request, ino: INodeNo, handle: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        // The opening of the directory is what passed the gate: one listing, one operation.
        let listed = self.source.list(ino.0, handle.0, offset, |name| {
            !reply.add(INodeNo(name.ino), name.next, name.kind, &name.name)
        });
        answer!(reply, listed, |()| ReplyDirectory::ok)();
    }

    fn releasedir(&self, _: &Request, _: INodeNo, handle: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        self.source.release(handle.0);
        reply.ok();
    }

    fn fsyncdir(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        data_only: bool,
        reply: ReplyEmpty,
    ) {
        self.fsync(request, ino, handle, data_only, reply);
    }

    fn statfs(&self, _: &Request, ino: INodeNo, reply: ReplyStatfs) {
        self.by_inode(IoCall::new(IoKind::Stat), ino, move |happening, source| {
            let found = happening.begin().and_then(|()| source.file_system(ino.0));
            answer!(reply, found, |s| |reply: ReplyStatfs| {
                let (bsize, namelen) = (s.f_bsize as u32, s.f_namemax as u32);
                reply.statfs(
                    s.f_blocks,
                    s.f_bfree,
                    s.f_bavail,
                    s.f_files,
                    s.f_ffree,
                    bsize,
                    namelen,
                    s.f_frsize as u32,
                );
            })
        });
    }

    fn setxattr(
        &self,
        _: &Request,
        ino: INodeNo,
        name: &OsStr,
        value: &[u8],
        flags: i32,
        _position: u32,
        reply: ReplyEmpty,
    ) {
        let (name, value) = (name.to_owned(), value.to_vec());
        self.by_inode(IoCall::new(IoKind::SetAttr), ino, move |happening, source| {
            done(reply, happening.begin().and_then(|()| source.set_xattr(ino.0, &name, &value, flags)))
        });
    }

    fn getxattr(&self, _: &Request, ino: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
        let name = name.to_owned();
        self.by_inode(IoCall::new(IoKind::Stat), ino, move |happening, source| {
            xattr(reply, happening.begin().and_then(|()| source.xattr(ino.0, &name, size)))
        });
    }

    fn listxattr(&self, _: &Request, ino: INodeNo, size: u32, reply: ReplyXattr) {
        self.by_inode(IoCall::new(IoKind::Stat), ino, move |happening, source| {
            xattr(reply, happening.begin().and_then(|()| source.xattrs(ino.0, size)))
        });
    }

    fn removexattr(&self, _: &Request, ino: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let name = name.to_owned();
        self.by_inode(IoCall::new(IoKind::SetAttr), ino, move |happening, source| {
            done(reply, happening.begin().and_then(|()| source.remove_xattr(ino.0, &name)))
        });
    }

    fn fallocate(
        &self,
        _: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        len: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        let room = usize::try_from(len).unwrap_or(usize::MAX);
        let call = IoCall::new(IoKind::Write).at(offset).of_len(room);
        self.by_inode_aside(call, ino, move |happening, source| {
            let allocated = happening.begin().and_then(|()| {
                happening.take_room(room, |got| {
                    if got < room {
                        return Err(rustix::io::Errno::NOSPC.into());
                    }
                    source.allocate(handle.0, offset, len, mode).map(|()| room)
                })
            });
            done(reply, allocated.map(drop))
        });
    }

    fn lseek(
        &self,
        _: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: i64,
        whence: i32,
        reply: ReplyLseek,
    ) {
        let call = IoCall::new(IoKind::Seek).at(u64::try_from(offset).unwrap_or(0));
        self.by_inode(call, ino, move |happening, source| {
            let found = happening.begin().and_then(|()| source.seek(handle.0, offset, whence));
            answer!(reply, found, |at| |reply: ReplyLseek| {
                reply.offset(i64::try_from(at).unwrap_or(i64::MAX));
            })
        });
    }
}
