//! [`Rehearsal`]: packets in the hands of a fault, without a network.

use std::time::Duration;

use chaos_core::Dice;
use chaos_core::dice::Stream;

use super::fault::{PacketFault, Verdict};
use super::frame::Link;
use super::packet::{Copies, Packet};
use super::pool::Pool;

/// Hands packets to a fault as a siding does, in time that the caller says: for the tests of faults.
///
/// ```
/// use chaos_core::units::ms;
/// use chaos_k8s::node::net::Netem;
/// use chaos_k8s::node::net::own::{NetemFault, Rehearsal};
/// let mut slow = NetemFault::try_new(Netem { delay: ms(40), ..Netem::default() })?;
/// let sent = Rehearsal::seeded(7).frame(&mut slow, ms(0), &[0; 60]);
/// assert_eq!((sent.len(), sent[0].after), (1, ms(40)));
/// # Ok::<(), chaos_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Rehearsal {
    dice: Stream,
    ordinal: u64,
    pool: Pool,
    copies: Copies,
}

/// What a fault sent on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sent {
    /// How long after the packet came.
    pub after: Duration,
    /// The bytes, from the link's header on.
    pub frame: Vec<u8>,
}

impl Rehearsal {
    /// Dice that always fall the same way for `seed`.
    pub fn seeded(seed: u64) -> Self {
        let dice = Dice::seeded(seed).stream(&["packets", "rehearsal"]);
        Self { dice, ordinal: 0, pool: Pool::default(), copies: Copies::new() }
    }

    /// Hands over the next packet, an Ethernet frame, `at` so long after the first. What is sent for it, in the order of time; nothing
    /// for a packet that is lost.
    pub fn frame(&mut self, fault: &mut impl PacketFault, at: Duration, frame: &[u8]) -> Vec<Sent> {
        let ordinal = self.ordinal;
        self.ordinal += 1;
        let mut bytes = frame.to_vec();
        let mut packet =
            Packet::new((&mut bytes, 0), Link::Ethernet, (ordinal, at), &mut self.copies, &mut self.pool);
        let after = match fault.packet(&mut packet, &mut self.dice.rng(ordinal)) {
            Verdict::Pass => Some(Duration::ZERO),
            Verdict::After(wait) => Some(wait),
            Verdict::Drop => None,
        };
        let copies = self.copies.drain(..).map(|(after, frame)| Sent { after, frame });
        let mut sent: Vec<_> =
            after.map(|after| Sent { after, frame: bytes }).into_iter().chain(copies).collect();
        sent.sort_by_key(|sent| sent.after);
        sent
    }
}
