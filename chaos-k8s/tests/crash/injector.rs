//! The processes that are killed: an injector, which puts a fault in force and takes it back, and a sweep.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use chaos_core::ledger::{Ledger, sweep};
use chaos_core::units::{ms, secs};
use chaos_core::{BlastRadius, Chaos, Fault, Guardian, Mode, Targets};
use chaos_k8s::Node;
use chaos_k8s::node::net::{DnsFault, NetRule};
use chaos_k8s::node::process;
use chaos_k8s::node::stress::{self, Amount};
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};

use crate::calls;
use crate::scene::run;

const JOB: &str = "CHAOS_TEST_CRASH_JOB";
/// How the directories begin that have a ledger in them.
pub(crate) const HOME: &str = "chaos-crash-home-";

/// What the stressors hold, in bytes.
pub(crate) const MEMORY: u64 = 8 << 20;

/// What a process is there for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Job {
    Inject {
        fault: Box<Wanted>,
        home: PathBuf,
        /// Stays in force until it is told to go on.
        hold: bool,
    },
    Sweep {
        home: PathBuf,
    },
}

/// A fault, and its target.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Wanted {
    /// On a kernel without these pieces, as the doctor calls them.
    Net {
        rule: NetRule,
        namespace: String,
        without: Vec<String>,
    },
    Dns {
        fault: DnsFault,
        namespace: String,
    },
    Stress {
        cgroup: PathBuf,
    },
    Pause {
        pid: u32,
    },
    Stop {
        pid: u32,
    },
}

/// This program as one that does the job.
pub(crate) fn command(job: &Job) -> Command {
    #[expect(clippy::disallowed_methods, reason = "processes that are killed are the point of this test")]
    let mut command = Command::new("/proc/self/exe");
    command.env(JOB, serde_json::to_string(job).unwrap());
    command
}

pub(crate) fn ledger(home: &Path) -> PathBuf {
    home.join("ledger")
}

pub(crate) fn run_if_asked(guardian: &Guardian) -> Option<ExitCode> {
    let job = serde_json::from_str(&std::env::var(JOB).ok()?).unwrap();
    // What ends by SIGABRT leaves no file.
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).unwrap();
    // Whoever traces this process is there when it says so.
    line();
    seccompiler::apply_filter(&calls::filter()).unwrap();
    let done = run(async {
        match job {
            Job::Inject { fault, home, hold } => inject(*fault, &home, hold, guardian).await,
            Job::Sweep { home } => {
                let undos = Node::new(&Chaos::random()).undos().unwrap();
                sweep(ledger(&home), &undos).await.map(|swept| assert!(swept.is_clean(), "{swept}"))
            }
        }
    });
    if let Err(error) = done {
        println!("{}", error.chain());
        return Some(ExitCode::FAILURE);
    }
    Some(ExitCode::SUCCESS)
}

async fn inject(wanted: Wanted, home: &Path, hold: bool, guardian: &Guardian) -> chaos_core::Result<()> {
    let chaos = Chaos::random();
    let node = Node::new(&chaos);
    let ledger = Ledger::open(ledger(home), node.undos()?)?;
    let radius = BlastRadius::count(1)?;
    let inject = match wanted {
        Wanted::Net { rule, namespace, without } => {
            let without: Vec<&str> = without.iter().map(String::as_str).collect();
            let node = Node::without(&chaos, &without)?;
            chaos.inject(rule.on(Targets::one(node.namespace_at(namespace)?), Mode::ALL), radius)
        }
        Wanted::Dns { fault, namespace } => {
            chaos.inject(fault.on(Targets::one(node.namespace_at(namespace)?), Mode::ALL), radius)
        }
        Wanted::Stress { cgroup } => {
            let stress = stress::cpu(1)?.and(stress::memory(Amount::of(MEMORY)?)).ends_after(secs(600));
            chaos.inject(stress.on(Targets::one(node.cgroup_at(cgroup)?), Mode::ALL), radius)
        }
        Wanted::Pause { pid } => {
            chaos.inject(process::pause().on(Targets::one(node.process(pid)?), Mode::ALL), radius)
        }
        Wanted::Stop { pid } => {
            chaos.inject(process::stop().on(Targets::one(node.process(pid)?), Mode::ALL), radius)
        }
    };
    let guardian = guardian.clone().margin(ms(200));
    let injection = inject.ledger(ledger).guardian(guardian, secs(600)).begin().await?;
    println!("in force");
    if hold {
        line();
    }
    for (name, seen) in injection.observe().await {
        let seen = seen?;
        assert!(seen.is_in_force(), "{name}: {}", seen.detail());
    }
    injection.revert().await
}

fn line() {
    std::io::stdin().read_line(&mut String::new()).unwrap();
}
