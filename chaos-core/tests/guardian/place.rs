//! A directory of files under fault, and the processes around it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use chaos_core::ledger::{Sweep, Swept};
use chaos_core::units::{ms, secs};
use rustix::process::{Pid, Signal, kill_process};

use crate::fault;
use crate::injector::{HOME, JOB, WRONG, is_file_of_ours};

/// The bound of every wait for something that takes milliseconds: machines are shared.
const BOUND: Duration = secs(20);

pub(crate) struct Place {
    home: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::with_files(3)
    }

    pub(crate) fn with_files(files: usize) -> Self {
        let place = Self { home: tempfile::tempdir().unwrap() };
        for nth in 0..files {
            fs::write(place.file(nth), found(nth)).unwrap();
        }
        place
    }

    pub(crate) fn file(&self, nth: usize) -> PathBuf {
        self.home.path().join(format!("file-{nth}"))
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.home.path().join("ledger")
    }

    /// An injector that has its faults in force.
    pub(crate) fn in_force(&self, job: &str) -> Injector {
        let mut injector = self.start(job, &[]);
        injector.wait_for("in force");
        assert_eq!(fs::read_to_string(self.file(0)).unwrap(), WRONG);
        injector
    }

    pub(crate) fn start(&self, job: &str, env: &[(&str, &str)]) -> Injector {
        #[expect(clippy::disallowed_methods, reason = "processes that die are the point of this test")]
        let command = Command::new(std::env::current_exe().unwrap());
        self.start_as(command, job, env)
    }

    /// By this command, which leads to this program.
    pub(crate) fn start_as(&self, mut command: Command, job: &str, env: &[(&str, &str)]) -> Injector {
        command
            .env("RUST_BACKTRACE", "0")
            .env(JOB, job)
            .env(HOME, self.home.path())
            .envs(env.iter().copied());
        // A group of its own, as a shell gives to what it starts.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Injector { child, out }
    }

    pub(crate) fn is_restored(&self) -> bool {
        let names = fs::read_dir(self.home.path()).unwrap().map(|entry| entry.unwrap().path());
        names.filter(|path| is_file_of_ours(path)).all(|path| {
            let nth = path.file_name().unwrap().to_str().unwrap()["file-".len()..].parse().unwrap();
            fs::read_to_string(&path).is_ok_and(|now| now == found(nth))
        })
    }

    /// How long it takes until everything is as it was found.
    pub(crate) fn restored_after(&self, since: Instant) -> Duration {
        wait_until("the files are restored", || self.is_restored());
        since.elapsed()
    }

    pub(crate) fn wait_for_no_ledger(&self) {
        wait_until("the ledger is done", || fs::read_dir(self.ledger()).unwrap().next().is_none());
    }

    /// Who reverted the first file, in order.
    pub(crate) fn reverted_by(&self) -> Vec<u32> {
        let log = fs::read_to_string(self.file(0).with_extension("reverts")).unwrap_or_default();
        log.lines().map(|pid| pid.parse().unwrap()).collect()
    }

    /// A line per process that lives as an injector.
    pub(crate) fn log_of_starts(&self) -> PathBuf {
        self.home.path().join("starts")
    }

    /// What the guardians wrote.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn sweep(&self) -> Swept {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async { Sweep::of(self.ledger()).run(&fault::undos().unwrap()).await.unwrap() })
    }
}

/// Longer than a pipe holds, for one of them.
fn found(nth: usize) -> String {
    format!("file {nth}: {}", "what was found ".repeat(if nth == 1 { 20_000 } else { 1 }))
}

pub(crate) struct Injector {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Injector {
    pub(crate) fn wait_for(&mut self, word: &str) {
        let mut line = String::new();
        while self.out.read_line(&mut line).unwrap() > 0 {
            if line.trim_end() == word {
                return;
            }
            line.clear();
        }
        panic!("the injector ended before {word:?}");
    }

    pub(crate) fn tell(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"go on\n").unwrap();
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn wait(&mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }

    /// Its guardian.
    pub(crate) fn guardian(&self) -> u32 {
        let guardians = children_of(self.pid(), |command| command.contains("--chaos-guardian"));
        let [guardian] = guardians[..] else { panic!("one guardian: {guardians:?}") };
        guardian
    }
}

impl Drop for Injector {
    fn drop(&mut self) {
        // Killed already, or a test that failed: nothing of it stays.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn children_of(parent: u32, wanted: impl Fn(&str) -> bool) -> Vec<u32> {
    let pids =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let of_ours = stat.rsplit_once(')').is_some_and(|(_, rest)| {
            rest.split_ascii_whitespace().nth(1) == Some(parent.to_string().as_str())
        });
        of_ours && wanted(&fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default())
    })
    .collect()
}

pub(crate) fn send(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), signal).unwrap();
}

/// Whether the process runs: a zombie does not.
pub(crate) fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

pub(crate) fn wait_until(what: &str, done: impl Fn() -> bool) {
    let since = Instant::now();
    while !done() {
        assert!(since.elapsed() < BOUND, "not within {BOUND:?}: {what}");
        std::thread::sleep(ms(2));
    }
}
