//! [`Figures`]: what a way through this process carries.

use std::fmt;

use super::Frames;

/// What a way through this process carries, as measured by `cargo run --release -p chaos-benches --bin own_path` on the
/// machine that benches/README.md names: an order of magnitude for a plan, not a promise.
///
/// ```
/// use chaos_k8s::node::net::own::{Figures, Frames};
/// let figures = Figures::of(Frames::Wire);
/// assert_eq!(figures.to_string(), "about 60,000 packets/s, 0.7 Gbit/s, 8 us more for each");
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Figures {
    /// Packets a second, small ones.
    pub packets_per_second: u32,
    /// Gbit/s of one TCP stream.
    pub gbit_per_second: f32,
    /// What it adds to a packet's time beside the delay that was asked for, at the median, in microseconds.
    pub added_us: u32,
}

impl Figures {
    /// Those of a fault that takes such packets.
    pub fn of(frames: Frames) -> Self {
        match frames {
            Frames::Wire => Self { packets_per_second: 60_000, gbit_per_second: 0.7, added_us: 8 },
            Frames::Large => Self { packets_per_second: 60_000, gbit_per_second: 7.0, added_us: 8 },
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let thousands = self.packets_per_second / 1_000;
        write!(
            f,
            "about {thousands},000 packets/s, {} Gbit/s, {} us more for each",
            self.gbit_per_second, self.added_us
        )
    }
}
