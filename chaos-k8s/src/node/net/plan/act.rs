//! What a rule does with a packet that it meets, as steps of nf_tables.

use std::collections::BTreeMap;

use chaos_core::Result;

use super::combine::Members;
use super::program::Program;
use super::table::{Ours, register};
use super::{Act, Active, Combinations, Way};
use crate::node::net::kernel::expr::{Meta, Op, Reg, Reject};
use crate::node::net::kernel::{Data, Expr, Handle, Set, Verdict};
use crate::node::net::rule::Refusal;

/// The chain of a rule that acts: it counts first.
pub(super) fn acting(
    rule: &Active,
    way: Way,
    combinations: &Combinations,
    priorities: &BTreeMap<Members, Handle>,
    ours: Ours<'_>,
    program: &mut Program,
) -> Result<Vec<Vec<Expr>>> {
    let count = vec![Expr::Counter];
    Ok(match rule.act {
        Act::Drop => vec![count, vanish(way)],
        Act::Lose(share) => {
            let chosen = [
                Expr::Random { below: 1_000_000 },
                Expr::BigEndian,
                Expr::Cmp(Op::Less, share.to_be_bytes().to_vec()),
            ];
            vec![count, [&chosen[..], &vanish(way)].concat()]
        }
        Act::Refuse(how) => [vec![count], refusal(how)].concat(),
        Act::Ifb => {
            let steps = combinations.steps.get(&rule.id).map_or(&[][..], Vec::as_slice);
            let steps: BTreeMap<_, _> = steps
                .iter()
                .map(|(from, to)| (register(priorities[from]).to_vec(), register(priorities[to]).to_vec()))
                .collect();
            let alone = priorities[&Members::from([rule.id])];
            let first = vec![Expr::Load(register(alone)), Expr::SetMeta(Meta::Priority, Reg::A)];
            let set = Set::map(&format!("steps{}", rule.id), Data::ClassId, Data::ClassId)?;
            let steps = program.map(set, steps);
            let next = vec![
                Expr::Meta(Meta::Priority),
                Expr::Map(steps),
                Expr::SetMeta(Meta::Priority, Reg::A),
                Expr::Verdict(Verdict::Return),
            ];
            vec![count, next, first]
        }
        Act::Process => {
            let taps = rule.cells.iter().filter(|cell| cell.way == way).map(|cell| {
                let tap = ours.taps.links.get(&(rule.id, cell.clone())).copied().unwrap_or(0);
                (cell.link.to_ne_bytes().to_vec(), tap.to_ne_bytes().to_vec())
            });
            let taps = taps.collect();
            let set = Set::map(&format!("taps{}-{}", rule.id, way.name()), Data::Device, Data::Device)?;
            let taps = program.map(set, taps);
            let device = if way == Way::Out { Meta::Out } else { Meta::In };
            vec![count, vec![Expr::Meta(device), Expr::Map(taps), Expr::Forward(Reg::A)]]
        }
    })
}

/// A packet that is dropped on its way out is seen by its sender, and TCP then tries again at once instead of backing off. So
/// it is sent to a device that is not there, which frees it and says nothing (net/netfilter/nf_dup_netdev.c,
/// `nf_fwd_netdev_egress`).
fn vanish(way: Way) -> Vec<Expr> {
    const NO_DEVICE: i32 = i32::MAX;
    match way {
        Way::Out => vec![Expr::Load(NO_DEVICE.to_ne_bytes()), Expr::Forward(Reg::A)],
        Way::In => vec![Expr::Verdict(Verdict::Drop)],
    }
}

fn refusal(how: Refusal) -> Vec<Vec<Expr>> {
    let tcp = vec![
        Expr::Meta(Meta::Layer4),
        Expr::Cmp(Op::Equal, vec![nix::libc::IPPROTO_TCP as u8]),
        Expr::Reject(Reject::TcpReset),
    ];
    match how {
        Refusal::Reset => vec![tcp, vec![Expr::Reject(Reject::PortUnreachable)]],
        Refusal::HostUnreachable => vec![vec![Expr::Reject(Reject::HostUnreachable)]],
        Refusal::Prohibited => vec![vec![Expr::Reject(Reject::Prohibited)]],
    }
}
