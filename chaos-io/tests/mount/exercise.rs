//! A program that uses a directory in every way that it knows, and writes down what it finds: once on the bare directory
//! and once on the mount, the two are to be the same.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use rustix::fs::{
    AtFlags, CWD, FallocateFlags, FileType, Mode, RenameFlags, XattrFlags, accessat, fallocate, lgetxattr,
    listxattr, mknodat, removexattr, renameat_with, seek, setxattr, statvfs,
};

/// What was found, in order.
pub(crate) struct Log(pub(crate) Vec<String>);

impl Log {
    fn say<T: std::fmt::Debug>(&mut self, what: &str, result: impl Into<io::Result<T>>) -> Option<T> {
        let result = result.into();
        self.0.push(match &result {
            Ok(found) => format!("{what}: {found:?}"),
            Err(err) => format!("{what}: errno {:?}", err.raw_os_error()),
        });
        result.ok()
    }

    /// For what cannot be compared itself.
    fn get<T>(&mut self, what: &str, result: io::Result<T>) -> Option<T> {
        self.say(
            what,
            result
                .as_ref()
                .map(drop)
                .map_err(|err| io::Error::from_raw_os_error(err.raw_os_error().unwrap_or(0))),
        );
        result.ok()
    }

    fn sys<T: std::fmt::Debug>(&mut self, what: &str, result: rustix::io::Result<T>) -> Option<T> {
        self.say(what, result.map_err(io::Error::from))
    }
}

/// What can be compared of a file's attributes between a directory and its mount.
pub(crate) fn attributes(path: &Path) -> io::Result<impl std::fmt::Debug + PartialEq> {
    let meta = fs::symlink_metadata(path)?;
    // The length of a directory is the file system's own.
    let len = if meta.is_dir() { 0 } else { meta.len() };
    Ok((meta.mode(), meta.nlink(), meta.uid(), meta.gid(), len, meta.rdev(), meta.ino()))
}

pub(crate) fn use_all_of_it(dir: &Path) -> Vec<String> {
    let mut log = Log(Vec::new());
    files(dir, &mut log);
    names(dir, &mut log);
    directories(dir, &mut log);
    odd_things(dir, &mut log);
    log.0
}

fn files(dir: &Path, log: &mut Log) {
    let path = dir.join("file");
    log.say("read of nothing", fs::read(&path));
    log.say("write", fs::write(&path, "0123456789"));
    log.say("read", fs::read_to_string(&path));
    log.say("create what is there", OpenOptions::new().write(true).create_new(true).open(&path).map(drop));
    let Some(mut file) = log.get("open", OpenOptions::new().read(true).write(true).open(&path)) else {
        return;
    };
    log.say("seek from the end", file.seek(SeekFrom::End(-3)));
    log.say("write there", file.write(b"abcdef"));
    log.say("position", file.stream_position());
    log.say("write far behind", file.write_at(b"far", 100_000));
    log.say("length", file.metadata().map(|meta| meta.len()));
    let mut middle = [1; 20];
    log.say("read of a hole", file.read_at(&mut middle, 50_000).map(|n| (n, middle)));
    log.say("read behind the end", file.read_at(&mut middle, 200_000));
    log.sys("next hole", seek(&file, rustix::fs::SeekFrom::Hole(0)));
    log.sys("next data", seek(&file, rustix::fs::SeekFrom::Data(50_000)));
    log.sys("data behind the end", seek(&file, rustix::fs::SeekFrom::Data(200_000)));
    log.say("truncate", file.set_len(5));
    log.say("extend", file.set_len(8));
    log.say("sync", file.sync_all());
    log.say("sync of data", file.sync_data());
    log.sys("allocate", fallocate(&file, FallocateFlags::empty(), 0, 20_000));
    log.sys(
        "punch a hole",
        fallocate(&file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, 0, 4096),
    );
    log.say("length after", file.metadata().map(|meta| meta.len()));
    log.say("read only, written", File::open(&path).and_then(|mut file| file.write(b"x")));
    log.say(
        "write only, read",
        OpenOptions::new().write(true).open(&path).and_then(|mut f| f.read(&mut [0; 4])),
    );
    let append = OpenOptions::new().append(true).open(&path).and_then(|mut file| {
        file.write_all(b"end")?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(b"END")
    });
    log.say("append", append);
    log.say("tail", fs::read(&path).map(|all| all[all.len() - 8..].to_vec()));
    log.say("truncating open", OpenOptions::new().write(true).truncate(true).open(&path).map(drop));
    log.say("attributes", attributes(&path));
    large(dir, log);
    unlinked(dir, log);
    mode_and_times(&path, log);
}

fn large(dir: &Path, log: &mut Log) {
    let path = dir.join("large");
    let data: Vec<u8> = (0..5_000_017_u32).map(|n| (n % 251) as u8).collect();
    log.say("large write", fs::write(&path, &data));
    log.say("large read", fs::read(&path).map(|read| read == data));
    log.say("copy", fs::copy(&path, dir.join("copy")));
    log.say("copy read", fs::read(dir.join("copy")).map(|read| read == data));
    log.say("direct flag", OpenOptions::new().read(true).custom_flags(0).open(&path).map(drop));
}

