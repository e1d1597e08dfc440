//! HTB: its root and its classes.

use netlink_bindings::tc::{PushAttrs, TcHtbGlob, TcHtbOpt, TcRatespec};
use netlink_bindings::utils::Pusher;

use super::{Class, TICK};

/// `HTB_VER >> 16` (net/sched/sch_htb.c).
const VERSION: u32 = 3;
/// How many bytes a class may send before its sister's turn: one large GSO packet.
const QUANTUM: u32 = 65_536;
/// `TC_LINKLAYER_ETHERNET`: the kernel then needs no table of rates.
pub(super) const ETHERNET: u8 = 1;

pub(super) fn encode_root<P: Pusher>(attributes: PushAttrs<P>, direct_packets: u32) {
    attributes
        .nested_options_htb()
        .push_init(TcHtbGlob { version: VERSION, rate2quantum: 10, ..TcHtbGlob::default() })
        .push_direct_qlen(direct_packets)
        .end_nested();
}

pub(super) fn encode_class<P: Pusher>(attributes: PushAttrs<P>, class: &Class) {
    attributes
        .nested_options_htb()
        .push_parms(TcHtbOpt {
            rate: rate(class.rate),
            ceil: rate(class.ceil),
            buffer: ticks(class.burst, class.rate),
            cbuffer: ticks(class.burst, class.ceil),
            quantum: QUANTUM,
            ..TcHtbOpt::default()
        })
        .push_rate64(class.rate)
        .push_ceil64(class.ceil)
        .end_nested();
}

pub(super) fn rate(bytes_per_second: u64) -> TcRatespec {
    let rate = u32::try_from(bytes_per_second).unwrap_or(u32::MAX);
    TcRatespec { linklayer: ETHERNET, rate, ..TcRatespec::default() }
}

/// A burst is told as the time that its bytes take at the rate.
pub(super) fn ticks(bytes: u32, bytes_per_second: u64) -> u32 {
    let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(bytes_per_second.max(1));
    u32::try_from(nanos / u128::from(TICK)).unwrap_or(u32::MAX).max(1)
}
