//! [`Work`]: what a program does in a directory, over and over.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

const KIB: usize = 1024;
const FILE: &str = "file";
/// Names in the directory that is listed.
const NAMES: usize = 1_000;

/// One thing a program does.
#[derive(Debug, Clone, Copy)]
pub struct Work {
    /// What the table calls it.
    pub name: &'static str,
    /// How often it is done in one turn.
    pub times: usize,
    /// Bytes that one time moves; none where it moves no data.
    pub bytes: Option<usize>,
    /// Makes what it needs, in the directory behind the mount.
    pub prepare: fn(&Path) -> io::Result<()>,
    /// Does it so many times; how long they took together.
    pub turn: fn(&Path, usize) -> io::Result<Duration>,
}

/// All of them, in the order of the table.
pub fn works() -> Vec<Work> {
    let nothing = |_: &Path| Ok(());
    vec![
        Work { name: "write 4 KiB", times: 2_000, bytes: Some(4 * KIB), prepare: file, turn: write::<4> },
        Work { name: "write 128 KiB", times: 250, bytes: Some(128 * KIB), prepare: file, turn: write::<128> },
        Work { name: "read 4 KiB", times: 2_000, bytes: Some(4 * KIB), prepare: file, turn: read::<4> },
        Work { name: "read 128 KiB", times: 250, bytes: Some(128 * KIB), prepare: file, turn: read::<128> },
        Work {
            name: "read 4 KiB, four at once",
            times: 2_000,
            bytes: Some(4 * KIB),
            prepare: file,
            turn: read_at_once,
        },
        Work { name: "stat", times: 1_000, bytes: None, prepare: file, turn: stat },
        Work { name: "fstat", times: 2_000, bytes: None, prepare: file, turn: fstat },
        Work { name: "open, close", times: 500, bytes: None, prepare: file, turn: open },
        Work { name: "create, unlink", times: 200, bytes: None, prepare: nothing, turn: create },
        Work { name: "readdir of 1,000", times: 20, bytes: None, prepare: names, turn: list },
        Work { name: "write, fdatasync", times: 40, bytes: None, prepare: file, turn: sync },
    ]
}

fn timed(times: usize, mut one: impl FnMut(usize) -> io::Result<()>) -> io::Result<Duration> {
    let start = Instant::now();
    (0..times).try_for_each(&mut one)?;
    Ok(start.elapsed())
}

/// 32 MiB, in the cache: the disk is not what is measured.
fn file(dir: &Path) -> io::Result<()> {
    fs::write(dir.join(FILE), vec![7; 32 << 20])
}

fn write<const LEN_KIB: usize>(dir: &Path, times: usize) -> io::Result<Duration> {
    let file = OpenOptions::new().write(true).open(dir.join(FILE))?;
    let data = vec![8; LEN_KIB * KIB];
    timed(times, |n| file.write_all_at(&data, (n * data.len()) as u64))
}

fn read<const LEN_KIB: usize>(dir: &Path, times: usize) -> io::Result<Duration> {
    let file = File::open(dir.join(FILE))?;
    let mut data = vec![0; LEN_KIB * KIB];
    timed(times, |n| file.read_exact_at(&mut data, (n * LEN_KIB * KIB) as u64))
}

/// By four threads of the program, each with its descriptor.
fn read_at_once(dir: &Path, times: usize) -> io::Result<Duration> {
    const READERS: usize = 4;
    let start = Instant::now();
    std::thread::scope(|scope| {
        let readers = [(); READERS].map(|()| scope.spawn(|| read::<4>(dir, times / READERS)));
        readers.into_iter().try_for_each(|reader| match reader.join() {
            Ok(took) => took.map(drop),
            Err(_) => Err(io::Error::other("a reader panicked")),
        })
    })?;
    Ok(start.elapsed())
}

fn stat(dir: &Path, times: usize) -> io::Result<Duration> {
    let path = dir.join(FILE);
    timed(times, |_| fs::metadata(&path).map(drop))
}

fn fstat(dir: &Path, times: usize) -> io::Result<Duration> {
    let file = File::open(dir.join(FILE))?;
    timed(times, |_| file.metadata().map(drop))
}

fn open(dir: &Path, times: usize) -> io::Result<Duration> {
    let path = dir.join(FILE);
    timed(times, |_| File::open(&path).map(drop))
}

fn create(dir: &Path, times: usize) -> io::Result<Duration> {
    timed(times, |n| {
        let path = dir.join(format!("new {n}"));
        drop(File::create_new(&path)?);
        fs::remove_file(&path)
    })
}

fn names(dir: &Path) -> io::Result<()> {
    let many = dir.join("many");
    fs::create_dir(&many)?;
    (0..NAMES).try_for_each(|n| File::create(many.join(format!("name {n:04}"))).map(drop))
}

fn list(dir: &Path, times: usize) -> io::Result<Duration> {
    let many = dir.join("many");
    timed(times, |_| {
        let found = fs::read_dir(&many)?.filter(Result::is_ok).count();
        if found == NAMES { Ok(()) } else { Err(io::Error::other(format!("{found} of {NAMES} names"))) }
    })
}

fn sync(dir: &Path, times: usize) -> io::Result<Duration> {
    let file = OpenOptions::new().write(true).open(dir.join(FILE))?;
    timed(times, |n| {
        file.write_all_at(&[9; 4 * KIB], (n * 4 * KIB) as u64)?;
        file.sync_data()
    })
}
