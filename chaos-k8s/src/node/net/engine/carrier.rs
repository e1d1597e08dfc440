//! By what a rule acts: the one place that decides it, from what the kernel can do, and says it in words. What nothing here
//! carries is refused, by the name of what is missing, before the target is touched.

use caps::{CapSet, Capability};
use chaos_core::{Error, Owner, Result};

use crate::node::net::own::Figures;
use crate::node::net::plan::{Act, Picked, Picker, Way};
use crate::node::net::rule::{AnyEffect, Asked, Carrier, Effect, LossModel, Netem};
use crate::node::net::trial::{self, Piece, Tried};
use crate::node::netns;

/// How a rule is carried out, and what a plan says of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    pub(super) act: Act,
    pub(super) words: String,
    /// Who takes it back when this process dies.
    pub(super) owner: Owner,
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
    netns::aside(trial::here).ok().flatten().unwrap_or_else(Tried::unknown)
}

/// The first of the [`candidates`] that lacks nothing here.
pub(super) fn choose(tried: &Tried, asked: &Asked) -> Result<Choice> {
    asked.effect.check()?;
    let mut missing: Vec<&'static str> = Vec::new();
    let mut said = Vec::new();
    for act in candidates(asked)? {
        let Some(lacks) = lack(tried, asked, act) else {
            return Ok(chosen(tried, asked, act, missing.first().copied()));
        };
        for (name, reason) in lacks {
            if !missing.contains(&name) {
                missing.push(name);
                said.push(format!("{name} ({reason})"));
            }
        }
    }
    Err(Error::refused(format!("this kernel does not have {}", said.join("; nor, for another way, "))))
}

/// All by which this fault can be carried out, the best first.
fn candidates(asked: &Asked) -> Result<Vec<Act>> {
    let by_kernel = match &asked.effect {
        AnyEffect::Data(Effect::Drop) => vec![Act::Drop],
        AnyEffect::Data(Effect::Refuse(how)) => vec![Act::Refuse(*how)],
        AnyEffect::Data(Effect::Bandwidth(_)) => vec![Act::Ifb],
        AnyEffect::Data(Effect::Netem(netem)) => {
            loss_alone(netem).map(Act::Lose).into_iter().chain([Act::Ifb]).collect()
        }
        AnyEffect::Own(_) => Vec::new(),
    };
    let is_ours = matches!(asked.effect, AnyEffect::Data(Effect::Netem(_)) | AnyEffect::Own(_));
    let by_process = if is_ours { vec![Act::Process] } else { Vec::new() };
    let (all, refused) = match asked.carrier {
        Carrier::Automatic => ([by_kernel, by_process].concat(), ""),
        Carrier::Kernel => (
            by_kernel,
            "a packet fault of your own goes through this process, not by the kernel: leave the carrier out",
        ),
        Carrier::Process => (
            by_process,
            "only netem and packet faults of your own go through this process; drop, refusal and bandwidth are the kernel's: leave the \
             carrier out",
        ),
    };
    if all.is_empty() { Err(Error::invalid(refused)) } else { Ok(all) }
}

/// Of a million packets, how many are lost, where that is all and each is lost on its own: it needs no qdisc.
fn loss_alone(netem: &Netem) -> Option<u32> {
    let Some(LossModel::Random(odds)) = netem.loss else { return None };
    let alone = Netem { loss: netem.loss, ..Netem::default() };
    let is_alone = odds.correlation.is_zero() && *netem == alone;
    is_alone.then(|| odds.percent.floor_of(1_000_000) as u32)
}

/// What holds for all rules of a namespace.
#[derive(Debug, Clone, Copy)]
pub(super) struct Abilities {
    pub(super) picked: Picked,
    /// A netem may hold another qdisc.
    pub(super) nests: bool,
    /// Tables end with their socket.
    pub(super) owned: bool,
}

pub(super) fn abilities(tried: &Tried) -> Abilities {
    let has = |piece| tried.of(piece).is_none();
    Abilities { picked: picked(tried), nests: has(Piece::Nesting), owned: has(Piece::Tables) }
}

