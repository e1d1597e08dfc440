//! [`Names`]: what was done to names since their directories were synced, and what a crash leaves of it.
//!
//! Each change (a file made, removed, renamed) takes place whole or not at all. Changes to the same name keep their order,
//! changes to different ones have none. A directory is removed only with all that was removed in it, what is in a new
//! directory is there only if the directory is, and directories change places in the order they were told to.

use std::collections::{BTreeMap, BTreeSet};

use chaos_core::dice::Rolls;

use super::luck::{Luck, coin};
use super::tree::{Entry, NodeId};

#[derive(Debug, Default)]
pub(super) struct Names {
    // In the order they were made. Those that are certain are gone from here.
    pending: Vec<Pending>,
    next: u64,
}

/// What is done to names by one operation.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// In words: `rename a to b`.
    pub(super) what: String,
    /// Names, with what had them before and has them after.
    pub(super) touched: Vec<(Entry, Option<NodeId>, Option<NodeId>)>,
    /// A directory that is made by it.
    pub(super) made: Option<NodeId>,
    /// A directory that is empty and goes.
    pub(super) emptied: Option<NodeId>,
    /// A directory changes its place.
    pub(super) moves_directory: bool,
}

#[derive(Debug)]
struct Pending {
    id: u64,
    change: Change,
    // Earlier changes without which this one cannot be.
    needs: BTreeSet<u64>,
    // The makers of the directories that it is in.
    within: Vec<(u64, NodeId)>,
    // A directory of it was synced.
    synced: bool,
}

impl Pending {
    fn is_in(&self, directory: NodeId) -> bool {
        self.change.touched.iter().any(|((dir, _), ..)| *dir == directory)
    }

    fn touches(&self, entry: &Entry) -> bool {
        self.change.touched.iter().any(|(other, ..)| other == entry)
    }

    fn waits_for(&self) -> impl Iterator<Item = u64> {
        self.needs.iter().copied().chain(self.within.iter().map(|(id, _)| *id))
    }
}

impl Names {
    pub(super) fn len(&self) -> usize {
        self.pending.len()
    }

    pub(super) fn record(&mut self, change: Change) {
        let needs = |earlier: &&Pending| {
            change.touched.iter().any(|(entry, ..)| earlier.touches(entry))
                || change.emptied.is_some_and(|directory| earlier.is_in(directory))
                || (change.moves_directory && earlier.change.moves_directory)
        };
        let needs = self.pending.iter().filter(needs).map(|earlier| earlier.id).collect();
        let in_made = |earlier: &Pending| {
            let made = earlier.change.made?;
            change.touched.iter().any(|((dir, _), ..)| *dir == made).then_some((earlier.id, made))
        };
        let within = self.pending.iter().filter_map(in_made).collect();
        self.pending.push(Pending { id: self.next, change, needs, within, synced: false });
        self.next += 1;
    }

    /// Whether a change that may be undone has this node in it.
    pub(super) fn holds(&self, node: NodeId) -> bool {
        let has = |pending: &Pending| {
            pending
                .change
                .touched
                .iter()
                .any(|(_, before, after)| *before == Some(node) || *after == Some(node))
        };
        self.pending.iter().any(has)
    }

    /// What was done in a directory outlives a crash, but not the directory's own name.
    pub(super) fn sync(&mut self, directory: NodeId) {
        let mut next: Vec<u64> = self
            .pending
            .iter()
            .filter(|pending| pending.is_in(directory))
            .map(|pending| pending.id)
            .collect();
        let mut certain = BTreeSet::new();
        while let Some(id) = next.pop() {
            // What is not pending any more is certain already.
            let Some(pending) = self.pending.iter_mut().find(|pending| pending.id == id) else { continue };
            if certain.insert(id) {
                pending.synced = true;
                next.extend(pending.needs.iter());
                next.extend(pending.within.iter().filter(|(_, dir)| *dir != directory).map(|(id, _)| id));
            }
        }
        let mut left = BTreeSet::new();
        self.pending.retain(|pending| {
            let stays = !pending.synced || pending.waits_for().any(|id| left.contains(&id));
            if stays {
                left.insert(pending.id);
            }
            stays
        });
    }

    /// What has each name after a crash, of names that changed; and what was undone, in words.
    pub(super) fn survive(&self, rolls: &mut Rolls) -> (BTreeMap<Entry, Option<NodeId>>, Vec<String>) {
        let luck = Luck::draw(rolls, self.pending.len());
        let (mut found, mut undone, mut lost) = (BTreeMap::new(), Vec::new(), BTreeSet::new());
        for (number, pending) in self.pending.iter().enumerate() {
            let drawn = match luck {
                Luck::Nothing => false,
                Luck::Everything => true,
                Luck::First(changes) => number < changes,
                Luck::Some => coin(rolls),
            };
            let done = (pending.synced || drawn) && !pending.waits_for().any(|id| lost.contains(&id));
            if !done {
                lost.insert(pending.id);
                undone.push(pending.change.what.clone());
            }
            for (entry, before, after) in &pending.change.touched {
                let node = found.entry(entry.clone()).or_insert(*before);
                if done {
                    *node = *after;
                }
            }
        }
        (found, undone)
    }
}
