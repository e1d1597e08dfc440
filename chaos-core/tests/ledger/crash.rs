//! SIGKILL at named and at arbitrary moments: another process is the run, this one sweeps after it.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chaos_core::ledger::sweep;
use chaos_core::units::secs;
use chaos_core::{Ledger, Undos};
use rustix::process::{Resource, Rlimit, Signal, getpid, kill_process, setrlimit};

use crate::helper::{Act, FileHeld, Place, World, entry};

const JOB: &str = "CHAOS_TEST_LEDGER_JOB";
const HOME: &str = "CHAOS_TEST_LEDGER_HOME";
const FILES: [&str; 3] = ["a", "b", "c"];

/// Where the run kills itself, in the order of its life, and how many entries a sweep then finds open.
const MOMENTS: [(&str, usize); 12] = [
    ("before it opens the ledger", 0),
    ("after it opened the ledger", 0),
    ("in the write of the record", 0),
    ("after the record", 3),
    ("in the first effect", 3),
    ("between effects", 3),
    ("after the last effect", 3),
    ("after the first revert", 3),
    ("in the write of the first strike", 3),
    ("after the first strike", 2),
    ("after the last strike", 0),
    ("after the close", 0),
];

fn content(name: &str) -> String {
    // Longer than a page, so that a write can be half done.
    format!("{name}: {}", "what was found ".repeat(1000))
}

fn run(job: &str, place: &Place) -> Child {
    #[expect(clippy::disallowed_methods, reason = "a process that can be killed is the point of this test")]
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["crash::the_other_process", "--exact", "--nocapture"]);
    command.env(JOB, job).env(HOME, place.path("")).stdout(Stdio::piped()).spawn().unwrap()
}

fn assert_killed(mut child: Child) {
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(Signal::KILL.as_raw()), "{status}");
}

fn assert_found(place: &Place, when: &str) {
    for name in FILES {
        assert!(place.read(name) == content(name), "{when}: {name} is not as it was found");
    }
    place.assert_no_ledgers();
}

#[tokio::test]
async fn killed_at_each_named_moment_every_file_is_put_back() {
    for (moment, open) in MOMENTS {
        let place = Place::new();
        FILES.iter().for_each(|name| drop(place.file(name, &content(name))));
        assert_killed(run(moment, &place));
        let swept = place.sweep().await;
        assert!(swept.is_clean(), "{moment}: {swept}");
        assert_eq!(swept.reverted().len(), open, "{moment}: {swept}");
        assert_found(&place, moment);
    }
}

#[tokio::test]
async fn killed_at_any_moment_every_file_is_put_back() {
    for round in 0..60u32 {
        let place = Place::new();
        FILES.iter().for_each(|name| drop(place.file(name, &content(name))));
        let mut child = run("for ever", &place);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("ready")));
        // Spread over several rounds of record, effect, revert and strike.
        let wait = Duration::from_micros(u64::from(round * 7919 % 9001));
        std::thread::sleep(wait);
        child.kill().unwrap();
        assert_killed(child);
        let when = format!("round {round}, killed after {wait:?}");
        let swept = place.sweep().await;
        assert!(swept.is_clean(), "{when}: {swept}");
        assert_found(&place, &when);
    }
}

#[tokio::test]
async fn a_sweep_that_is_dropped_and_killed_is_finished_by_the_next() {
    for reverts in 0..FILES.len() {
        let place = Place::new();
        FILES.iter().for_each(|name| drop(place.file(name, &content(name))));
        assert_killed(run("after the last effect", &place));
        assert_killed(run(&format!("sweep, drop and die after {reverts}"), &place));
        let swept = place.sweep().await;
        // The sweep was dropped before the kill, and dropping it strikes what was reverted.
        assert_eq!(swept.reverted().len(), FILES.len() - reverts, "{swept}");
        assert_found(&place, &format!("sweep killed in revert {reverts}"));
    }
}

#[tokio::test]
async fn a_sweep_that_is_killed_between_a_revert_and_its_strike_is_finished_by_the_next() {
    for reverts in 0..FILES.len() {
        let place = Place::new();
        FILES.iter().for_each(|name| drop(place.file(name, &content(name))));
        assert_killed(run("after the last effect", &place));
        assert_killed(run(&format!("sweep and die after {reverts}"), &place));
        let put_back = FILES.iter().filter(|name| place.read(name) == content(name)).count();
        assert_eq!(put_back, reverts);
        let swept = place.sweep().await;
        assert!(swept.is_clean(), "{swept}");
        // What was reverted and not struck is reverted again; on a machine that stood still, it was struck after 50 ms.
        let again = swept.reverted().len();
        assert!((FILES.len() - reverts..=FILES.len()).contains(&again), "{swept}");
        assert_found(&place, &format!("sweep killed in revert {reverts}"));
    }
}

#[tokio::test]
async fn a_live_run_of_another_process_is_left_alone_until_it_is_killed() {
    let place = Place::new();
    FILES.iter().for_each(|name| drop(place.file(name, &content(name))));
    let mut child = run("hold", &place);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("ready")));
    let swept = place.sweep().await;
    assert!(swept.reverted().is_empty(), "{swept}");
    assert_eq!((swept.live()[0].pid(), swept.live()[0].open_entries()), (Some(child.id()), 3));
    assert_eq!(place.read("a"), "chaos");
    child.kill().unwrap();
    assert_killed(child);
    assert_eq!(place.sweep().await.reverted().len(), 3);
    assert_found(&place, "after the kill");
}

