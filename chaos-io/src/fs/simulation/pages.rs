//! [`Unsynced`]: what was done to a file since it was synced last, and what a crash leaves of it.
//!
//! A file is pages of 4,096 bytes and a length. The disk has a page as it was at some moment since the last sync, or two such
//! moments mixed by sectors of 512 bytes: written back while power failed. Pages are apart from each other. The length is one
//! that the file had since then, or, while a write made it grow, the end of a page in between; what the disk has no bytes
//! for is zeros. Cutting a file off is ordered with its length: where the length is from before the cut, so are the pages,
//! and what was cut off never comes back behind it.
//!
//! When a sync fails, the kernel takes the pages for written all the same (Rebello and others, "Can Applications Recover from
//! fsync Failures?", USENIX ATC 2020): a later sync that succeeds says nothing of them until they are written to again.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use chaos_core::dice::Rolls;

use super::luck::{Luck, below, coin};

/// What the kernel writes back at once.
pub(super) const PAGE: usize = 4096;
/// What a disk writes whole or not at all.
pub(super) const SECTOR: usize = 512;
/// What a change costs in the journal besides its bytes: an upper bound in round numbers.
pub(super) const CHANGE: usize = 64;

#[derive(Debug)]
pub(super) struct Unsynced {
    synced_len: u64,
    // Only pages that changed since.
    synced: BTreeMap<u64, Page>,
    changes: Vec<Change>,
    // After so many changes the file was synced, but for pages that were forsaken.
    settled: usize,
    // Taken for written by a sync that failed.
    forsaken: BTreeSet<u64>,
    bytes: usize,
}

/// A page as the disk has it for certain, zeros behind the end.
#[derive(Debug)]
struct Page {
    data: Vec<u8>,
    // How many changes were made before.
    since: usize,
}

#[derive(Debug)]
struct Change {
    what: What,
    len_after: u64,
}

#[derive(Debug)]
enum What {
    Write { at: u64, bytes: Vec<u8> },
    Length,
}

/// What a crash leaves of a file.
#[derive(Debug)]
pub(super) struct Survived {
    pub(super) len: u64,
    pub(super) pages: BTreeMap<u64, Vec<u8>>,
    /// Pages that are not what was written last.
    pub(super) stale: usize,
    /// Of these, those that are as they were at no moment.
    pub(super) torn: usize,
}

impl Unsynced {
    pub(super) fn new(synced_len: u64) -> Self {
        Self {
            synced_len,
            synced: BTreeMap::new(),
            changes: Vec::new(),
            settled: 0,
            forsaken: BTreeSet::new(),
            bytes: 0,
        }
    }

    pub(super) fn synced_len(&self) -> u64 {
        self.len_after(self.settled)
    }

    /// A sync is done: whether everything is certain now.
    pub(super) fn sync(&mut self) -> bool {
        let before = self.synced.len();
        self.synced.retain(|page, _| self.forsaken.contains(page));
        self.bytes -= (before - self.synced.len()) * PAGE;
        self.settled = self.changes.len();
        self.synced.is_empty()
    }

    /// A sync failed.
    pub(super) fn sync_failed(&mut self) {
        self.forsaken.extend(self.synced.keys());
    }

    /// How many pages changed.
    pub(super) fn pages(&self) -> usize {
        self.synced.len()
    }