/// What picks the packets on each way: what the kernel ends with this process goes first, a table before filters.
fn picked(tried: &Tried) -> Picked {
    let by = |way| {
        let has_table = table_lack(tried, way).is_none() && tried.of(Piece::Tables).is_none();
        if has_table || tried.of(Piece::Filters).is_some() { Picker::Table } else { Picker::Filter }
    };
    Picked { out: by(Way::Out), inward: by(Way::In) }
}

/// What a table that picks packets on this way needs and the kernel does not have.
fn table_lack(tried: &Tried, way: Way) -> Option<Piece> {
    let needs = [(true, Piece::PlainTables), (way == Way::Out, Piece::Egress), (true, Piece::Forward)];
    needs.into_iter().find_map(|(needed, piece)| (needed && tried.of(piece).is_some()).then_some(piece))
}

/// What `act` needs for this fault and this kernel does not have, and how that shows; `None` where it has all. Second is what would
/// do in place of the first.
fn lack<'a>(tried: &'a Tried, asked: &Asked, act: Act) -> Option<Vec<(&'static str, &'a str)>> {
    let (picked, refuses, over_ifb) = (picked(tried), matches!(act, Act::Refuse(_)), act == Act::Ifb);
    let (is_out, is_in) = (asked.direction.is_out(), asked.direction.is_in());
    let here = act == Act::Process;
    let picks =
        |picker| !refuses && !here && asked.direction.ways().iter().any(|way| picked.by(*way) == picker);
    let by_table = here || picks(Picker::Table);
    let needs = [
        (
            refuses || by_table,
            Piece::PlainTables,
            "nf_tables: the module nf_tables is needed, and Linux 5.12 or later for faults that need no guardian",
        ),
        (
            here,
            Piece::Tables,
            "owned tables of nf_tables: Linux 5.12 or later is needed for packets through this process",
        ),
        (
            by_table && is_out && (here || picked.out == Picker::Table),
            Piece::Egress,
            "the egress hook of nf_tables: Linux 5.16 or later is needed for packets on their way out; packets on their way in work \
             without",
        ),
        (
            by_table,
            Piece::Forward,
            "`fwd` of nf_tables: the module nft_fwd_netdev is needed; refusal works without",
        ),
        (
            by_table && matches!(act, Act::Lose(_)),
            Piece::Random,
            "random numbers of nf_tables: the module nft_numgen is needed",
        ),
        (
            over_ifb && picks(Picker::Filter),
            Piece::Mirred,
            "filters that redirect: the module act_mirred is needed; drop and random loss work without",
        ),
        (refuses, Piece::Reject, "refusal by nf_tables: the module nft_reject_inet is needed"),
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
        (over_ifb && asked.is_netem(), Piece::Netem, NO_NETEM),
        (
            here,
            Piece::Tun,
            "TAP devices, by which packets come to this process: the module tun, and /dev/net/tun in the container, are needed",
        ),
        (
            here && is_out,
            Piece::PacketSocket,
            "packet sockets, by which packets leave this process: CAP_NET_RAW (and CONFIG_PACKET) is needed for packets on their way \
             out; packets on their way in work without",
        ),
        (
            here && is_in,
            Piece::Redirect,
            "tcx, by which a device receives what comes from this process: Linux 6.6 or later with BPF, and CAP_BPF, are needed for \
             packets on their way in; packets on their way out work without",
        ),
    ];
    let mut needs = needs.into_iter().filter(|(needed, ..)| *needed);
    let (piece, first) =
        needs.find_map(|(_, piece, name)| tried.of(piece).map(|said| (piece, (name, said))))?;
    let has_other_way =
        !refuses && !here && [Piece::PlainTables, Piece::Egress, Piece::Forward].contains(&piece);
    let other = tried.of(Piece::Filters).filter(|_| has_other_way).map(|said| (NO_FILTERS, said));
    Some([first].into_iter().chain(other).collect())
}

