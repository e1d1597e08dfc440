//! [`Link`]: packets that wait for the ones before, as on a link of this speed (`packet_time_ns`, `netem_enqueue`).

use super::Nanos;
use crate::node::net::Netem;

/// A link.
#[derive(Debug)]
pub(super) struct Link {
    bytes_per_second: u64,
    packet_overhead: i64,
    cell_size: u64,
    cell_overhead: i64,
    /// When the last packet leaves it.
    free: Nanos,
}

impl Link {
    pub(super) fn of(netem: &Netem) -> Option<Self> {
        netem.rate.map(|rate| Self {
            bytes_per_second: rate.bytes_per_second(),
            packet_overhead: netem.packet_overhead.into(),
            cell_size: netem.cell_size.into(),
            cell_overhead: netem.cell_overhead.into(),
            free: 0,
        })
    }

    /// When a packet leaves the link that comes at `now` and is delayed by so many nanoseconds. It goes on the link when the one
    /// before has left; what it waited for that counts as delay.
    pub(super) fn due(&mut self, length: usize, now: Nanos, delay: i64) -> Nanos {
        let delay = u64::try_from(delay).unwrap_or(0);
        let start = now.saturating_add(delay).max(self.free);
        self.free = start.saturating_add(self.time_of(length));
        self.free
    }

    /// How long a packet is on the link. Overheads below zero take a packet down to nothing, not further.
    fn time_of(&self, length: usize) -> Nanos {
        let mut bytes = (length as i64).saturating_add(self.packet_overhead).max(0) as u64;
        if self.cell_size > 0 {
            let cell = (self.cell_size as i64).saturating_add(self.cell_overhead).max(0) as u64;
            bytes = bytes.div_ceil(self.cell_size).saturating_mul(cell);
        }
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_second);
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}
