//! What this kernel cannot do is refused, by name, before the target is touched.

use caps::{CapSet, Capability};
use chaos_core::{Error, Result};

use crate::node::net::plan::{Act, act};
use crate::node::net::rule::{Effect, NetRule};
use crate::node::net::trial::{self, Piece, Tried};
use crate::node::netns;

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

/// Refuses what this kernel cannot do, by the name of what is missing.
pub(super) fn check(tried: &Tried, rule: &NetRule) -> Result<()> {
    rule.effect.check()?;
    let acts = act(&rule.effect);
    let siding = acts == Act::Siding;
    let hooks = !matches!(acts, Act::Refuse(_));
    let needs = [
        (
            true,
            Piece::Tables,
            "owned tables of nf_tables: Linux 5.12 or later with the module nf_tables is needed",
        ),
        (
            hooks && rule.direction.is_out(),
            Piece::Egress,
            "the egress hook of nf_tables: Linux 5.16 or later is needed for packets on their way out; packets on their way in work \
             without",
        ),
        (
            hooks,
            Piece::Forward,
            "`fwd` of nf_tables: the module nft_fwd_netdev is needed; refusal works without",
        ),
        (
            matches!(acts, Act::Lose(_)),
            Piece::Random,
            "random numbers of nf_tables: the module nft_numgen is needed",
        ),
        (!hooks, Piece::Reject, "refusal by nf_tables: the module nft_reject_inet is needed"),
        (
            siding,
            Piece::Ifb,
            "devices of kind ifb: the module ifb is needed; drop, random loss and refusal work without",
        ),
        (
            siding,
            Piece::Htb,
            "the qdisc htb: the module sch_htb is needed; drop, random loss and refusal work without",
        ),
        (
            siding && matches!(rule.effect, Effect::Netem(_)),
            Piece::Netem,
            "the qdisc netem: the module sch_netem is needed (package linux-modules-extra or kernel-modules-extra); drop, random loss, \
             refusal and bandwidth work without",
        ),
    ];
    let missing = needs.into_iter().filter(|(needed, ..)| *needed).find_map(|(_, piece, name)| {
        tried.of(piece).map(|said| format!("this kernel does not have {name} ({said})"))
    });
    missing.map_or(Ok(()), |missing| Err(Error::refused(missing)))
}
