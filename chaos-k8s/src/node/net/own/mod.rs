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
//! # How the engine uses it
//!
//! The engine of [`net`](super) opens one siding for each fault at each device and direction that it acts on, where the kernel cannot do
//! it or [`Carrier::Process`](super::Carrier) was said, on one runner for each namespace:
//!
//! ```text
//! chain of the device ── these packets? ──> fwd to the TAP of fault A ──> here ──> device, mark of A
//!        ^                                                                            │
//!        └── mark of A: on with the faults after A, then to the ifb, without a mark ──┘
//! ```
//!
//! So a fault sees its packets as the ones before it left them, and never knows of the others: one that comes or goes changes nothing of
//! what another has counted or holds. To end one, first the table is changed, then the kernel is waited for, then what is held goes on
//! when it is due (after 5 s at once), and at last the TAP is taken away.
//!
//! # Faults of your own
//!
//! A fault of your own is a [`PacketFault`]; [`custom`](super::custom) makes a network fault of it:
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
//! - On their way in, capturing programs on the device (tcpdump) and filters of others at its ingress see a packet twice: as it came, and
//!   as it comes back. On their way out, chains of others at the device's egress hook do.
//! - A mark, a priority or a time to send that the sender gave a packet is lost on the way (`SO_MARK`, `SO_PRIORITY`,
//!   `SO_TXTIME`). Ours is taken off again in the table.
//! - While this process is stopped (SIGSTOP), nothing passes, until the kernel sends nothing here any more: 10 s later, in faults
//!   of the engine. When it dies, what it held is lost.
//! - Behind a trunk port, where the frames of VLANs are met at the port itself, faults after the first do not find their packets: name the
//!   VLAN's device.
//! - What it costs is in [`Figures`], and more with each further fault that meets the same packets.

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
