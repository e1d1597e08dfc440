use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use rustix::io::Errno;

use super::{Nothing, entry, names};
use crate::ledger::append::Medium;
use crate::ledger::{Ledger, Sweep, Undos};

/// A disk that counts, and fails as it is told.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    puts: usize,
    syncs: usize,
    cuts: usize,
    /// How many bytes still fit.
    room: Option<usize>,
    no_sync: bool,
    no_cut: bool,
    panic: bool,
}

impl Disk {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap()
    }

    /// Writes and fsyncs so far.
    pub(super) fn costs(&self) -> (usize, usize) {
        let told = self.told();
        (told.puts, told.syncs)
    }

    fn open(&self, dir: &Path) -> Ledger {
        Ledger::open_on(dir, undos(), |file| self.medium(file)).unwrap()
    }

    pub(super) fn medium(&self, file: File) -> Box<dyn Medium> {
        Box::new(OnDisk(self.clone(), file))
    }
}

struct OnDisk(Disk, File);

impl Medium for OnDisk {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut told = self.0.told();
        told.puts += 1;
        let fits = told.room.unwrap_or(bytes.len()).min(bytes.len());
        self.1.write_all(&bytes[..fits])?;
        if std::mem::take(&mut told.panic) {
            drop(told);
            panic!("in the middle of a write");
        }
        if fits < bytes.len() { Err(Errno::NOSPC.into()) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut told = self.0.told();
        told.syncs += 1;
        if told.no_sync { Err(Errno::IO.into()) } else { self.1.sync_data() }
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        let mut told = self.0.told();
        told.cuts += 1;
        if told.no_cut { Err(Errno::IO.into()) } else { self.1.set_len(len) }
    }
}

pub(super) fn undos() -> Undos {
    Undos::none().with::<Nothing>(()).unwrap()
}

/// The targets that a sweep finds open, when nothing else is wrong.
fn left(dir: &Path) -> Vec<String> {
    let survey = Sweep::of(dir).survey(&undos()).unwrap();
    assert!(survey.kept().is_empty() && survey.live().is_empty(), "{survey}");
    survey.open().iter().map(|found| found.entry().target().to_owned()).collect()
}

#[test]
fn a_thousand_entries_cost_one_write_and_one_fsync() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Disk::default());
    let ledger = disk.open(dir.path());
    let ids = ledger.record((0..1000).map(|n| entry(&n.to_string())).collect()).unwrap();
    assert_eq!(disk.costs(), (1, 1));
    ledger.strike(&ids).unwrap();
    assert_eq!(disk.costs(), (2, 2));
    ledger.record(Vec::new()).unwrap();
    ledger.strike(&ids).unwrap();
    assert_eq!(disk.told().puts, 2, "nothing to say costs nothing");
}

#[test]
fn an_unregistered_kind_is_refused_before_anything_is_written() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Disk::default());
    let ledger = Ledger::open_on(dir.path(), Undos::none(), |file| disk.medium(file)).unwrap();
    let err = ledger.record(vec![entry("a")]).unwrap_err();
    assert!(err.is_refused() && err.to_string().contains("test/nothing/1"), "{err}");
    assert_eq!(disk.told().puts, 0);
}

#[test]
fn a_full_disk_at_every_byte_leaves_no_trace_and_the_ledger_goes_on() {
    let whole = {
        let (dir, disk) = (tempfile::tempdir().unwrap(), Disk::default());
        let ledger = disk.open(dir.path());
        let before = std::fs::metadata(ledger.path().unwrap()).unwrap().len();
        ledger.record(vec![entry("lost 1"), entry("lost 2")]).unwrap();
        (std::fs::metadata(ledger.path().unwrap()).unwrap().len() - before) as usize
    };
    for room in 0..whole {
        let (dir, disk) = (tempfile::tempdir().unwrap(), Disk::default());
        let ledger = disk.open(dir.path());
        ledger.record(vec![entry("first")]).unwrap();
        disk.told().room = Some(room);
        let err = ledger.record(vec![entry("lost 1"), entry("lost 2")]).unwrap_err();
        assert!(err.is_ledger() && err.chain().contains("nothing was recorded"), "{}", err.chain());
        assert_eq!(ledger.open_entries().len(), 1);
        disk.told().room = None;
        let ids = ledger.record(vec![entry("second")]).unwrap();
        assert_eq!(ids[0].number(), 2);
        drop(ledger);
        assert_eq!(left(dir.path()), ["second", "first"], "{room} bytes of room");
    }
}