#[tokio::test]
async fn more_dead_runs_than_there_are_descriptors() {
    let place = Place::new();
    FILES.iter().for_each(|name| drop(place.file(name, &content(name))));
    for _ in 0..200 {
        place.change(&place.open(), "a", "chaos");
    }
    let status = run("sweep with 300 descriptors", &place).wait().unwrap();
    assert!(status.success(), "{status}");
    assert_found(&place, "after the sweep");
}

/// Not a test of its own: the run that the others kill. Without a job there is nothing to do.
#[test]
fn the_other_process() {
    let Ok(job) = std::env::var(JOB) else { return };
    let home = std::env::var(HOME).unwrap();
    let other = Other { home: home.as_ref(), job };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(other.live());
}

struct Other<'a> {
    home: &'a Path,
    job: String,
}

impl Other<'_> {
    async fn live(&self) {
        let dir = self.home.join("ledger");
        let undos = Undos::none().with::<FileHeld>(World::default()).unwrap();
        if self.job == "sweep with 300 descriptors" {
            setrlimit(Resource::Nofile, Rlimit { current: Some(300), maximum: Some(300) }).unwrap();
            let swept = sweep(dir, &undos).await.unwrap();
            assert!(swept.is_clean() && swept.reverted().len() == 200, "{swept}");
            return;
        }
        if let Some(reverts) = self.job.strip_prefix("sweep and die after ") {
            let world = World::default();
            world.tell(&self.nth_reverted(reverts), Act::Die);
            let undos = Undos::none().with::<FileHeld>(world).unwrap();
            let swept = sweep(dir, &undos).await;
            panic!("it is killed: {swept:?}");
        }
        if let Some(reverts) = self.job.strip_prefix("sweep, drop and die after ") {
            return self.sweep(&dir, &self.nth_reverted(reverts)).await;
        }
        self.at("before it opens the ledger");
        let ledger = Ledger::open(&dir, undos).unwrap();
        self.at("after it opened the ledger");
        match self.job.as_str() {
            "for ever" => loop {
                self.one_round(&ledger).await;
            },
            "hold" => {
                let _ids = ledger.record(self.entries()).unwrap();
                for name in FILES {
                    fs::write(self.home.join(name), "chaos").unwrap();
                }
                ready();
                loop {
                    std::thread::park();
                }
            }
            _ => self.one_round(&ledger).await,
        }
        ledger.close().unwrap();
        self.at("after the close");
        panic!("no such moment: {}", self.job);
    }

    async fn one_round(&self, ledger: &Ledger) {
        self.torn("in the write of the record", ledger);
        let ids = ledger.record(self.entries()).unwrap();
        self.at("after the record");
        if self.job == "for ever" {
            ready();
        }
        for (nth, name) in FILES.iter().enumerate() {
            let mut file = OpenOptions::new().write(true).truncate(true).open(self.home.join(name)).unwrap();
            file.write_all(b"cha").unwrap();
            self.at("in the first effect");
            file.write_all(b"os").unwrap();
            if nth == 1 {
                self.at("between effects");
            }
        }
        self.at("after the last effect");
        for (nth, id) in ids.iter().enumerate().rev() {
            let entries = ledger.open_entries();
            let (_, entry) = entries.iter().find(|(open, _)| open == id).unwrap();
            ledger.undos().put_back(entry, secs(5)).await.unwrap();
            self.at("after the first revert");
            self.torn("in the write of the first strike", ledger);
            ledger.strike(&[*id]).unwrap();
            if nth == FILES.len() - 1 {
                self.at("after the first strike");
            }
        }
        self.at("after the last strike");
    }

    fn nth_reverted(&self, reverts: &str) -> PathBuf {
        self.home.join(FILES.iter().rev().nth(reverts.parse().unwrap()).unwrap())
    }

    async fn sweep(&self, dir: &Path, waits: &Path) {
        let world = World::default();
        let at = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
        let go = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
        world.tell(waits, Act::Wait { at: at.clone(), go });
        let undos = Undos::none().with::<FileHeld>(world).unwrap();
        tokio::select! {
            swept = sweep(dir, &undos) => panic!("it waits: {swept:?}"),
            _ = at.acquire() => die(),
        }
    }

    fn entries(&self) -> Vec<chaos_core::ledger::Entry> {
        FILES.iter().map(|name| entry(&self.home.join(name))).collect()
    }

    fn at(&self, moment: &str) {
        if self.job == moment {
            die();
        }
    }

    /// Dies with the first half of a line on the disk.
    fn torn(&self, moment: &str, ledger: &Ledger) {
        if self.job == moment {
            let mut file = OpenOptions::new().append(true).open(ledger.path().unwrap()).unwrap();
            file.write_all(b"\n0a1b2c3d {\"record\":{\"seq\":1,\"at_").unwrap();
            die();
        }
    }
}

fn ready() {
    let mut out = std::io::stdout();
    writeln!(out, "ready").and_then(|()| out.flush()).unwrap();
}

fn die() -> ! {
    kill_process(getpid(), Signal::KILL).unwrap();
    unreachable!("killed");
}
