//! Every moment at which a process can die, tried: what is felt then, and what is left.

mod count;
mod death;
mod play;

use std::fmt::Display;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use chaos_core::Chaos;
use chaos_core::ledger::sweep;
use chaos_core::units::{ms, secs};
use chaos_k8s::Node;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

pub(crate) use death::Owner;
use death::{Death, Dying};

use crate::injector::{self, HOME, Job};
use crate::report::{self, Row};
use crate::sample;
use crate::scene::run;
use crate::tree::{Place, Role, Tree};
use crate::world::{LEDGER, World, is_idle};

/// How long the effect may be felt at all: a test on a busy machine says how long it was, rather than nothing.
const BOUND: Duration = secs(20);
/// How often a place is tried at which it took longer than promised: what is wrong is so every time, a busy machine is not.
const TRIES: u32 = 10;
/// How long the kernel may take to list no more what acts no more.
const SETTLES: Duration = secs(5);

pub(crate) struct Matrix<'a> {
    pub(crate) fault: &'static str,
    pub(crate) owner: Owner,
    pub(crate) world: &'a mut dyn World,
}

impl Matrix<'_> {
    /// Tries them all, or a sample of them; rows for the report.
    pub(crate) fn try_all(mut self) {
        let counted = self.count();
        report::points(self.fault, &counted.described());
        for dying in Dying::ALL {
            let deaths = counted.deaths(dying);
            let sample = sample::of(self.fault, dying.name(), deaths.len());
            let mut row = Row::new(self.fault, dying.name(), deaths.len());
            for nth in sample {
                self.try_one(deaths[nth], &mut row);
            }
            report::row(row);
        }
        self.world.must_be_unchanged();
    }

    fn try_one(&mut self, death: Death, row: &mut Row) {
        for tries in 1..=TRIES {
            let outcome = self.play(death);
            let Some(at) = outcome.at else { return row.missed += 1 };
            let bound = self.owner.bound();
            let late = outcome.took.filter(|took| *took > bound);
            // Felt before or only after: what came too late counts in any case.
            row.add(death.signal, outcome.was_felt || late.is_some(), outcome.took, outcome.left);
            let late = late.map(|took| format!("felt for {took:?}, more than {bound:?}"));
            let Some(odd) = late.or(outcome.odd) else { return };
            println!("{}: {death} {at}: {odd}", self.fault);
            row.again += 1;
            assert!(tries < TRIES, "{death} {at}: {TRIES} times, at last {odd}");
            sleep(ms(50) * tries);
        }
    }

    /// A fault in force whose injector and guardian are dead.
    fn leave(&mut self, home: &TempDir) {
        let mut tree = self.inject(home, true, None);
        assert_eq!(tree.line(), "in force");
        assert!(self.world.feels(), "the fault is not felt");
        let since = strike(&tree, &[Role::Guardian, Role::First], Signal::SIGKILL);
        tree.end();
        if self.owner == Owner::Kernel {
            self.relieved(since, &"both");
        }
    }

    fn inject(&self, home: &TempDir, hold: bool, stop_at: Option<Place>) -> Tree {
        let job = Job::Inject { fault: Box::new(self.world.wanted()), home: home.path().to_owned(), hold };
        Tree::start(injector::command(&job), stop_at)
    }

    fn relieved(&mut self, since: Instant, at: &dyn Display) -> Duration {
        let took = self.world.relieved(since, BOUND);
        took.unwrap_or_else(|| panic!("dead at {at}: felt for {BOUND:?}: {:?}", self.world.left()))
    }

    /// What is left when the kernel is done: nothing that acts, unless it `may_act`.
    fn left(&mut self, home: &TempDir, may_act: bool) -> Vec<String> {
        let since = Instant::now();
        loop {
            let mut left = self.world.left();
            left.extend((entries(home) > 0).then(|| LEDGER.to_owned()));
            if may_act || left.iter().all(|line| is_idle(line)) {
                return left;
            }
            assert!(since.elapsed() < SETTLES, "left behind: {left:?}");
            sleep(ms(2));
        }
    }

    fn sweep(&self, home: &TempDir) {
        let undos = Node::new(&Chaos::random()).undos().unwrap();
        let swept = run(sweep(injector::ledger(home.path()), &undos)).unwrap();
        assert!(swept.is_clean() && swept.live().is_empty(), "{swept}");
    }

    /// After a sweep at the latest there is nothing left.
    fn must_be_clean(&mut self, home: &TempDir) {
        self.sweep(home);
        assert_eq!(self.world.left(), [""; 0], "after the sweep");
        self.relieved(Instant::now(), &"the sweep");
        assert_eq!(entries(home), 0, "struck off");
    }
}

/// Sends the signal to all that have these roles, in their order; when the first was sent.
fn strike(tree: &Tree, victims: &[Role], signal: Signal) -> Instant {
    let pids: Vec<i32> = victims.iter().flat_map(|role| tree.pids(*role)).collect();
    let since = Instant::now();
    for pid in pids {
        kill(Pid::from_raw(pid), signal).unwrap();
    }
    since
}

/// How many ledgers there are.
fn entries(home: &TempDir) -> usize {
    std::fs::read_dir(injector::ledger(home.path())).map_or(0, Iterator::count)
}

fn home() -> TempDir {
    tempfile::Builder::new().prefix(HOME).tempdir().unwrap()
}

fn sweep_of(home: &TempDir) -> Job {
    Job::Sweep { home: Path::to_owned(home.path()) }
}