#[test]
fn a_part_that_cannot_be_cut_off_ends_the_ledger() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Disk::default());
    let ledger = disk.open(dir.path());
    let first = ledger.record(vec![entry("first")]).unwrap();
    *disk.told() = Told { room: Some(30), no_cut: true, ..Told::default() };
    ledger.record(vec![entry("lost")]).unwrap_err();
    *disk.told() = Told::default();
    let err = ledger.record(vec![entry("second")]).unwrap_err();
    assert!(err.is_ledger() && err.to_string().contains("takes no more"), "{err}");
    assert!(ledger.strike(&first).unwrap_err().is_ledger());
    assert_eq!(disk.told().puts, 0);
    drop(ledger);
    assert_eq!(left(dir.path()), ["first"], "a torn end is no damage");
}

#[test]
fn after_a_failed_fsync_nothing_more_is_taken() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Disk::default());
    let ledger = disk.open(dir.path());
    let first = ledger.record(vec![entry("first")]).unwrap();
    disk.told().no_sync = true;
    assert!(ledger.record(vec![entry("lost")]).unwrap_err().is_ledger());
    assert_eq!(ledger.open_entries().len(), 1, "not flushed is not recorded");
    disk.told().no_sync = false;
    let puts = disk.told().puts;
    let err = ledger.record(vec![entry("second")]).unwrap_err();
    assert!(err.is_ledger() && err.to_string().contains("fsync"), "{err}");
    assert!(ledger.strike(&first).unwrap_err().is_ledger());
    assert_eq!(disk.told().puts, puts);
    assert!(ledger.close().unwrap_err().is_leftover());
    assert!(left(dir.path()).contains(&"first".to_owned()));
}

#[test]
fn a_ledger_that_takes_no_more_and_has_nothing_open_is_removed() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Disk::default());
    let ledger = disk.open(dir.path());
    disk.told().no_sync = true;
    ledger.record(vec![entry("lost")]).unwrap_err();
    ledger.close().unwrap();
    assert_eq!(names(dir.path()), [] as [&str; 0]);
}

#[test]
fn a_strike_that_fails_leaves_the_entry_open_and_can_be_tried_again() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Disk::default());
    let ledger = disk.open(dir.path());
    let ids = ledger.record(vec![entry("a")]).unwrap();
    disk.told().room = Some(5);
    assert!(ledger.strike(&ids).unwrap_err().is_ledger());
    assert_eq!(ledger.open_entries().len(), 1);
    disk.told().room = None;
    ledger.strike(&ids).unwrap();
    ledger.close().unwrap();
    assert_eq!(names(dir.path()), [] as [&str; 0]);
}

#[test]
fn a_panic_in_the_middle_of_a_write_ends_the_ledger() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Disk::default());
    let ledger = disk.open(dir.path());
    ledger.record(vec![entry("first")]).unwrap();
    *disk.told() = Told { panic: true, room: Some(40), ..Told::default() };
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ledger.record(vec![entry("lost")])))
        .unwrap_err();
    disk.told().room = None;
    assert!(ledger.record(vec![entry("second")]).unwrap_err().is_ledger());
    drop(ledger);
    assert_eq!(left(dir.path()), ["first"]);
}

#[test]
fn a_long_ledger_with_nothing_open_goes_back_to_its_header() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Disk::default());
    let ledger = disk.open(dir.path());
    let len = || std::fs::metadata(ledger.path().unwrap()).unwrap().len();
    let header = len();
    let stays = ledger.record(vec![entry("stays")]).unwrap();
    let many = ledger.record((0..8000).map(|n| entry(&n.to_string())).collect()).unwrap();
    ledger.strike(&many).unwrap();
    assert!(len() > 1 << 20 && disk.told().cuts == 0, "one is open");
    ledger.strike(&stays).unwrap();
    assert_eq!(len(), header);
    let ids = ledger.record(vec![entry("after")]).unwrap();
    assert_eq!(ids[0].number(), 8002, "numbers are not used again");
    drop(ledger);
    assert_eq!(left(dir.path()), ["after"]);
}
