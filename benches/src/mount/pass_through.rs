//! [`PassThrough`]: the least that passes a directory through `fuser`, with the options of our mount and nothing of its
//! own: no point, no paths, no owners, no links, no bound on anything. What our mount takes beyond this is ours.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags,
    Generation, INodeNo, InitFlags, KernelConfig, LockOwner, MountOption, OpenFlags, ReplyAttr, ReplyCreate,
    ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyWrite, Request, Session, SessionACL,
    TimeOrNow, WriteFlags,
};
use rustix::fs::{AtFlags, Dir, Mode, OFlags, Stat, fdatasync, fsync, ftruncate, openat, statat, unlinkat};
use rustix::io::{pread, pwrite};

/// As our mount: the kernel asks every time.
const TTL: Duration = Duration::ZERO;
const DIRECT: FopenFlags = FopenFlags::FOPEN_DIRECT_IO.union(FopenFlags::FOPEN_PARALLEL_DIRECT_WRITES);

/// Shows `source` at `at` until the session is dropped.
pub(super) fn serve(source: &Path, at: &Path, threads: usize) -> io::Result<BackgroundSession> {
    let mut config = Config::default();
    config.n_threads = Some(threads);
    config.clone_fd = true;
    config.acl = SessionACL::All;
    config.mount_options = vec![
        MountOption::FSName("pass-through".to_owned()),
        MountOption::DefaultPermissions,
        MountOption::NoSuid,
        MountOption::NoDev,
    ];
    Session::new(PassThrough::of(source)?, at, &config)?.spawn()
}

struct Node {
    fd: Arc<OwnedFd>,
    known: u64,
}

struct PassThrough {
    nodes: Mutex<HashMap<u64, Node>>,
    root: u64,
    /// By the number of the descriptor, which is the handle.
    files: RwLock<HashMap<u64, Arc<File>>>,
    dirs: Mutex<HashMap<u64, Dir>>,
    descriptors: OwnedFd,
}

impl PassThrough {
    fn of(source: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(source, flags, Mode::empty())?;
        let number = statat(&root, "", AtFlags::EMPTY_PATH)?.st_ino;
        Ok(Self {
            nodes: Mutex::new(HashMap::from([(INodeNo::ROOT.0, Node { fd: Arc::new(root), known: 1 })])),
            root: number,
            files: RwLock::default(),
            dirs: Mutex::default(),
            descriptors: rustix::fs::open("/proc/self/fd", flags, Mode::empty())?,
        })
    }

    fn node(&self, ino: INodeNo) -> io::Result<Arc<OwnedFd>> {
        let nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.get(&ino.0).map(|node| Arc::clone(&node.fd)).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn known(&self, parent: INodeNo, name: &OsStr) -> io::Result<FileAttr> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = openat(&*self.node(parent)?, name, flags, Mode::empty())?;
        let attr = self.attr(&statat(&fd, "", AtFlags::EMPTY_PATH)?);
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.entry(attr.ino.0).or_insert_with(|| Node { fd: Arc::new(fd), known: 0 }).known += 1;
        Ok(attr)
    }

    fn opened(&self, ino: INodeNo, flags: OFlags) -> io::Result<OwnedFd> {
        let link = self.node(ino)?.as_raw_fd().to_string();
        Ok(openat(&self.descriptors, link, flags | OFlags::CLOEXEC, Mode::empty())?)
    }

    fn keep(&self, file: OwnedFd) -> FileHandle {
        let handle = file.as_raw_fd().unsigned_abs().into();
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        files.insert(handle, Arc::new(file.into()));
        FileHandle(handle)
    }

    fn file(&self, handle: FileHandle) -> io::Result<Arc<File>> {
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        files.get(&handle.0).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn attr(&self, stat: &Stat) -> FileAttr {
        let time =
            |seconds, nanos| -> SystemTime { UNIX_EPOCH + Duration::new(seconds as u64, nanos as u32) };
        FileAttr {
            ino: if stat.st_ino == self.root { INodeNo::ROOT } else { INodeNo(stat.st_ino) },
            size: stat.st_size as u64,
            blocks: stat.st_blocks as u64,
            atime: time(stat.st_atime, stat.st_atime_nsec),
            mtime: time(stat.st_mtime, stat.st_mtime_nsec),
            ctime: time(stat.st_ctime, stat.st_ctime_nsec),
            crtime: UNIX_EPOCH,
            kind: kind(rustix::fs::FileType::from_raw_mode(stat.st_mode)),
            perm: (stat.st_mode & 0o7777) as u16,
            nlink: stat.st_nlink as u32,
            uid: stat.st_uid,
            gid: stat.st_gid,
            rdev: stat.st_rdev as u32,
            blksize: stat.st_blksize as u32,
            flags: 0,
        }
    }
}

fn kind(kind: rustix::fs::FileType) -> FileType {
    if kind.is_dir() { FileType::Directory } else { FileType::RegularFile }
}

/// The error is the reply.
macro_rules! or_error {
    ($reply:ident, $result:expr) => {
        match $result {
            Ok(value) => value,
            Err(err) => return $reply.error(Errno::from(io::Error::from(err))),
        }
    };
}

impl Filesystem for PassThrough {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        for wanted in [InitFlags::FUSE_PARALLEL_DIROPS, InitFlags::FUSE_DIRECT_IO_ALLOW_MMAP] {
            let _ = config.add_capabilities(wanted);
        }
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let attr = or_error!(reply, self.known(parent, name));
        reply.entry(&TTL, &attr, Generation(0));
    }

