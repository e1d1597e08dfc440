//! Faults on packets: netem, bandwidth, partition, refusal, and what you write yourself.
//!
//! A fault says what happens ([`delay`], [`loss`], [`drop`](drop()), ...), to which traffic, on which devices; it acts on a
//! [`Namespace`](super::Namespace).
//!
//! ```
//! use chaos_core::{Percent, units::ms};
//! use chaos_k8s::node::net::{self, Distribution, Flow};
//!
//! let slow_database = net::delay(ms(200))
//!     .jitter(ms(20))
//!     .distribution(Distribution::Normal)
//!     .and_loss(Percent::try_new(1)?)
//!     .to(Flow::peer("10.0.0.0/8")?.port(5432)?.tcp());
//! assert_eq!(slow_database.to_string(), "delay 200ms +-20ms normal, loss 1 % to 10.0.0.0/8 port 5432 tcp");
//! # Ok::<(), chaos_core::Error>(())
//! ```
//!
//! # How
//!
//! A table of nf_tables that belongs to a socket of this process picks the packets. What is dropped or refused ends there; for all
//! else the packets are handed over to a device of ours (an ifb), wait in a class and its netem, and go back to where they were.
//! The qdiscs, filters and tables of others are not touched. When the process dies, however it dies, the kernel deletes the table
//! with its socket: the next packet goes its own way, and what is left is an idle device, which a sweep deletes.
//!
//! The process may also be stopped (SIGSTOP), or hang. So each rule is in the table for a time that the kernel's own clock counts:
//! as long as its fault may last ([`Approved::lasting`](chaos_core::Approved::lasting)); or, for a fault that is held without an
//! end, a minute from the last word of a thread of this program; and no longer than 10 s from that word where packets pass this
//! process. When the time is over, packets go their own way, with
//! nobody awake, and a look says so. The fault does not come back.
//!
//! Where the kernel has no sch_netem, and for faults of your own ([`custom`]), the packets are handed over to this process instead
//! ([`own`]): a TAP of ours for each fault at each device and direction. What comes back from one has a mark, by which it goes on with
//! the faults after it. The plan says by which [`Carrier`] a fault acts, and what this process carries; where a piece of the kernel
//! or a right is missing for both, it is refused by the name of that piece.
//!
//! Several faults on one device compose: each packet goes through all that meet it, the delays add up, the losses multiply. First
//! come those that drop and refuse, then those through this process, in the order in which they began, then those on the ifb. Each
//! device and direction has a queue and a rate of its own. A bandwidth is always the kernel's, and shared by what was in this
//! process before and what was not.
//!
//! Where nf_tables lacks a piece for that (no egress hook before Linux 5.16, no owned tables before 5.12, none at all), filters of BPF
//! at the device's clsact pick the packets, from Linux 4.18 on. They end with this process as well: they go on in programs of a
//! map that it holds, which the kernel empties; and they ask the kernel's clock until when each fault is in force. Only refusals then
//! need a table that is not owned, and with it a guardian. The plan says which it is, and why.
//!
//! # What is not met
//!
//! - Packets that are not IP (ARP), and in rules with ports the later fragments of a packet, which have none.
//! - Host names that resolve to something else later: they are resolved at the time of the inject.
//! - A device that comes up while a fault is in force, until the fault is observed the next time.
//!
//! # What to know
//!
//! - A packet on its way out that is dropped looks to its sender as if it was lost on the way. One that is refused is seen by UDP as
//!   `EPERM`, and by TCP as the answer that the refusal names.
//! - Two faults of bandwidth that overlap: the lower rate is shared by all that its fault meets; the higher one holds only what both
//!   meet.
//! - Each fault through this process costs a trip of its own, and all of a namespace share one thread: what belongs together is said in
//!   one fault. While this process is stopped (SIGSTOP), their packets stand still; when it dies, those that it held are lost, and
//!   the next goes directly.
//! - Packets that passed a device of ours have a priority of ours (`ca05:...`, low bits zero) in the device's own qdisc.
//! - A clsact is put on a device that has none, where filters pick, and taken away at the end; each time the device stands still for
//!   about a millisecond (longer on a busy machine), and what it is sending is lost. Filters are asked before those of others, which
//!   see packets that were led aside when they come back; filters of others of preference 1 or 2 are a reason to refuse.
//! - On a kernel whose netem forgets what stands within it (before Linux 5.10.232, 5.15.175, 6.1.121, 6.6.67 and 6.12.6) overlapping
//!   faults must fit in one netem: delays add up, a second jitter, loss or rate is refused.
//! - Two runs do not lead packets of one device and direction aside, neither to an ifb nor to their processes: the second is refused,
//!   by the name of the first.

pub mod dns;
mod engine;
mod fault;
mod filters;
mod jitter;
mod kernel;
pub(super) mod leftovers;
mod marks;
pub mod own;
mod plan;
mod presence;
mod rule;
pub(crate) mod trial;
mod undo;

pub(crate) use engine::Engine;

pub use dns::{DnsEffect, DnsFault, DnsUndo, NamePattern, QueryType, dns};
pub use undo::NetUndo;

pub use rule::{
    Address, Bandwidth, Carrier, Devices, Direction, Distribution, Duplicate, Effect, Flow, IfName,
    LossModel, NetFault, NetRule, Netem, Odds, Ports, Protocol, Refusal, Reorder, Shaping, Slot, Traffic,
    bandwidth, corrupt, custom, delay, drop, duplicate, loss, netem, refuse, reorder,
};
