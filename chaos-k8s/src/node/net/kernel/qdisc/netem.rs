//! The options of sch_netem, in the kernel's units.

use netlink_bindings::tc::{
    IterableNetemAttrs, PushAttrs, TcNetemCorr, TcNetemCorrupt, TcNetemGemodel, TcNetemGimodel, TcNetemQopt,
    TcNetemRate, TcNetemReorder, TcNetemSlot,
};
use netlink_bindings::utils::Pusher;

use super::TICK;

/// Every option of netem. Chances are parts of 2^32 - 1, times nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NetemOptions {
    pub(crate) limit: u32,
    pub(crate) latency: u64,
    pub(crate) jitter: u64,
    pub(crate) delay_correlation: u32,
    pub(crate) loss: Loss,
    pub(crate) duplicate: u32,
    pub(crate) duplicate_correlation: u32,
    pub(crate) corrupt: u32,
    pub(crate) corrupt_correlation: u32,
    pub(crate) reorder: u32,
    pub(crate) reorder_correlation: u32,
    pub(crate) gap: u32,
    /// Bytes per second; 0 for none.
    pub(crate) rate: u64,
    pub(crate) packet_overhead: i32,
    pub(crate) cell_size: u32,
    pub(crate) cell_overhead: i32,
    pub(crate) ecn: bool,
    pub(crate) slot: Slot,
    pub(crate) seed: Option<u64>,
    /// The shape of the jitter. The kernel does not tell it: what it lists has none.
    pub(crate) table: Vec<i16>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Loss {
    #[default]
    None,
    Random {
        chance: u32,
        correlation: u32,
    },
    GilbertElliott {
        p: u32,
        r: u32,
        /// Kept in the bad state.
        h: u32,
        /// Lost in the good state.
        k1: u32,
    },
    FourState {
        p13: u32,
        p31: u32,
        p32: u32,
        p14: u32,
        p23: u32,
    },
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) min: u64,
    pub(crate) max: u64,
    pub(crate) packets: u32,
    pub(crate) bytes: u32,
}

impl NetemOptions {
    /// What the kernel can tell of these.
    pub(crate) fn told(&self) -> Self {
        // Not before Linux 6.3; and the kernel makes one up when none is given.
        Self { table: Vec::new(), seed: None, ..self.clone() }
    }
}

fn ticks(nanos: u64) -> u32 {
    u32::try_from(nanos / TICK).unwrap_or(u32::MAX)
}

/// Writes every option, zeros too: what is not sent stays as it was.
pub(super) fn encode<P: Pusher>(attributes: PushAttrs<P>, options: &NetemOptions) {
    let (loss, loss_corr) = match options.loss {
        Loss::Random { chance, correlation } => (chance, correlation),
        _ => (0, 0),
    };
    let fixed = TcNetemQopt {
        latency: ticks(options.latency),
        limit: options.limit,
        loss,
        gap: options.gap,
        duplicate: options.duplicate,
        jitter: ticks(options.jitter),
    };
    let mut netem = attributes
        .nested_options_netem(&fixed)
        .push_corr(TcNetemCorr {
            delay_corr: options.delay_correlation,
            loss_corr,
            dup_corr: options.duplicate_correlation,
        })
        .push_reorder(TcNetemReorder {
            probability: options.reorder,
            correlation: options.reorder_correlation,
        })
        .push_corrupt(TcNetemCorrupt {
            probability: options.corrupt,
            correlation: options.corrupt_correlation,
        })
        .push_rate(TcNetemRate {
            rate: u32::try_from(options.rate).unwrap_or(u32::MAX),
            packet_overhead: options.packet_overhead,
            cell_size: options.cell_size,
            cell_overhead: options.cell_overhead,
        })
        .push_ecn(u32::from(options.ecn))
        .push_latency64(options.latency as i64)
        .push_jitter64(options.jitter as i64)
        .push_slot(TcNetemSlot {
            min_delay: options.slot.min as i64,
            max_delay: options.slot.max as i64,
            max_packets: options.slot.packets as i32,
            max_bytes: options.slot.bytes as i32,
            ..TcNetemSlot::default()
        });
    if options.rate > u64::from(u32::MAX) {
        netem = netem.push_rate64(options.rate);
    }
    netem = match options.loss {
        Loss::GilbertElliott { p, r, h, k1 } => {
            netem.nested_loss().push_ge(TcNetemGemodel { p, r, h, k1 }).end_nested()
        }
        Loss::FourState { p13, p31, p32, p14, p23 } => {
            netem.nested_loss().push_gi(TcNetemGimodel { p13, p31, p32, p14, p23 }).end_nested()
        }
        Loss::None | Loss::Random { .. } => netem,
    };
    if !options.table.is_empty() {
        let bytes: Vec<u8> = options.table.iter().flat_map(|entry| entry.to_ne_bytes()).collect();
        netem = netem.push_delay_dist(&bytes);
    }
    if let Some(seed) = options.seed {
        netem = netem.push_prng_seed(seed);
    }
    netem.end_nested();
}

/// What the kernel lists.
pub(super) fn decode(fixed: &TcNetemQopt, attributes: &IterableNetemAttrs<'_>) -> NetemOptions {
    let corr = attributes.get_corr().unwrap_or_default();
    let reorder = attributes.get_reorder().unwrap_or_default();
    let corrupt = attributes.get_corrupt().unwrap_or_default();
    let rate = attributes.get_rate().unwrap_or_default();
    let slot = attributes.get_slot().unwrap_or_default();
    let model = attributes.get_loss().ok();
    let elliott = model.as_ref().and_then(|model| model.get_ge().ok());
    let states = model.as_ref().and_then(|model| model.get_gi().ok());
    let loss = match (elliott, states) {
        (Some(ge), _) => Loss::GilbertElliott { p: ge.p, r: ge.r, h: ge.h, k1: ge.k1 },
        (_, Some(gi)) => Loss::FourState { p13: gi.p13, p31: gi.p31, p32: gi.p32, p14: gi.p14, p23: gi.p23 },
        _ if fixed.loss > 0 => Loss::Random { chance: fixed.loss, correlation: corr.loss_corr },
        _ => Loss::None,
    };
    let nanos = |long: Option<i64>, short: u32| {
        long.and_then(|long| u64::try_from(long).ok()).unwrap_or(u64::from(short) * TICK)
    };
    NetemOptions {
        limit: fixed.limit,
        latency: nanos(attributes.get_latency64().ok(), fixed.latency),
        jitter: nanos(attributes.get_jitter64().ok(), fixed.jitter),
        delay_correlation: corr.delay_corr,
        loss,
        duplicate: fixed.duplicate,
        duplicate_correlation: corr.dup_corr,
        corrupt: corrupt.probability,
        corrupt_correlation: corrupt.correlation,
        reorder: reorder.probability,
        reorder_correlation: reorder.correlation,
        gap: fixed.gap,
        rate: attributes.get_rate64().unwrap_or(u64::from(rate.rate)),
        packet_overhead: rate.packet_overhead,
        cell_size: rate.cell_size,
        cell_overhead: rate.cell_overhead,
        ecn: attributes.get_ecn().unwrap_or(0) != 0,
        slot: Slot {
            min: slot.min_delay as u64,
            max: slot.max_delay as u64,
            packets: slot.max_packets as u32,
            bytes: slot.max_bytes as u32,
        },
        seed: None,
        table: Vec::new(),
    }
}
