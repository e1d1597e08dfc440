//! From [`Netem`] to the kernel's options, the limit that a delay needs, and several netems in one.

use std::time::Duration;

use chaos_core::Percent;

use crate::node::net::jitter;
use crate::node::net::kernel::{Loss, NetemOptions, Slot};
use crate::node::net::rule::{LossModel, Netem, Odds};

/// As many bytes a second as a packet may come where no rate is said: 10 Gbit/s.
const FASTEST: u64 = 10_000_000_000 / 8;
/// Small packets, in bytes: what fills a queue of packets first.
const SMALL: u64 = 200;
/// netem's own default.
const FEWEST: u64 = 1_000;
/// Some 2 GiB of kernel memory when all of them are small, and no more packets than a minute of 1 Gbit/s.
const MOST: u64 = 4_000_000;

/// The options of one netem.
pub(crate) fn options(netem: &Netem) -> NetemOptions {
    let (duplicate, duplicate_correlation) = odds(netem.duplicate);
    let (corrupt, corrupt_correlation) = odds(netem.corrupt);
    let (reorder, reorder_correlation) = odds(netem.reorder.map(|reorder| reorder.odds));
    let slot = netem.slot.as_ref().map_or_else(Slot::default, |slot| Slot {
        min: nanos(slot.min),
        max: nanos(slot.max),
        packets: slot.packets,
        bytes: slot.bytes,
    });
    NetemOptions {
        limit: netem.limit.unwrap_or_else(|| limit(netem)),
        latency: nanos(netem.delay),
        jitter: nanos(netem.jitter),
        delay_correlation: part(netem.delay_correlation),
        loss: netem.loss.map_or(Loss::None, loss),
        duplicate,
        duplicate_correlation,
        corrupt,
        corrupt_correlation,
        reorder,
        reorder_correlation,
        gap: netem.reorder.map_or(0, |reorder| reorder.gap),
        rate: netem.rate.map_or(0, |rate| rate.bytes_per_second()),
        packet_overhead: netem.packet_overhead,
        cell_size: netem.cell_size,
        cell_overhead: netem.cell_overhead,
        ecn: netem.ecn,
        slot,
        seed: netem.seed,
        table: jitter::table(&netem.distribution).unwrap_or_default(),
    }
}

