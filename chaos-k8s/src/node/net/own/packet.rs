//! [`Packet`]: one packet in the hands of a fault.

use std::time::Duration;

use super::frame;
use super::pool::Pool;

/// A packet in the hands of a [`PacketFault`](super::PacketFault).
#[derive(Debug)]
pub struct Packet<'a> {
    /// What the kernel puts before a frame, and the frame.
    whole: &'a mut [u8],
    start: usize,
    ip: Option<usize>,
    ordinal: u64,
    at: Duration,
    is_changed: bool,
    copies: &'a mut Copies,
    pool: &'a mut Pool,
}

/// What a fault sends beside the packet itself: bytes, and after which time.
pub(super) type Copies = Vec<(Duration, Vec<u8>)>;

impl<'a> Packet<'a> {
    /// `start` is at most the length of `whole`.
    pub(super) fn new(
        (whole, start): (&'a mut [u8], usize),
        link: frame::Link,
        (ordinal, at): (u64, Duration),
        copies: &'a mut Copies,
        pool: &'a mut Pool,
    ) -> Self {
        let ip = frame::ip_at(&whole[start..], link);
        Self { whole, start, ip, ordinal, at, is_changed: false, copies, pool }
    }

    /// How many packets came before it on this siding.
    pub fn ordinal(&self) -> u64 {
        self.ordinal
    }

    /// When it came, since the siding began.
    pub fn at(&self) -> Duration {
        self.at
    }

    /// All its bytes, from the link's header on (Ethernet on most devices, none on tunnels).
    pub fn frame(&self) -> &[u8] {
        &self.whole[self.start..]
    }

    /// All its bytes, to be changed. Who wants the receiver to take the packet puts its checksums right as well.
    pub fn frame_mut(&mut self) -> &mut [u8] {
        self.is_changed = true;
        &mut self.whole[self.start..]
    }

    /// The bytes from the IP header on, whatever VLAN tags come before; none for other protocols (ARP).
    pub fn ip(&self) -> Option<&[u8]> {
        self.ip.and_then(|at| self.frame().get(at..))
    }

    /// The same, to be changed.
    pub fn ip_mut(&mut self) -> Option<&mut [u8]> {
        let at = self.ip?;
        self.frame_mut().get_mut(at..)
    }

    /// Sends a copy of its bytes as they are now, after this time. The packet itself still goes by the verdict.
    pub fn copy(&mut self, after: Duration) {
        let bytes = self.pool.filled(self.whole);
        self.copies.push((after, bytes));
    }

    pub(super) fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// Says that the bytes are what they were.
    pub(super) fn set_unchanged(&mut self) {
        self.is_changed = false;
    }
}
