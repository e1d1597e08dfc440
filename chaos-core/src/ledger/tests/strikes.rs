//! What a sweep's strikes cost, and what a crash between any two of them leaves.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::disk::{Disk, undos};
use super::entry;
use crate::error::Result;
use crate::fault::Undo;
use crate::ledger::append::Medium;
use crate::ledger::{Entry, Ledger, Sweep, Undos, sweep};
use crate::units::ms;

const BATCH: usize = 64;

fn dead_run(dir: &Path, entries: usize) {
    let ledger = Ledger::open(dir, undos()).unwrap();
    ledger.record((0..entries).map(|n| entry(&n.to_string())).collect()).unwrap();
}

/// The clock is paused, so that the time bound does not end a batch early on a slow machine.
#[tokio::test(start_paused = true)]
async fn a_thousand_strikes_cost_sixteen_flushes() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Disk::default());
    dead_run(dir.path(), 1000);
    let swept = Sweep::of(dir.path()).run_on(&undos(), &|file| disk.medium(file)).await.unwrap();
    assert!(swept.is_clean() && swept.reverted().len() == 1000, "{swept}");
    let flushes = 1000usize.div_ceil(BATCH);
    assert_eq!(disk.costs(), (flushes, flushes));
}

#[expect(clippy::disallowed_methods, reason = "of tokio's paused clock, which the sweep goes by")]
async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Its revert takes as long as it says.
#[derive(Debug, Serialize, Deserialize)]
struct Slow {
    ms: u64,
}

impl Undo for Slow {
    const KIND: &'static str = "test/slow/1";
    type Via = ();
    async fn revert(&self, (): &()) -> Result<()> {
        sleep(Duration::from_millis(self.ms)).await;
        Ok(())
    }
    async fn is_gone(&self, (): &()) -> Result<bool> {
        Ok(true)
    }
}

#[tokio::test(start_paused = true)]
async fn no_strike_waits_long_for_others() {
    let undos = Undos::none().with::<Slow>(()).unwrap();
    // Reverted from the back: one at once, then one that takes long; six of 20 ms each.
    for (took, flushes_before_the_last) in [(vec![10_000, 0], 1), (vec![20; 6], 1), (vec![20; 7], 2)] {
        let (dir, disk) = (tempfile::tempdir().unwrap(), Disk::default());
        let slow = |(n, ms): (usize, &u64)| Entry::of(&n.to_string(), "file", "", &Slow { ms: *ms }).unwrap();
        let entries = took.iter().enumerate().map(slow).collect();
        Ledger::open(dir.path(), undos.clone()).unwrap().record(entries).unwrap();
        let sweep = Sweep::of(dir.path());
        let medium = |file| disk.medium(file);
        let all: u64 = took.iter().sum();
        // Just before the last revert is done, and what is left is flushed at the end.
        let told = async {
            sleep(ms(all) - ms(1)).await;
            disk.costs().1
        };
        let (swept, told) = tokio::join!(sweep.run_on(&undos, &medium), told);
        assert!(swept.unwrap().is_clean());
        assert_eq!(told, flushes_before_the_last, "{took:?}");
    }
}

type World = Arc<Mutex<BTreeMap<String, u32>>>;

/// The thing held `found`.
#[derive(Debug, Serialize, Deserialize)]
struct Held {
    thing: String,
    found: u32,
}

impl Undo for Held {
    const KIND: &'static str = "test/held/1";
    type Via = World;
    async fn revert(&self, world: &World) -> Result<()> {
        world.lock().unwrap().insert(self.thing.clone(), self.found);
        Ok(())
    }
    async fn is_gone(&self, world: &World) -> Result<bool> {
        Ok(world.lock().unwrap()[&self.thing] == self.found)
    }
}

/// What a crash would leave: the files, and the world.
type Crash = (BTreeMap<PathBuf, Vec<u8>>, BTreeMap<String, u32>);

/// A file that keeps what a crash before and after each of its flushes would leave.
struct Watched {
    file: File,
    dir: PathBuf,
    world: World,
    crashes: Arc<Mutex<Vec<Crash>>>,
}

impl Watched {
    fn look(&self) {
        let paths = fs::read_dir(&self.dir).unwrap().map(|entry| entry.unwrap().path());
        let files = paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
        self.crashes.lock().unwrap().push((files, self.world.lock().unwrap().clone()));
    }
}

impl Medium for Watched {
    fn put(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        // Before the write: reverted, and nothing of the strike is on the disk.
        self.look();
        self.file.put(bytes)
    }
    fn sync(&mut self) -> std::io::Result<()> {
        self.file.sync()?;
        self.look();
        Ok(())
    }
    fn cut(&mut self, len: u64) -> std::io::Result<()> {
        self.file.cut(len)
    }
}

/// Two runs have changed the same two things in turn, so that only reverts in order lead back; a third has changed more
/// than fits one batch.
#[tokio::test]
async fn a_sweep_that_crashed_at_any_flush_is_finished_by_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::default();
    let undos = || Undos::none().with::<Held>(world.clone()).unwrap();
    let runs: Vec<_> = (0..3).map(|_| Ledger::open(dir.path(), undos()).unwrap()).collect();
    let change = |run: usize, thing: &str, to: u32| {
        let found = *world.lock().unwrap().entry(thing.to_owned()).or_insert(7);
        let undo = Held { thing: thing.to_owned(), found };
        runs[run].record(vec![Entry::of(thing, "thing", "changes it", &undo).unwrap()]).unwrap();
        world.lock().unwrap().insert(thing.to_owned(), to);
    };
    for round in 0..4 {
        change(round as usize % 2, "a", 100 + round);
        change(round as usize / 2, "b", 200 + round);
    }
    (0..150).for_each(|n| change(2, &format!("c{}", n % 10), 300 + n));
    drop(runs);

    let crashes = Arc::new(Mutex::new(Vec::new()));
    let medium = |file| -> Box<dyn Medium> {
        let (dir, world, crashes) = (dir.path().to_owned(), world.clone(), crashes.clone());
        Box::new(Watched { file, dir, world, crashes })
    };
    let swept = Sweep::of(dir.path()).run_on(&undos(), &medium).await.unwrap();
    assert!(swept.is_clean() && swept.reverted().len() == 158, "{swept}");

    let crashes = std::mem::take(&mut *crashes.lock().unwrap());
    assert!(crashes.len() >= 2 * (3 + 4), "{} moments", crashes.len());
    for (nth, (files, things)) in crashes.into_iter().enumerate() {
        *world.lock().unwrap() = things;
        fs::remove_dir_all(dir.path()).unwrap();
        drop(Ledger::open(dir.path(), undos()).unwrap());
        for (path, bytes) in files {
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        }
        let swept = sweep(dir.path(), &undos()).await.unwrap();
        assert!(swept.is_clean(), "crash {nth}: {swept}");
        let wrong: Vec<_> =
            world.lock().unwrap().iter().filter(|(_, is)| **is != 7).map(|(it, _)| it.clone()).collect();
        assert_eq!(wrong, [] as [&str; 0], "crash {nth}: {swept}");
    }
}
