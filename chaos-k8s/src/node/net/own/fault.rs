//! [`PacketFault`]: what happens to packets, decided one at a time.

use std::fmt;
use std::time::Duration;

use chaos_core::dice::Rolls;

use super::Packet;

/// What happens to packets. It decides for one after the other, in the order in which they come.
///
/// # Contract
///
/// - It decides from the packet, its ordinal, its time and the dice, and from what it saw before: never from a clock or
///   other randomness. So a seed replays it, and a [`Rehearsal`](super::Rehearsal) tests it without a network.
/// - It does not wait and does not block: one thread runs all packets of a siding. A packet that shall wait is
///   [`Verdict::After`].
/// - When it panics, the packets of its siding pass untouched from then on, and the siding says so
///   ([`Counters::broken`](super::Counters)).
pub trait PacketFault: fmt::Debug + Send + 'static {
    /// Decides for one packet. May change its bytes and send copies of it.
    fn packet(&mut self, packet: &mut Packet<'_>, dice: &mut Rolls) -> Verdict;

    /// What it takes for a packet.
    fn frames(&self) -> Frames {
        Frames::Wire
    }

    /// How many packets may be held at once; more are dropped, as by the queue of a link. At most 256 MiB are held, whatever
    /// is said here.
    fn limit(&self) -> u32 {
        u32::MAX
    }
}

impl PacketFault for Box<dyn PacketFault> {
    fn packet(&mut self, packet: &mut Packet<'_>, dice: &mut Rolls) -> Verdict {
        (**self).packet(packet, dice)
    }

    fn frames(&self) -> Frames {
        (**self).frames()
    }

    fn limit(&self) -> u32 {
        (**self).limit()
    }
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a verdict is for the siding to carry out"]
#[non_exhaustive]
pub enum Verdict {
    /// It goes on at once, before all that waits.
    Pass,
    /// It goes on after this time. Those that are due at the same time keep their order.
    After(Duration),
    /// It is lost.
    Drop,
}

/// What a fault takes for a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Frames {
    /// What goes on the wire: at most the device's MTU, checksums finished.
    Wire,
    /// What the sender's stack made: up to 64 KiB of a TCP stream in one, cut to the MTU after this process. Several times
    /// faster; for faults that treat all packets alike and do not look into them. Checksums are unfinished.
    Large,
}