    /// What it costs in the journal.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn len(&self) -> u64 {
        self.len_after(self.changes.len())
    }

    /// How many of the pages from `first` to `last` are not kept yet.
    pub(super) fn new_pages(&self, first: u64, last: u64) -> usize {
        if first > last {
            return 0;
        }
        let pages = usize::try_from(last - first + 1).unwrap_or(usize::MAX);
        pages - self.synced.range(first..=last).count()
    }

    /// Keeps these pages as `file` has them, before they change for the first time.
    pub(super) fn keep(&mut self, file: &File, first: u64, last: u64) -> io::Result<()> {
        for page in first..=last {
            if let Entry::Vacant(vacant) = self.synced.entry(page) {
                vacant.insert(Page { data: read_page(file, page)?, since: self.changes.len() });
                self.bytes += PAGE;
            }
        }
        Ok(())
    }

    pub(super) fn wrote(&mut self, at: u64, bytes: &[u8]) {
        let len_after = self.len().max(at + bytes.len() as u64);
        let (first, last) = pages_of(at, bytes.len());
        self.forsaken.retain(|page| !(first..=last).contains(page));
        self.changes.push(Change { what: What::Write { at, bytes: bytes.to_vec() }, len_after });
        self.bytes += bytes.len() + CHANGE;
    }

    pub(super) fn set_len(&mut self, len_after: u64) {
        self.changes.push(Change { what: What::Length, len_after });
        self.bytes += CHANGE;
    }

    /// The length after so many changes.
    fn len_after(&self, changes: usize) -> u64 {
        changes.checked_sub(1).map_or(self.synced_len, |last| self.changes[last].len_after)
    }

    pub(super) fn survive(&self, rolls: &mut Rolls) -> Survived {
        let luck = Luck::draw(rolls, self.changes.len());
        let (done, len) = self.length(luck, rolls);
        let mut survived = Survived { len, pages: BTreeMap::new(), stale: 0, torn: 0 };
        for (number, page) in &self.synced {
            let found = self.page(*number, page, done, luck, rolls, &mut survived.torn);
            survived.stale += usize::from(found != self.version(*number, page, self.changes.len()));
            if number * (PAGE as u64) < len {
                survived.pages.insert(*number, found);
            }
        }
        survived
    }

    /// A length, and after how many changes the file had it.
    fn length(&self, luck: Luck, rolls: &mut Rolls) -> (usize, u64) {
        let done = match luck {
            Luck::Nothing => self.settled,
            Luck::Everything => self.changes.len(),
            Luck::First(changes) => changes.max(self.settled),
            Luck::Some => self.settled + below(rolls, self.changes.len() - self.settled + 1),
        };
        let len = self.len_after(done);
        let last = self.changes[self.settled..done].last();
        if let (Luck::Some, Some(What::Write { at, .. })) = (luck, last.map(|change| &change.what)) {
            // The ends of pages that the write put behind the end of the file.
            let from = self.len_after(done - 1).max(*at);
            let (first, end) = (from / PAGE as u64 + 1, len.div_ceil(PAGE as u64));
            if first < end && coin(rolls) {
                let page = first + below(rolls, usize::try_from(end - first).unwrap_or(usize::MAX)) as u64;
                return (done, page * PAGE as u64);
            }
        }
        (done, len)
    }

    /// The page, of a file whose length is that of after `done` changes.
    fn page(
        &self,
        number: u64,
        page: &Page,
        done: usize,
        luck: Luck,
        rolls: &mut Rolls,
        torn: &mut usize,
    ) -> Vec<u8> {
        let changed_by = |change: &usize| self.changes_page(*change, number);
        let (mut from, mut before) = (page.since, usize::MAX);
        for cut in (from + 1..=self.changes.len()).filter(|change| self.cuts_page(*change, number)) {
            if cut <= done {
                from = cut;
            } else {
                before = before.min(cut);
            }
        }
        // Numbers of changes after which the disk may have got the page; never empty, as `from` is one of them.
        let moments: Vec<usize> = std::iter::once(from)
            .chain((from + 1..=self.changes.len()).filter(changed_by))
            .filter(|moment| *moment < before)
            .collect();
        let last = moments.len() - 1;
        let chosen = match luck {
            Luck::Nothing => 0,
            Luck::Everything => last,
            Luck::First(changes) => moments.iter().rposition(|moment| *moment <= changes).unwrap_or(0),
            Luck::Some => below(rolls, last + 1),
        };
        let mut found = self.version(number, page, moments[chosen]);
        if luck == Luck::Some && chosen < last && coin(rolls) {
            let later = self.version(number, page, moments[chosen + 1 + below(rolls, last - chosen)]);
            let earlier = found.clone();
            for (to, from) in found.chunks_mut(SECTOR).zip(later.chunks(SECTOR)) {
                if coin(rolls) {
                    to.copy_from_slice(from);
                }
            }
            *torn += usize::from(found != earlier && found != later);
        }
        found
    }

    /// Whether the change of this number, counted from 1, is seen in the page.
    fn changes_page(&self, change: usize, page: u64) -> bool {
        match &self.changes[change - 1].what {
            What::Write { at, bytes } => {
                let (first, last) = pages_of(*at, bytes.len());
                (first..=last).contains(&page)
            }
            What::Length => self.cuts_page(change, page),
        }
    }

    /// Whether the change of this number cuts something off that is in the page.
    fn cuts_page(&self, change: usize, page: u64) -> bool {
        let (before, after) = (self.len_after(change - 1), self.len_after(change));
        after < before && page >= after / PAGE as u64 && page * (PAGE as u64) < before
    }

    /// The page after so many changes.
    fn version(&self, number: u64, page: &Page, changes: usize) -> Vec<u8> {
        let mut data = page.data.clone();
        let start = number * PAGE as u64;
        for change in (page.since + 1..=changes).filter(|change| self.changes_page(*change, number)) {
            let change = &self.changes[change - 1];
            match &change.what {
                What::Write { at, bytes } => {
                    let (from, to) = ((*at).max(start), (at + bytes.len() as u64).min(start + PAGE as u64));
                    let target = &mut data[(from - start) as usize..(to - start) as usize];
                    target.copy_from_slice(&bytes[(from - at) as usize..(to - at) as usize]);
                }
                What::Length => {
                    let kept = change.len_after.saturating_sub(start).min(PAGE as u64) as usize;
                    data[kept..].fill(0);
                }
            }
        }
        data
    }
}

/// The first and the last page of a range of bytes that is not empty.
pub(super) fn pages_of(at: u64, len: usize) -> (u64, u64) {
    (at / PAGE as u64, at.saturating_add(len as u64 - 1) / PAGE as u64)
}

fn read_page(file: &File, page: u64) -> io::Result<Vec<u8>> {
    let mut data = vec![0; PAGE];
    let mut filled = 0;
    while filled < PAGE {
        match file.read_at(&mut data[filled..], page * PAGE as u64 + filled as u64) {
            Ok(0) => break,
            Ok(bytes) => filled += bytes,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err(err),
        }
    }
    Ok(data)
}
