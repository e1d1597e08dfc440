//! The network: each piece made for a moment in a namespace of its own.

use super::finding::{Finding, State};
use crate::node::net::trial::{self, Piece};
use crate::node::netns;

pub(super) fn look() -> Vec<Finding> {
    let tried = match netns::aside(trial::here) {
        Ok(Some(tried)) => Ok(tried),
        Ok(None) => {
            Err("no right to make a network namespace to try it in: run with CAP_SYS_ADMIN".to_owned())
        }
        Err(error) => Err(error.to_string()),
    };
    let state = |piece: Piece| match &tried {
        Err(because) => State::NotLookedAt { because: because.clone() },
        Ok(tried) => match tried.of(piece) {
            None => State::Works,
            Some(said) => State::Missing { because: said.to_owned() },
        },
    };
    Piece::ALL.into_iter().map(|piece| finding(piece, state(piece))).collect()
}

fn finding(piece: Piece, state: State) -> Finding {
    let (what_for, brought_by, without) = match piece {
        Piece::Tables => (
            "faults on packets that the kernel ends with this program",
            "Linux 5.12 with module nf_tables",
            "the same by filters of BPF (clsact filters); refusal, and all where there are none, with a guardian; no DNS \
             faults, and none through this process",
        ),
        Piece::PlainTables => (
            "picking packets; partition, loss, refusal",
            "module nf_tables",
            "all but refusal, DNS faults and packets through this process, by filters of BPF (clsact filters)",
        ),
        Piece::Egress => (
            "packets on their way out, behind everything else",
            "Linux 5.16 with CONFIG_NETFILTER_EGRESS",
            "the same by filters of BPF (clsact filters); packets on their way in, refusal",
        ),
        Piece::Forward => (
            "the siding: delay, rate and all of netem without touching a device's qdiscs",
            "module nft_fwd_netdev",
            "the same by filters of BPF (clsact filters); refusal",
        ),
        Piece::Reject => ("refusal", "module nft_reject_inet", "partition, loss"),
        Piece::Random => ("loss by the table alone", "module nft_numgen", "loss by netem"),
        Piece::Ifb => ("the siding's device", "module ifb", "partition, loss, refusal"),
        Piece::Htb => ("bandwidth; the siding's classes", "module sch_htb", "partition, loss, refusal"),
        Piece::Netem => (
            "delay, loss, duplication, corruption and reordering by the kernel",
            "module sch_netem (Ubuntu: linux-modules-extra, Fedora: kernel-modules-extra)",
            "the same through this process (tun, packet socket, tcx); partition, loss, refusal and bandwidth by the kernel",
        ),
        Piece::NetemSeed => {
            ("draws of the kernel that can be replayed", "Linux 6.3", "draws of the kernel's own")
        }
        Piece::Nesting => (
            "overlapping faults whose effects no single netem has",
            "Linux 5.10.232, 5.15.175, 6.1.121, 6.6.67, 6.12.6 or 6.13",
            "overlapping faults that one netem can do: delays add up, a loss beside a delay",
        ),
        Piece::Tun => (
            "packets through this process: netem without sch_netem, packet faults of your own",
            "module tun, and /dev/net/tun in the container",
            "faults by the kernel",
        ),
        Piece::PacketSocket => (
            "packets through this process on their way out",
            "CAP_NET_RAW, and CONFIG_PACKET",
            "faults by the kernel; packets through this process on their way in",
        ),
        Piece::Redirect => (
            "packets through this process on their way in",
            "Linux 6.6 with CONFIG_BPF_SYSCALL and CONFIG_NET_XGRESS, and CAP_BPF",
            "faults by the kernel; packets through this process on their way out",
        ),
        Piece::Filters => (
            "packets where nf_tables has no owned tables, egress hook or fwd",
            "Linux 4.18 with modules sch_ingress and cls_bpf; CAP_BPF with CAP_NET_ADMIN, before 5.8 CAP_SYS_ADMIN",
            "what nf_tables picks",
        ),
        Piece::Mirred => (
            "delay, rate and all of netem by these filters",
            "module act_mirred",
            "partition and loss by them; what nf_tables picks",
        ),
    };
    Finding { group: "network", name: piece.name(), what_for, brought_by, without, state }
}
