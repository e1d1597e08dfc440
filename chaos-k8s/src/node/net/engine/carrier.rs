//! By what a rule acts: the one place that decides it, from what the kernel can do, and says it in words. What nothing here
//! carries is refused, by the name of what is missing, before the target is touched.

use caps::{CapSet, Capability};
use chaos_core::{Error, Result};

use crate::node::net::plan::Act;
use crate::node::net::rule::{Effect, LossModel, NetRule, Netem};
use crate::node::net::trial::{self, Piece, Tried};
use crate::node::netns;

/// How a rule is carried out, and what a plan says of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    pub(super) act: Act,
    pub(super) words: String,
}

/// Refuses who may not change networks.
pub(super) fn check_rights() -> Result<()> {
    let has = caps::has_cap(None, CapSet::Effective, Capability::CAP_NET_ADMIN)
        .map_err(|source| Error::failed("the rights of this program cannot be read").with_source(source))?;
    if has { Ok(()) } else { Err(Error::refused("network faults need CAP_NET_ADMIN: run with it")) }
}

/// Tries everything in a namespace that is thrown away. Without the right to make one nothing is known, and nothing is
/// refused beforehand.
pub(super) fn this_kernel() -> Tried {
    netns::aside(trial::here).ok().flatten().unwrap_or_default()
}

/// The first of the [`candidates`] that lacks nothing here.
pub(super) fn choose(tried: &Tried, rule: &NetRule) -> Result<Choice> {
    rule.effect.check()?;
    let mut missing = Vec::new();
    for act in candidates(rule) {
        match lack(tried, rule, act) {
            None => return Ok(Choice { act, words: words(act) }),
            Some(lack) => missing.push(lack),
        }
    }
    Err(Error::refused(format!("this kernel does not have {}", missing.join("; nor, for another way, "))))
}

/// All by which this rule can be carried out, the best first.
fn candidates(rule: &NetRule) -> Vec<Act> {
    match &rule.effect {
        Effect::Drop => vec![Act::Drop],
        Effect::Refuse(how) => vec![Act::Refuse(*how)],
        Effect::Bandwidth(_) => vec![Act::Ifb],
        Effect::Netem(netem) => loss_alone(netem).map(Act::Lose).into_iter().chain([Act::Ifb]).collect(),
    }
}

/// Of a million packets, how many are lost, where that is all and each is lost on its own: it needs no qdisc.
fn loss_alone(netem: &Netem) -> Option<u32> {
    let Some(LossModel::Random(odds)) = netem.loss else { return None };
    let alone = Netem { loss: netem.loss, ..Netem::default() };
    let is_alone = odds.correlation.is_zero() && *netem == alone;
    is_alone.then(|| odds.percent.floor_of(1_000_000) as u32)
}

/// What `act` needs for the rule and this kernel does not have.
fn lack(tried: &Tried, rule: &NetRule, act: Act) -> Option<String> {
    let at_devices = !matches!(act, Act::Refuse(_));
    let over_ifb = act == Act::Ifb;
    let needs = [
        (
            true,
            Piece::Tables,
            "owned tables of nf_tables: Linux 5.12 or later with the module nf_tables is needed",
        ),
        (
            at_devices && rule.direction.is_out(),
            Piece::Egress,
            "the egress hook of nf_tables: Linux 5.16 or later is needed for packets on their way out; packets on their way in work \
             without",
        ),
        (
            at_devices,
            Piece::Forward,
            "`fwd` of nf_tables: the module nft_fwd_netdev is needed; refusal works without",
        ),
        (
            matches!(act, Act::Lose(_)),
            Piece::Random,
            "random numbers of nf_tables: the module nft_numgen is needed",
        ),
        (!at_devices, Piece::Reject, "refusal by nf_tables: the module nft_reject_inet is needed"),
        (
            over_ifb,
            Piece::Ifb,
            "devices of kind ifb: the module ifb is needed; drop, random loss and refusal work without",
        ),
        (
            over_ifb,
            Piece::Htb,
            "the qdisc htb: the module sch_htb is needed; drop, random loss and refusal work without",
        ),
        (
            over_ifb && matches!(rule.effect, Effect::Netem(_)),
            Piece::Netem,
            "the qdisc netem: the module sch_netem is needed (package linux-modules-extra or kernel-modules-extra); drop, random loss, \
             refusal and bandwidth work without",
        ),
    ];
    needs
        .into_iter()
        .filter(|(needed, ..)| *needed)
        .find_map(|(_, piece, name)| tried.of(piece).map(|said| format!("{name} ({said})")))
}

fn words(act: Act) -> String {
    match act {
        Act::Drop | Act::Lose(_) => "by an owned nftables table",
        Act::Refuse(_) => "refused by an owned nftables table",
        Act::Ifb => "aside by an owned nftables table over a device of ours",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use chaos_core::Percent;
    use chaos_core::units::ms;

    use super::*;
    use crate::node::net::{self, Bandwidth, Flow};

    fn chosen(missing: &[Piece], rule: impl Into<NetRule>) -> Result<Act> {
        choose(&Tried::lacking(missing), &rule.into()).map(|choice| choice.act)
    }

    fn refused(missing: &[Piece], rule: impl Into<NetRule>) -> String {
        let error = chosen(missing, rule).unwrap_err();
        assert!(error.is_refused(), "{error}");
        error.to_string()
    }

    #[test]
    fn what_needs_least_is_chosen() {
        let few = Percent::try_new(1).unwrap();
        assert_eq!(chosen(&[], net::drop()).unwrap(), Act::Drop);
        assert_eq!(chosen(&[Piece::Ifb, Piece::Netem], net::loss(few)).unwrap(), Act::Lose(10_000));
        assert_eq!(chosen(&[Piece::Random], net::loss(few)).unwrap(), Act::Ifb);
        assert_eq!(chosen(&[], net::loss(few).and_corrupt(few)).unwrap(), Act::Ifb);
        assert_eq!(chosen(&[Piece::Netem], net::bandwidth(Bandwidth::mbit(1).unwrap())).unwrap(), Act::Ifb);
    }

    #[test]
    fn what_is_missing_is_named() {
        let slow = || net::delay(ms(10));
        assert!(refused(&[Piece::Netem], slow()).contains("sch_netem"));
        assert!(refused(&[Piece::Egress], slow()).contains("egress"));
        assert_eq!(chosen(&[Piece::Egress], slow().from(Flow::all())).unwrap(), Act::Ifb);
        assert!(refused(&[Piece::Tables], net::drop()).contains("nf_tables"));
    }
}