const NO_FILTERS: &str = "filters of BPF: Linux 4.18 or later with the modules sch_ingress and cls_bpf is needed, and CAP_BPF with \
                          CAP_NET_ADMIN (before 5.8 CAP_SYS_ADMIN)";

const NO_NETEM: &str = "the qdisc netem: the module sch_netem is needed (package linux-modules-extra or kernel-modules-extra); drop, random \
                        loss, refusal and bandwidth work without";

/// What a plan says of it, and its owner; `without` is what is missing for a better way.
fn chosen(tried: &Tried, asked: &Asked, act: Act, without: Option<&str>) -> Choice {
    let owned = tried.of(Piece::Tables).is_none();
    let table = if owned {
        "an owned nftables table"
    } else {
        "an nftables table that a guardian takes back (no owned tables of nf_tables here)"
    };
    let (picked, always) = (picked(tried), matches!(act, Act::Refuse(_) | Act::Process));
    let ways = asked.direction.ways().into_iter();
    let (by_table, by_filter): (Vec<Way>, Vec<Way>) =
        ways.partition(|way| always || picked.by(*way) == Picker::Table);
    let pickers = match by_filter.first() {
        None => table.to_owned(),
        Some(way) => {
            let lacking = match table_lack(tried, *way) {
                _ if !owned => "no owned tables of nf_tables",
                Some(Piece::Egress) => "no egress hook of nf_tables",
                _ => "no `fwd` of nf_tables",
            };
            let filters = format!("filters of BPF at clsact ({lacking} here)");
            if by_table.is_empty() { filters } else { format!("{filters} and, on the way in, {table}") }
        }
    };
    let way = match act {
        Act::Drop | Act::Lose(_) => format!("by {pickers}"),
        Act::Refuse(_) => format!("refused by {pickers}"),
        Act::Ifb => format!("aside by {pickers} over a device of ours"),
        Act::Process => {
            let figures = Figures::of(asked.frames());
            format!("aside by {pickers} through this process ({figures})")
        }
    };
    let without = without.and_then(|name| name.split(':').next());
    let words = without.map_or(way.clone(), |name| format!("{way}, since this kernel does not have {name}"));
    let owner = if owned || by_table.is_empty() { Owner::Kernel } else { Owner::Guardian };
    Choice { act, words, owner }
}

#[cfg(test)]
mod tests {
    use chaos_core::Percent;
    use chaos_core::units::ms;

    use super::*;
    use crate::node::net::{self, Bandwidth, Flow, NetRule};

    fn chosen(missing: &[Piece], rule: impl Into<NetRule>) -> Result<Act> {
        choose(&Tried::lacking(missing), &Asked::from(&rule.into())).map(|choice| choice.act)
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
        assert!(refused(&[Piece::Netem], slow().carrier(Carrier::Kernel)).contains("sch_netem"));
        let neither = refused(&[Piece::Netem, Piece::Tun], slow());
        assert!(neither.contains("sch_netem") && neither.contains("/dev/net/tun"), "{neither}");
        assert!(refused(&[Piece::Netem, Piece::PacketSocket], slow()).contains("CAP_NET_RAW"));
        assert!(refused(&[Piece::Netem, Piece::Redirect], slow().between(Flow::all())).contains("tcx"));
        let said = refused(&[Piece::Egress, Piece::Filters], slow());
        assert!(said.contains("egress hook") && said.contains("cls_bpf"), "{said}");
        assert_eq!(chosen(&[Piece::Egress, Piece::Filters], slow().from(Flow::all())).unwrap(), Act::Ifb);
        let none = [Piece::Tables, Piece::PlainTables, Piece::Filters];
        assert!(refused(&none, net::drop()).contains("nf_tables"));
        assert!(refused(&none[..2], net::refuse(net::Refusal::Reset)).contains("nf_tables"));
        let said = refused(&[Piece::Egress, Piece::Mirred], slow());
        assert!(said.contains("act_mirred") && said.contains("egress"), "{said}");
        // What goes through this process needs a table that is owned.
        let said = refused(&[Piece::Tables, Piece::Netem], slow());
        assert!(said.contains("sch_netem") && said.contains("owned tables"), "{said}");
    }

