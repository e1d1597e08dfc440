//! [`Slots`]: packets go in bunches (`get_slot_next`, `netem_dequeue`).

use chaos_core::dice::Rolls;

use super::chance::draw;
use super::{Nanos, nanos};
use crate::node::net::Slot;

/// Bunches of packets.
#[derive(Debug)]
pub(super) struct Slots {
    slot: Slot,
    /// When the next bunch goes.
    next: Option<Nanos>,
    packets: i64,
    bytes: i64,
}

impl Slots {
    pub(super) fn of(slot: Slot) -> Self {
        Self { slot, next: None, packets: 0, bytes: 0 }
    }

    /// When a packet goes that is due at `due`.
    pub(super) fn due(&mut self, due: Nanos, length: usize, dice: &mut Rolls) -> Nanos {
        let goes = match self.next {
            Some(next) if next >= due => next,
            _ => self.begin(due, dice),
        };
        self.packets -= 1;
        self.bytes -= length as i64;
        if self.packets <= 0 || self.bytes <= 0 {
            self.begin(goes, dice);
        }
        goes
    }

    fn begin(&mut self, now: Nanos, dice: &mut Rolls) -> Nanos {
        let span = nanos(self.slot.max - self.slot.min);
        let part = ((u128::from(span) * u128::from(draw(dice))) >> 32) as u64;
        let next = now.saturating_add(nanos(self.slot.min)).saturating_add(part);
        self.next = Some(next);
        self.packets = or_any(self.slot.packets);
        self.bytes = or_any(self.slot.bytes);
        next
    }
}

/// 0 is any number (`get_slot`).
fn or_any(most: u32) -> i64 {
    if most == 0 { i64::MAX } else { most.into() }
}
