//! Packets through this process: faults where the kernel has no netem, and packet faults of your own.
//!
//! ```text
//! device --(nftables: `fwd to` the TAP)--> TAP of ours --> PacketFault decides --> held --> packet socket --> device, out
//!                                                                                     `--> TAP --> BPF --> device, in
//! ```
//!
//! A [`Siding`] is one such way: a TAP device that this process reads, and a socket on the device that it sends to. Its
//! frames carry a mark, by which the table lets them pass. The device's own queue is as it was. A [`Runner`] is a thread that
//! runs any number of them. The kernel takes the TAP away with its descriptor, so with this process.
//!
//! The engine of [`net`](super) makes them where they are needed. A fault of your own is a [`PacketFault`]:
//!
//! ```
//! use chaos_core::dice::Rolls;
//! use chaos_core::units::ms;
//! use chaos_k8s::node::net::own::{Packet, PacketFault, Rehearsal, Verdict};
//!
//! /// Every tenth packet comes late.
//! #[derive(Debug)]
//! struct Tenth;
//!
//! impl PacketFault for Tenth {
//!     fn packet(&mut self, packet: &mut Packet<'_>, _dice: &mut Rolls) -> Verdict {
//!         if packet.ordinal() % 10 == 9 { Verdict::After(ms(50)) } else { Verdict::Pass }
//!     }
//! }
//!
//! let mut rehearsal = Rehearsal::seeded(7);
//! let waits: Vec<_> = (0..20).map(|_| rehearsal.frame(&mut Tenth, ms(0), &[0; 60])[0].after).collect();
//! assert_eq!(waits.iter().filter(|wait| **wait == ms(50)).count(), 2);
//! ```
//!
//! # What passes, and what does not
//!
//! - Packets on their way in are written back to the TAP, and a few instructions of BPF make them packets that the device
//!   received, with the mark: where the kernel has no tcx (before 6.6), only packets on their way out.
//! - A mark, a priority or a time to send that the sender gave a packet is lost on the way (`SO_MARK`, `SO_PRIORITY`,
//!   `SO_TXTIME`); filters of others on the device that go by them see ours.
//! - While this process is stopped (SIGSTOP), nothing passes; when it dies, what it held is lost.
//! - What it costs is in [`Figures`].

mod counters;
mod custom;
mod fault;
mod figures;
mod frame;
mod lane;
mod netem;
mod packet;
mod pool;
mod queue;
mod rehearsal;
mod runner;
mod siding;
mod time;

pub(crate) use frame::is_ethernet;

pub use counters::Counters;
pub use custom::Custom;
pub use fault::{Frames, PacketFault, Verdict};
pub use figures::Figures;
pub use netem::NetemFault;
pub use packet::Packet;
pub use rehearsal::{Rehearsal, Sent};
pub use runner::Runner;
pub(crate) use siding::{Leaving, Site};
pub use siding::{Place, Siding};