    #[test]
    fn without_netem_it_is_this_process_and_the_plan_says_so() {
        let choose = |rule: NetRule| choose(&Tried::lacking(&[Piece::Netem]), &Asked::from(&rule)).unwrap();
        let slow = choose(net::delay(ms(10)).into());
        assert_eq!(slow.act, Act::Process);
        assert_eq!(
            slow.words,
            "aside by an owned nftables table through this process (about 60,000 packets/s, 7 Gbit/s, 8 us more for each), since this \
             kernel does not have the qdisc netem"
        );
        assert!(choose(net::corrupt(Percent::try_new(1).unwrap()).into()).words.contains("0.7 Gbit/s"));
        // The others of its pieces are for one way each.
        let outward = Tried::lacking(&[Piece::Netem, Piece::Redirect]);
        assert_eq!(
            super::choose(&outward, &Asked::from(&net::delay(ms(1)).into_rule())).unwrap().act,
            Act::Process
        );
    }

    #[test]
    fn a_carrier_that_is_said_holds() {
        let few = Percent::try_new(1).unwrap();
        assert_eq!(chosen(&[], net::loss(few).carrier(Carrier::Process)).unwrap(), Act::Process);
        assert_eq!(chosen(&[], net::delay(ms(1)).carrier(Carrier::Kernel)).unwrap(), Act::Ifb);
        for rule in [
            net::drop().carrier(Carrier::Process).into_rule(),
            net::bandwidth(Bandwidth::mbit(1).unwrap()).carrier(Carrier::Process).into(),
        ] {
            assert!(chosen(&[], rule).unwrap_err().is_invalid());
        }
    }

    #[test]
    fn filters_pick_what_no_table_can() {
        let few = Percent::try_new(1).unwrap();
        let said = |missing: &[Piece], rule: NetRule| {
            choose(&Tried::lacking(missing), &Asked::from(&rule)).unwrap().words
        };
        assert_eq!(
            said(&[Piece::Egress], net::delay(ms(10)).into()),
            "aside by filters of BPF at clsact (no egress hook of nf_tables here) over a device of ours"
        );
        assert_eq!(
            said(&[Piece::Egress], net::delay(ms(10)).from(Flow::all()).into()),
            "aside by an owned nftables table over a device of ours"
        );
        assert_eq!(
            said(&[Piece::Egress, Piece::Mirred], net::drop().between(Flow::all()).into()),
            "by filters of BPF at clsact (no egress hook of nf_tables here) and, on the way in, an owned nftables table"
        );
        let without_tables =
            [Piece::Tables, Piece::PlainTables, Piece::Egress, Piece::Forward, Piece::Random, Piece::Reject];
        let said = said(&without_tables, net::loss(few).between(Flow::all()).into());
        assert_eq!(said, "by filters of BPF at clsact (no owned tables of nf_tables here)");
        assert_eq!(chosen(&without_tables, net::loss(few)).unwrap(), Act::Lose(10_000));
    }

    #[test]
    fn what_the_kernel_does_not_end_has_a_guardian() {
        let choice =
            |missing: &[Piece], rule: NetRule| choose(&Tried::lacking(missing), &Asked::from(&rule)).unwrap();
        let reset = || net::refuse(net::Refusal::Reset).into_rule();
        assert_eq!(choice(&[], reset()).owner, Owner::Kernel);
        assert_eq!(choice(&[Piece::Tables], net::drop().into()).owner, Owner::Kernel);
        let refused = choice(&[Piece::Tables], reset());
        assert_eq!(refused.owner, Owner::Guardian);
        assert!(refused.words.contains("a guardian takes back (no owned tables"), "{}", refused.words);
        // Nothing but a table that is not owned.
        let old = [Piece::Tables, Piece::Egress, Piece::Filters];
        assert_eq!(choice(&old, net::drop().from(Flow::all()).into()).owner, Owner::Guardian);
        assert!(chosen(&old, net::drop().to(Flow::all())).is_err());
    }
}