/// How many packets wait at most: what comes within the longest wait. A queue of netem's default of 1,000 packets turns a
/// delay of 100 ms into loss at 120 Mbit/s already.
fn limit(netem: &Netem) -> u32 {
    let longest = netem.delay + netem.jitter * 4 + netem.slot.map_or(Duration::ZERO, |slot| slot.max);
    let rate = netem.rate.map_or(FASTEST, |rate| rate.bytes_per_second());
    // A link of its own rate holds what comes faster for a while, as a router does.
    let behind_a_rate = if netem.rate.is_some() { rate / 5 } else { 0 };
    let waiting = u128::from(rate) * longest.as_nanos() / 1_000_000_000 + u128::from(behind_a_rate);
    let packets = u64::try_from(waiting / u128::from(SMALL)).unwrap_or(MOST);
    packets.clamp(FEWEST, MOST) as u32
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A share as the kernel counts it: of 2^32 - 1.
fn part(percent: Percent) -> u32 {
    (percent.value() / 100.0 * f64::from(u32::MAX)).round() as u32
}

fn odds(odds: Option<Odds>) -> (u32, u32) {
    odds.map_or((0, 0), |odds| (part(odds.percent), part(odds.correlation)))
}

fn loss(model: LossModel) -> Loss {
    match model {
        LossModel::Random(odds) => {
            Loss::Random { chance: part(odds.percent), correlation: part(odds.correlation) }
        }
        // `loss_gilb_ell` (net/sched/sch_netem.c): lost in the bad state unless below h; lost in the good one below k1.
        LossModel::GilbertElliott { p, r, bad, good } => {
            Loss::GilbertElliott { p: part(p), r: part(r), h: u32::MAX - part(bad), k1: part(good) }
        }
        LossModel::FourState { p13, p31, p32, p23, p14 } => {
            Loss::FourState { p13: part(p13), p31: part(p31), p32: part(p32), p14: part(p14), p23: part(p23) }
        }
    }
}

/// Several netems as one that does the same, where there is one: fixed delays add up, and any effect that only one of them has
/// stays as it is. A duplicate and a loss of different netems have none: netem gives a packet that is drawn for both once.
pub(crate) fn merged(netems: &[NetemOptions]) -> Option<NetemOptions> {
    let (first, rest) = netems.split_first()?;
    rest.iter().try_fold(first.clone(), |sum, next| add(&sum, next))
}

fn add(a: &NetemOptions, b: &NetemOptions) -> Option<NetemOptions> {
    let strays = |options: &NetemOptions| options.jitter > 0 || options.reorder > 0 || options.gap > 0;
    let paces = |options: &NetemOptions| options.rate > 0 || options.slot != Slot::default();
    let loses = |options: &NetemOptions| options.loss != Loss::None;
    let copies = |options: &NetemOptions| options.duplicate > 0;
    let spoils = |options: &NetemOptions| options.corrupt > 0;
    let same = [strays, paces, loses, copies, spoils].iter().any(|has| has(a) && has(b));
    let crossed = (copies(a) && loses(b)) || (copies(b) && loses(a));
    // What overtakes skips the delay of its own netem only; a rate holds a packet after its delay.
    let order = (a.latency > 0 && (b.reorder > 0 || b.gap > 0 || paces(b)))
        || (b.latency > 0 && (a.reorder > 0 || a.gap > 0 || paces(a)));
    let seeds = a.seed.is_some() && b.seed.is_some();
    if same || crossed || order || seeds {
        return None;
    }
    let either = |has: fn(&NetemOptions) -> bool| if has(b) { b } else { a };
    let (wander, pace) = (either(strays), either(paces));
    let (lossy, copier, spoiler) = (either(loses), either(copies), either(spoils));
    Some(NetemOptions {
        // What waits in both.
        limit: a.limit.saturating_add(b.limit).min(MOST as u32),
        latency: a.latency.saturating_add(b.latency),
        jitter: wander.jitter,
        delay_correlation: wander.delay_correlation,
        reorder: wander.reorder,
        reorder_correlation: wander.reorder_correlation,
        gap: wander.gap,
        table: wander.table.clone(),
        loss: lossy.loss,
        ecn: lossy.ecn,
        duplicate: copier.duplicate,
        duplicate_correlation: copier.duplicate_correlation,
        corrupt: spoiler.corrupt,
        corrupt_correlation: spoiler.corrupt_correlation,
        rate: pace.rate,
        packet_overhead: pace.packet_overhead,
        cell_size: pace.cell_size,
        cell_overhead: pace.cell_overhead,
        slot: pace.slot,
        seed: a.seed.or(b.seed),
    })
}

#[cfg(test)]
mod tests {
    use chaos_core::units::ms;

    use super::*;
    use crate::node::net::rule::Bandwidth;

    fn percent(value: f64) -> Percent {
        Percent::try_new(value).unwrap()
    }

    #[test]
    fn a_delay_never_turns_into_loss() {
        let limit_of = |netem: Netem| options(&netem).limit;
        assert_eq!(limit_of(Netem { delay: ms(1), ..Netem::default() }), 6_250);
        assert_eq!(
            limit_of(Netem { loss: Some(LossModel::Random(percent(1.0).into())), ..Netem::default() }),
            1_000
        );
        let slow = Netem { delay: ms(100), rate: Some(Bandwidth::kbit(80).unwrap()), ..Netem::default() };
        assert_eq!(limit_of(slow), 1_000);
        assert_eq!(limit_of(Netem { delay: Duration::from_secs(3_600), ..Netem::default() }), 4_000_000);
        assert_eq!(limit_of(Netem { delay: ms(100), limit: Some(5), ..Netem::default() }), 5);
    }

    #[test]
    fn one_netem_for_several_where_it_does_the_same() {
        let delay = options(&Netem { delay: ms(20), ..Netem::default() });
        let stray = options(&Netem { delay: ms(30), jitter: ms(1), ..Netem::default() });
        let twice = options(&Netem { duplicate: Some(percent(10.0).into()), ..Netem::default() });
        let loss = options(&Netem { loss: Some(LossModel::Random(percent(1.0).into())), ..Netem::default() });
        let both = merged(&[delay.clone(), stray.clone(), twice.clone()]).unwrap();
        assert_eq!((both.latency, both.jitter), (50_000_000, 1_000_000));
        assert_eq!(both.duplicate, twice.duplicate);
        assert!(merged(&[stray.clone(), stray]).is_none());
        assert!(merged(&[loss, twice]).is_none());
        assert_eq!(merged(std::slice::from_ref(&delay)), Some(delay));
    }

    #[test]
    fn shares_are_of_all_bits() {
        assert_eq!(part(percent(100.0)), u32::MAX);
        assert_eq!(part(percent(50.0)), 0x8000_0000);
        let model = LossModel::GilbertElliott {
            p: percent(1.0),
            r: percent(10.0),
            bad: percent(100.0),
            good: percent(0.0),
        };
        assert!(matches!(loss(model), Loss::GilbertElliott { h: 0, k1: 0, .. }));
    }
}