    fn forget(&self, _: &Request, ino: INodeNo, times: u64) {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(node) = nodes.get_mut(&ino.0).filter(|_| ino != INodeNo::ROOT) {
            node.known = node.known.saturating_sub(times);
            if node.known == 0 {
                nodes.remove(&ino.0);
            }
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        let node = or_error!(reply, self.node(ino));
        let stat = or_error!(reply, statat(&*node, "", AtFlags::EMPTY_PATH));
        reply.attr(&TTL, &self.attr(&stat));
    }

    fn setattr(
        &self,
        request: &Request,
        ino: INodeNo,
        _: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        handle: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        if let Some(size) = size {
            let file = or_error!(reply, self.opened(ino, OFlags::WRONLY));
            or_error!(reply, ftruncate(file, size));
        }
        self.getattr(request, ino, handle, reply);
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let node = or_error!(reply, self.node(parent));
        or_error!(reply, unlinkat(&*node, name, AtFlags::empty()));
        reply.ok();
    }

    fn open(&self, _: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        let flags = OFlags::from_bits_retain(flags.0 as u32) - OFlags::TRUNC - OFlags::NOFOLLOW;
        let file = or_error!(reply, self.opened(ino, flags));
        reply.opened(self.keep(file), DIRECT);
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _: u32,
        flags: i32,
        reply: ReplyCreate,
    ) {
        let node = or_error!(reply, self.node(parent));
        let flags = OFlags::from_bits_retain(flags as u32) | OFlags::CREATE | OFlags::CLOEXEC;
        let file = or_error!(reply, openat(&*node, name, flags, Mode::from_raw_mode(mode)));
        let attr = or_error!(reply, self.known(parent, name));
        reply.created(&TTL, &attr, Generation(0), self.keep(file), DIRECT);
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let file = or_error!(reply, self.file(handle));
        let mut data = vec![0; size as usize];
        let read = or_error!(reply, pread(&*file, &mut data, offset));
        reply.data(&data[..read]);
    }

    fn write(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let file = or_error!(reply, self.file(handle));
        let written = or_error!(reply, pwrite(&*file, data, offset));
        reply.written(written as u32);
    }

    fn flush(&self, _: &Request, _: INodeNo, handle: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        let file = or_error!(reply, self.file(handle));
        drop(or_error!(reply, rustix::io::dup(&*file)));
        reply.ok();
    }

    fn release(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        drop(self.files.write().unwrap_or_else(PoisonError::into_inner).remove(&handle.0));
        reply.ok();
    }

    fn fsync(&self, _: &Request, _: INodeNo, handle: FileHandle, data_only: bool, reply: ReplyEmpty) {
        let file = or_error!(reply, self.file(handle));
        or_error!(reply, if data_only { fdatasync(&*file) } else { fsync(&*file) });
        reply.ok();
    }

    fn opendir(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let fd = or_error!(reply, self.opened(ino, OFlags::RDONLY | OFlags::DIRECTORY));
        let handle = fd.as_raw_fd().unsigned_abs().into();
        let dir = or_error!(reply, Dir::new(fd));
        self.dirs.lock().unwrap_or_else(PoisonError::into_inner).insert(handle, dir);
        reply.opened(FileHandle(handle), FopenFlags::empty());
    }

    fn readdir(&self, _: &Request, _: INodeNo, handle: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let mut dirs = self.dirs.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(dir) = dirs.get_mut(&handle.0) else { return reply.error(Errno::EBADF) };
        or_error!(reply, dir.seek(offset as i64));
        while let Some(entry) = dir.read() {
            let entry = or_error!(reply, entry);
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if reply.add(INodeNo(entry.ino()), entry.offset() as u64, kind(entry.file_type()), name) {
                break;
            }
        }
        reply.ok();
    }

    fn releasedir(&self, _: &Request, _: INodeNo, handle: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        drop(self.dirs.lock().unwrap_or_else(PoisonError::into_inner).remove(&handle.0));
        reply.ok();
    }
}
