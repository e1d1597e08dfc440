//! [`NetemFault`]: what sch_netem does to packets, done here. The formulas are those of net/sched/sch_netem.c (Linux 7.2), and in their
//! order: duplicate, lose, corrupt, reorder, delay, rate, slot.

mod chance;
mod ecn;
mod link;
mod loss;
mod slots;
mod spread;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use chaos_core::dice::Rolls;
use chaos_core::{Dice, Percent, Result};

use self::chance::{Chance, Draw, draw};
use self::link::Link;
use self::loss::Loss;
use self::slots::Slots;
use self::spread::Spread;
use super::fault::{Frames, PacketFault, Verdict};
use super::packet::Packet;
use super::time::{Nanos, nanos};
use crate::node::net::Netem;

/// A [`Netem`] as a [`PacketFault`]: for kernels without `sch_netem`, the same to packets.
///
/// Two things are known to differ. Slots are filled in the order in which packets come, not in which they are due, which
/// differs only under a jitter that reorders. And loss counts packets of the wire, where the kernel loses what TCP handed
/// over in one piece as one.
///
/// As in the kernel, a correlation is of the draws: the correlated draw of a chance keeps closer to the middle, so a small chance
/// becomes smaller; and of the draw of a delay the remainder is used, which hides most of it.
pub struct NetemFault {
    said: Netem,
    duplicate: Option<Chance>,
    loss: Loss,
    corrupt: Option<Chance>,
    reorder: Option<(Chance, u32)>,
    /// Packets since one overtook.
    counter: u32,
    delay: Spread,
    link: Option<Link>,
    slots: Option<Slots>,
}

impl NetemFault {
    /// What `netem` says.
    ///
    /// # Errors
    /// As [`Netem::check`].
    pub fn try_new(netem: Netem) -> Result<Self> {
        netem.check()?;
        Ok(Self::begun(netem))
    }

    fn begun(netem: Netem) -> Self {
        Self {
            duplicate: netem.duplicate.map(Chance::of),
            loss: Loss::of(netem.loss),
            corrupt: netem.corrupt.map(Chance::of),
            reorder: netem.reorder.map(|reorder| (Chance::of(reorder.odds), reorder.gap)),
            counter: 0,
            delay: Spread::of(&netem),
            link: Link::of(&netem),
            slots: netem.slot.map(Slots::of),
            said: netem,
        }
    }

    /// The same, which has seen no packet yet.
    pub(super) fn anew(&self) -> Self {
        Self::begun(self.said.clone())
    }

    /// When a packet goes that comes at `now`.
    fn wait(&mut self, length: usize, now: Nanos, dice: &mut Rolls) -> Duration {
        if let Some((chance, gap)) = &mut self.reorder {
            // Inside the gap nobody is asked (netem_enqueue).
            if self.counter >= *gap - 1 && chance.falls_within(dice) {
                self.counter = 0;
                return Duration::ZERO;
            }
        }
        self.counter = self.counter.saturating_add(1);
        let delay = self.delay.next(dice);
        let mut due = match &mut self.link {
            Some(link) => link.due(length, now, delay),
            None => now.saturating_add_signed(delay.max(0)),
        };
        if let Some(slots) = &mut self.slots {
            due = slots.due(due, length, dice);
        }
        Duration::from_nanos(due - now)
    }

    /// What becomes of a packet or of its copy, which is not copied again.
    fn pass(&mut self, packet: &mut Packet<'_>, dice: &mut Rolls) -> Option<(Duration, Option<Flip>)> {
        let is_lost = self.loss.falls(dice) && !(self.said.ecn && packet.ip_mut().is_some_and(ecn::mark));
        if is_lost {
            return None;
        }
        let length = packet.frame().len();
        let flip =
            self.corrupt.as_mut().is_some_and(|chance| chance.falls(dice)).then(|| Flip::draw(length, dice));
        Some((self.wait(length, nanos(packet.at()), dice), flip))
    }
}

/// A bit that turns.
#[derive(Debug, Clone, Copy)]
struct Flip {
    at: usize,
    bit: u8,
}

impl Flip {
    fn draw(length: usize, dice: &mut Rolls) -> Self {
        let at = (u64::from(draw(dice)) * length as u64) >> 32;
        Self { at: at as usize, bit: 1 << (draw(dice) % 8) }
    }

    fn turn(self, packet: &mut Packet<'_>) {
        if let Some(byte) = packet.frame_mut().get_mut(self.at) {
            *byte ^= self.bit;
        }
    }
}

impl PacketFault for NetemFault {
    fn packet(&mut self, packet: &mut Packet<'_>, dice: &mut Rolls) -> Verdict {
        let mut own;
        let dice = match self.said.seed {
            Some(seed) => {
                own = Dice::seeded(seed).stream(&["netem"]).rng(packet.ordinal());
                &mut own
            }
            None => dice,
        };
        let is_doubled = self.duplicate.as_mut().is_some_and(|chance| chance.falls(dice));
        // The copy goes its own way through all the rest, as in the kernel, but is not doubled again.
        if is_doubled {
            if let Some((after, flip)) = self.pass(packet, dice) {
                let was_changed = packet.is_changed();
                flip.into_iter().for_each(|flip| flip.turn(packet));
                packet.copy(after);
                flip.into_iter().for_each(|flip| flip.turn(packet));
                if !was_changed {
                    packet.set_unchanged();
                }
            }
        }
        match self.pass(packet, dice) {
            None => Verdict::Drop,
            Some((after, flip)) => {
                flip.into_iter().for_each(|flip| flip.turn(packet));
                if after.is_zero() { Verdict::Pass } else { Verdict::After(after) }
            }
        }
    }

    fn frames(&self) -> Frames {
        let Netem { delay, limit, seed, .. } = &self.said;
        let only_delay = Netem { delay: *delay, limit: *limit, seed: *seed, ..Netem::default() };
        if only_delay == self.said { Frames::Large } else { Frames::Wire }
    }

    /// What was said, or for a rate what it carries during the delay, in packets of 64 bytes, and 1,000 more.
    fn limit(&self) -> u32 {
        let needed = self.said.rate.map(|rate| {
            let wait = self.said.delay + self.said.jitter;
            let bytes = rate.bytes_per_second() as f64 * wait.as_secs_f64();
            (bytes / 64.0) as u32
        });
        self.said.limit.unwrap_or_else(|| needed.map_or(u32::MAX, |needed| needed.saturating_add(1_000)))
    }
}

impl fmt::Debug for NetemFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NetemFault").field(&self.said).finish()
    }
}

impl fmt::Display for NetemFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.said.fmt(f)
    }
}

/// A share as netem counts it, 0 to 2^32 - 1 (`get_size_and_percent`, tc/q_netem.c).
fn scaled(percent: Percent) -> Draw {
    (percent.value() / 100.0 * f64::from(Draw::MAX)).round() as Draw
}
