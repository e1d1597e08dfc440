//! [`Space`]: a namespace with a device that is up, gone with its value.

use std::error::Error;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use nix::sched::{CloneFlags, setns};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A network namespace with a pair of devices, both up in it.
#[derive(Debug)]
pub struct Space {
    file: File,
}

impl Space {
    /// A fresh one.
    ///
    /// # Errors
    /// Without the rights, or without `ip`.
    pub fn new() -> std::result::Result<Self, Box<dyn Error>> {
        let made = thread::spawn(|| -> Result<Self> {
            nix::sched::unshare(CloneFlags::CLONE_NEWNET)?;
            let file = File::open("/proc/thread-self/ns/net")?;
            run("ip link add eth0 type veth peer name peer0")?;
            run("ip addr add 10.255.0.1/16 dev eth0")?;
            run("ip link set eth0 up")?;
            run("ip link set peer0 up")?;
            Ok(Self { file })
        });
        match made.join() {
            Ok(made) => Ok(made.map_err(|error| error.to_string())?),
            Err(_) => Err("making a namespace panicked".into()),
        }
    }

    /// A file to reach it by while this value lives.
    pub fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.file.as_raw_fd()).into()
    }

    /// Runs commands inside, one process each.
    ///
    /// # Errors
    /// The first that fails, with what it said.
    pub fn commands(&self, lines: &[String]) -> std::result::Result<(), Box<dyn Error>> {
        thread::scope(|scope| {
            let inside = || -> Result<()> {
                setns(&self.file, CloneFlags::CLONE_NEWNET)?;
                lines.iter().try_for_each(|line| run(line))
            };
            match scope.spawn(inside).join() {
                Ok(done) => Ok(done.map_err(|error| error.to_string())?),
                Err(_) => Err("a command panicked".into()),
            }
        })
    }
}

/// One command line without quotes. A leading `-` lets it fail.
fn run(line: &str) -> Result<()> {
    let (may_fail, line) = line.strip_prefix('-').map_or((false, line), |line| (true, line));
    let mut words = line.split_whitespace();
    let program = words.next().ok_or("an empty command line")?;
    let output = Command::new(program).args(words).output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() || may_fail {
        return Ok(());
    }
    Err(format!("{line}: {}", String::from_utf8_lossy(&output.stderr).trim()).into())
}

/// Why this cannot run here, if it cannot.
pub fn missing(programs: &[&str]) -> Option<String> {
    if let Err(error) = Space::new() {
        return Some(error.to_string());
    }
    let absent = programs.iter().find(|program| Command::new(program).arg("--version").output().is_err());
    absent.map(|program| format!("no {program}"))
}

/// The memory of this process that is in use, in KiB.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn resident() -> std::result::Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
