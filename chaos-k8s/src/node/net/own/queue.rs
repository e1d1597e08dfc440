//! What is held, in the order in which it is due.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};

use super::pool;
use super::time::Nanos;

/// A packet that waits.
#[derive(Debug)]
pub(super) struct Held {
    due: Nanos,
    /// Which came first, among those that are due together.
    turn: u64,
    pub(super) frame: Vec<u8>,
}

impl Held {
    fn key(&self) -> (Nanos, u64) {
        (self.due, self.turn)
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Held {}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// Packets in the order in which they are due; those that are due together, in the order in which they came.
///
/// As sch_netem's tfifo: most packets are due after all that wait, and go to the end of a list; only those that overtake
/// go to a tree.
#[derive(Debug, Default)]
pub(super) struct Queue {
    list: VecDeque<Held>,
    overtaking: BinaryHeap<Reverse<Held>>,
    turns: u64,
    memory: usize,
}

impl Queue {
    pub(super) fn push(&mut self, due: Nanos, frame: Vec<u8>) {
        self.memory += pool::size_of(frame.len());
        let held = Held { due, turn: self.turns, frame };
        self.turns += 1;
        if self.list.back().is_none_or(|last| last.due <= due) {
            self.list.push_back(held);
        } else {
            self.overtaking.push(Reverse(held));
        }
    }

    /// When the next packet is due.
    pub(super) fn next(&self) -> Option<Nanos> {
        let list = self.list.front().map(|held| held.due);
        let overtaking = self.overtaking.peek().map(|held| held.0.due);
        [list, overtaking].into_iter().flatten().min()
    }

    /// The next packet, if it is due at `now`.
    pub(super) fn due(&mut self, now: Nanos) -> Option<Held> {
        let list = self.list.front().map(Held::key);
        let overtaking = self.overtaking.peek().map(|held| held.0.key());
        let is_listed = match (list, overtaking) {
            (None, None) => return None,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(list), Some(overtaking)) => list < overtaking,
        };
        if self.next().is_some_and(|due| due > now) {
            return None;
        }
        let held = match is_listed {
            true => self.list.pop_front(),
            false => self.overtaking.pop().map(|held| held.0),
        }?;
        self.memory -= pool::size_of(held.frame.len());
        Some(held)
    }

    /// Puts back what [`due`](Self::due) gave and could not be sent. It keeps its turn.
    pub(super) fn put_back(&mut self, held: Held) {
        self.memory += pool::size_of(held.frame.len());
        self.list.push_front(held);
    }

    pub(super) fn len(&self) -> usize {
        self.list.len() + self.overtaking.len()
    }

    /// Bytes of memory that the packets take.
    pub(super) fn memory(&self) -> usize {
        self.memory
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_comes_out_is_sorted_and_complete(dues in prop::collection::vec(0_u64..20, 0..200)) {
            let mut queue = Queue::default();
            for (turn, due) in dues.iter().enumerate() {
                queue.push(*due, vec![turn as u8; 10]);
            }
            let mut expected: Vec<_> = dues.iter().copied().enumerate().map(|(turn, due)| (due, turn as u64)).collect();
            expected.sort_unstable();
            let mut out = Vec::new();
            for now in 0..20 {
                while let Some(held) = queue.due(now) {
                    prop_assert!(held.due <= now);
                    if held.turn % 3 == 0 && out.len() % 2 == 0 {
                        // Not sent this time, and again at once.
                        queue.put_back(held);
                        let again = queue.due(now).unwrap();
                        out.push(again.key());
                    } else {
                        out.push(held.key());
                    }
                }
                prop_assert!(queue.next().is_none_or(|due| due > now));
            }
            prop_assert_eq!(out, expected);
            prop_assert_eq!((queue.len(), queue.memory()), (0, 0));
        }
    }
}
