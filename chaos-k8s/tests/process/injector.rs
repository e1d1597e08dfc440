//! The process that injects, and that the tests kill and stop.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use chaos_core::units::{ms, secs};
use chaos_core::{BlastRadius, Chaos, Fault, Guardian, Ledger, Mode, Targets};
use chaos_k8s::Node;
use chaos_k8s::node::process;

use crate::group::Group;
use crate::victim::block_on;

const JOB: &str = "CHAOS_TEST_PROCESS_JOB";
const VICTIM: &str = "CHAOS_TEST_PROCESS_VICTIM";
const HOME: &str = "CHAOS_TEST_PROCESS_HOME";
/// Directories of a cgroup to move to, by colons.
const CGROUP: &str = "CHAOS_TEST_PROCESS_CGROUP";
/// What it is told to take memory until it is killed.
const EAT: &str = "eat\n";

pub(crate) fn run_if_asked(guardian: &Guardian) -> bool {
    let Ok(job) = std::env::var(JOB) else { return false };
    let victim = std::env::var(VICTIM).unwrap().parse().unwrap();
    let home = PathBuf::from(std::env::var_os(HOME).unwrap());
    for dir in std::env::var(CGROUP).iter().flat_map(|dirs| dirs.split(':')) {
        std::fs::write(Path::new(dir).join("cgroup.procs"), "0").unwrap();
    }
    block_on(inject(&job, victim, &home, guardian));
    true
}

async fn inject(job: &str, victim: u32, home: &Path, guardian: &Guardian) {
    let chaos = Chaos::random();
    let node = Node::new(&chaos);
    let ledger = Ledger::open(home.join("ledger"), node.undos().unwrap()).unwrap();
    let lasting = if job.ends_with("for 300 ms") { ms(300) } else { secs(600) };
    let guardian = guardian.clone().log(home.join("log")).margin(ms(200));
    let radius = BlastRadius::count(1).unwrap();
    let process = || Targets::one(node.process(victim).unwrap());
    let inject = match job.split(' ').next() {
        Some("freeze") => {
            let cgroup = Targets::one(node.cgroup_of(victim).unwrap());
            chaos.inject(process::freeze().on(cgroup, Mode::ALL).lasting(lasting), radius)
        }
        Some("stop") => chaos.inject(process::stop().on(process(), Mode::ALL).lasting(lasting), radius),
        _ => chaos.inject(process::pause().on(process(), Mode::ALL).lasting(lasting), radius),
    };
    let inject = inject.ledger(ledger);
    let inject = if job.contains("alone") { inject } else { inject.guardian(guardian, lasting) };
    let injection = inject.begin().await.unwrap();
    println!("in force");
    std::io::stdout().flush().unwrap();
    let mut told = String::new();
    std::io::stdin().lock().read_line(&mut told).unwrap();
    if told == EAT {
        let mut eaten = Vec::new();
        loop {
            eaten.push(vec![1_u8; 1 << 20]);
        }
    }
    injection.revert().await.unwrap();
}

pub(crate) struct Injector {
    child: Child,
    _out: BufReader<ChildStdout>,
    home: tempfile::TempDir,
}

impl Injector {
    /// One that has its fault in force.
    pub(crate) fn with(job: &str, victim: u32) -> Self {
        Self::started(job, victim, &[])
    }

    /// One that has its fault in force, in this cgroup.
    pub(crate) fn within(group: &Group, job: &str, victim: u32) -> Self {
        let dirs = group.dirs().into_iter().filter(|dir| !dir.starts_with("/sys/fs/cgroup/cpuset"));
        let dirs: Vec<String> = dirs.map(|dir| dir.to_str().unwrap().to_owned()).collect();
        Self::started(job, victim, &[(CGROUP, dirs.join(":"))])
    }

    fn started(job: &str, victim: u32, more: &[(&str, String)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        #[expect(clippy::disallowed_methods, reason = "processes that die are the point of this test")]
        let mut child = Command::new("/proc/self/exe")
            .env(JOB, job)
            .envs(more.iter().map(|(name, value)| (name, value)))
            .env(VICTIM, victim.to_string())
            .env(HOME, home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        assert_eq!(line, "in force\n");
        Self { child, _out: out, home }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn stop(&self) {
        let pid = nix::unistd::Pid::from_raw(self.pid().try_into().unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGSTOP).unwrap();
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn tell_and_wait(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"go on\n").unwrap();
        assert!(self.child.wait().unwrap().success());
    }

    /// Takes memory until it is killed for it; the signal.
    pub(crate) fn eat(&mut self) -> Option<i32> {
        self.child.stdin.as_mut().unwrap().write_all(EAT.as_bytes()).unwrap();
        self.child.wait().unwrap().signal()
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.home.path().join("ledger")
    }

    /// What its guardian wrote.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn ledger_is_done(&self) -> bool {
        std::fs::read_dir(self.ledger()).unwrap().next().is_none()
    }
}

impl Drop for Injector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
