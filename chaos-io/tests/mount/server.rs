//! The process that serves a mount, and that the tests kill and stop.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};

use chaos_core::units::{ms, secs};
use chaos_core::{Chaos, Guardian, Ledger};
use chaos_io::mount::Mount;
use rustix::process::{Pid, Signal, kill_process};

use crate::scene::{Scene, run, undos};

pub(crate) const JOB: &str = "CHAOS_TEST_MOUNT_JOB";
pub(crate) const HOME: &str = "CHAOS_TEST_MOUNT_HOME";

pub(crate) fn run_if_asked(guardian: Guardian) -> Option<ExitCode> {
    let job = std::env::var(JOB).ok()?;
    let home = PathBuf::from(std::env::var_os(HOME)?);
    let point = Chaos::seeded(7).point("disk").unwrap();
    let ledger = || Ledger::open(home.join("ledger"), undos().unwrap()).unwrap();
    let mount = Mount::new(home.join("source"), home.join("mount"), point);
    let guardian = guardian.log(home.join("log"));
    let mount = match job.as_str() {
        "try" => mount.ledger(Ledger::in_memory(undos().unwrap())),
        "serve" => mount.guardian(guardian).ledger(ledger()),
        "serve for 300 ms" => mount.guardian(guardian).ledger(ledger()).lasting(ms(300)),
        "serve without a ledger" => mount.guardian(guardian),
        "serve without a guardian" => mount.ledger(ledger()),
        _ => panic!("no such job: {job}"),
    };
    run(async {
        match mount.begin().await {
            Err(error) => {
                println!("{error}");
                Some(ExitCode::FAILURE)
            }
            Ok(mounted) => {
                println!("mounted {}", mounted.guardian().unwrap_or(0));
                std::io::stdout().flush().unwrap();
                std::io::stdin().lock().read_line(&mut String::new()).unwrap();
                mounted.end().await.unwrap();
                Some(ExitCode::SUCCESS)
            }
        }
    })
}

pub(crate) struct Server {
    child: Child,
    _out: BufReader<ChildStdout>,
    /// 0 for none.
    pub(crate) guardian: u32,
}

impl Server {
    /// A process that serves the scene's mount.
    pub(crate) fn start(scene: &Scene, job: &str) -> Self {
        #[expect(clippy::disallowed_methods, reason = "processes that die are the point of this test")]
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env(JOB, job).env(HOME, scene.home()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let guardian = line.trim_end().strip_prefix("mounted ").unwrap_or_else(|| panic!("{line}"));
        assert!(scene.is_mounted());
        Self { child, guardian: guardian.parse().unwrap(), _out: out }
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Whether every thread of it has stopped.
    pub(crate) fn is_stopped(&self) -> bool {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        tasks.flatten().all(|task| state(&task.path().join("stat")) == Some('T'))
    }

    pub(crate) fn end(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"end\n").unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Killed already, or a test that failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let gone = std::time::Instant::now() + secs(5);
        while self.guardian != 0 && runs(self.guardian) && std::time::Instant::now() < gone {
            std::thread::sleep(ms(2));
        }
    }
}

/// Whether the process runs: a zombie does not.
pub(crate) fn runs(pid: u32) -> bool {
    state(format!("/proc/{pid}/stat").as_ref()).is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

/// Of a process or a thread, by its `stat` file (proc_pid_stat(5)); none when it is gone.
fn state(stat: &Path) -> Option<char> {
    let stat = std::fs::read_to_string(stat).ok()?;
    stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next())
}

pub(crate) fn kill(pid: u32) {
    kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), Signal::KILL).unwrap();
}