fn unlinked(dir: &Path, log: &mut Log) {
    let path = dir.join("unlinked");
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let Some(mut file) = log.get("create", file) else { return };
    log.say("remove", fs::remove_file(&path));
    log.say("remove again", fs::remove_file(&path));
    log.say("write to what has no name", file.write_all(b"still here"));
    log.say("links of it", file.metadata().map(|meta| (meta.nlink(), meta.len())));
    log.say("shorten it", file.set_len(5));
    log.say("mode of it", file.set_permissions(Permissions::from_mode(0o600)));
    let mut text = String::new();
    log.say("read it", file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_string(&mut text)));
    log.say("what it says", Ok::<_, io::Error>(text));
    // Replaced while it is open, as editors and databases do.
    log.say("make it again", fs::write(&path, "new"));
    log.say("write the next", fs::write(dir.join("next"), "next"));
    let old = File::open(&path);
    log.say("rename over", fs::rename(dir.join("next"), &path));
    let mut text = String::new();
    log.say("the old one", old.and_then(|mut old| old.read_to_string(&mut text)).map(|_| text));
    log.say("the new one", fs::read_to_string(&path));
}

fn mode_and_times(path: &Path, log: &mut Log) {
    for mode in [0o600, 0o4755, 0o000, 0o1777, 0o644] {
        log.say("chmod", fs::set_permissions(path, Permissions::from_mode(mode)));
        log.say("mode", fs::metadata(path).map(|meta| format!("{:o}", meta.mode())));
    }
    let times = fs::FileTimes::new()
        .set_accessed(UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789))
        .set_modified(UNIX_EPOCH - Duration::new(5, 0));
    log.say("utimes", OpenOptions::new().write(true).open(path).and_then(|file| file.set_times(times)));
    log.say(
        "times",
        fs::metadata(path).map(|meta| (meta.atime(), meta.atime_nsec(), meta.mtime(), meta.mtime_nsec())),
    );
    log.say("chown", std::os::unix::fs::chown(path, Some(1234), Some(4321)));
    log.say("owner", fs::metadata(path).map(|meta| (meta.uid(), meta.gid())));
    log.say("group alone", std::os::unix::fs::chown(path, None, Some(0)));
    log.say("owner after", fs::metadata(path).map(|meta| (meta.uid(), meta.gid())));
}

fn names(dir: &Path, log: &mut Log) {
    log.say("one", fs::write(dir.join("one"), "one"));
    log.say("hard link", fs::hard_link(dir.join("one"), dir.join("two")));
    log.say("links", attributes(&dir.join("two")));
    log.say(
        "same inode",
        Ok::<_, io::Error>(
            fs::metadata(dir.join("one")).unwrap().ino() == fs::metadata(dir.join("two")).unwrap().ino(),
        ),
    );
    log.say("write by one", fs::write(dir.join("one"), "both"));
    log.say("read by the other", fs::read_to_string(dir.join("two")));
    log.say("remove one", fs::remove_file(dir.join("one")));
    log.say("links after", attributes(&dir.join("two")));
    log.say("rename", fs::rename(dir.join("two"), dir.join("three")));
    log.say("old name", fs::metadata(dir.join("two")).map(|meta| meta.len()));
    log.say("rename of nothing", fs::rename(dir.join("none"), dir.join("any")));
    log.say("four", fs::write(dir.join("four"), "four"));
    let (three, four) = (dir.join("three"), dir.join("four"));
    log.sys("no replace", renameat_with(CWD, &three, CWD, &four, RenameFlags::NOREPLACE));
    log.sys("exchange", renameat_with(CWD, &three, CWD, &four, RenameFlags::EXCHANGE));
    log.say("three is", fs::read_to_string(&three));
    log.say("four is", fs::read_to_string(&four));
    log.say("symlink", symlink("three", dir.join("link")));
    log.say("through it", fs::read_to_string(dir.join("link")));
    log.say("its target", fs::read_link(dir.join("link")));
    log.say("its attributes", attributes(&dir.join("link")));
    log.say("its owner", std::os::unix::fs::lchown(dir.join("link"), Some(7), Some(8)));
    log.say("dangling", symlink("nowhere", dir.join("dangling")));
    log.say("through that", fs::read(dir.join("dangling")));
    log.say("link to a link", fs::hard_link(dir.join("link"), dir.join("link-2")));
    log.say("its target too", fs::read_link(dir.join("link-2")));
    log.say("loop", symlink("loop", dir.join("loop")));
    log.say("through a loop", fs::read(dir.join("loop")));
    log.say(
        "out of it",
        symlink("../../../../../../etc/hostname", dir.join("out"))
            .and_then(|()| fs::read_link(dir.join("out"))),
    );
    let long = dir.join("n".repeat(255));
    log.say("long name", fs::write(&long, "long").and_then(|()| fs::read_to_string(&long)));
    log.say("too long a name", fs::write(dir.join("n".repeat(256)), ""));
    let odd = dir.join(OsStr::from_bytes(b"odd \xff\n'\"\\*"));
    log.say("odd name", fs::write(&odd, "odd").and_then(|()| fs::read_to_string(&odd)));
}

fn directories(dir: &Path, log: &mut Log) {
    let deep = dir.join("a/b/c/d");
    log.say("make a tree", fs::create_dir_all(&deep));
    log.say("again", fs::create_dir(&deep));
    log.say("file in it", fs::write(deep.join("leaf"), "leaf"));
    log.say("remove what is not empty", fs::remove_dir(&deep));
    log.say("remove a directory as a file", fs::remove_file(&deep));
    log.say("remove a file as a directory", fs::remove_dir(deep.join("leaf")));
    log.say("move a tree", fs::rename(dir.join("a/b"), dir.join("moved")));
    log.say("its leaf", fs::read_to_string(dir.join("moved/c/d/leaf")));
    log.say("into itself", fs::rename(dir.join("moved"), dir.join("moved/c/x")));
    log.say("over a directory that is not empty", fs::rename(dir.join("a"), dir.join("moved")));
    log.say("file as a directory", fs::read_dir(dir.join("moved/c/d/leaf")).map(Iterator::count));
    log.say("below a file", fs::write(dir.join("moved/c/d/leaf/x"), ""));
    log.say("links of a directory", attributes(&dir.join("moved")));
    let many = dir.join("many");
    log.say("many", fs::create_dir(&many));
    for nth in 0..1500 {
        fs::write(many.join(format!("file-{nth:04}")), "").unwrap();
    }
    log.say(
        "list",
        fs::read_dir(&many).map(|names| {
            let mut names: Vec<_> = names.map(|name| name.unwrap().file_name()).collect();
            names.sort();
            names
        }),
    );
    // Names go while the listing goes on: each that stays is seen once.
    let mut seen = 0;
    for name in fs::read_dir(&many).unwrap() {
        fs::remove_file(name.unwrap().path()).unwrap();
        seen += 1;
    }
    log.say("removed while listing", Ok::<_, io::Error>(seen));
    log.say("left", fs::read_dir(&many).map(Iterator::count));
    log.say("remove a tree", fs::remove_dir_all(dir.join("moved")));
    log.say("directory sync", File::open(dir).and_then(|dir| dir.sync_all()));
}

fn odd_things(dir: &Path, log: &mut Log) {
    let mode = Mode::from_raw_mode(0o640);
    log.sys("fifo", mknodat(CWD, dir.join("fifo"), FileType::Fifo, mode, 0));
    log.sys("socket", mknodat(CWD, dir.join("socket"), FileType::Socket, mode, 0));
    log.sys(
        "device",
        mknodat(CWD, dir.join("null"), FileType::CharacterDevice, mode, rustix::fs::makedev(1, 3)),
    );
    for name in ["fifo", "socket", "null"] {
        log.say(name, attributes(&dir.join(name)));
    }
    let path = dir.join("attributed");
    log.say("file", fs::write(&path, ""));
    log.sys("set xattr", setxattr(&path, "user.one", b"value", XattrFlags::empty()));
    log.sys("set it as new", setxattr(&path, "user.one", b"other", XattrFlags::CREATE));
    log.sys("replace none", setxattr(&path, "user.two", b"other", XattrFlags::REPLACE));
    let mut value = [0; 100];
    log.sys("get xattr", lgetxattr(&path, "user.one", &mut value[..]));
    log.sys("too small", lgetxattr(&path, "user.one", &mut value[..2]));
    log.sys("its length", lgetxattr(&path, "user.one", &mut [][..] as &mut [u8]));
    log.sys("none", lgetxattr(&path, "user.none", &mut value[..]));
    let mut list = [0; 100];
    log.sys("list", listxattr(&path, &mut list[..]));
    log.sys("remove", removexattr(&path, "user.one"));
    log.sys("remove again", removexattr(&path, "user.one"));
    log.sys("long value", setxattr(&path, "user.long", &[7; 3000], XattrFlags::empty()));
    log.sys("access", accessat(CWD, &path, rustix::fs::Access::READ_OK, AtFlags::empty()));
    log.sys("file system", statvfs(dir).map(|found| (found.f_bsize, found.f_namemax, found.f_blocks)));
}

/// Everything below `dir`, with what is in it.
pub(crate) fn tree(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![dir.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            let what = if meta.is_file() {
                format!(
                    "{:x?}",
                    fs::read(&path)
                        .unwrap()
                        .iter()
                        .fold(0_u64, |sum, byte| sum.wrapping_mul(31) + u64::from(*byte))
                )
            } else if meta.is_symlink() {
                format!("{:?}", fs::read_link(&path).unwrap())
            } else {
                String::new()
            };
            let name = path.strip_prefix(dir).unwrap().to_owned();
            found.push(format!("{name:?} {:?} {what}", attributes(&path).unwrap()));
            if meta.is_dir() {
                waiting.push(path);
            }
        }
    }
    found.sort();
    found
}
