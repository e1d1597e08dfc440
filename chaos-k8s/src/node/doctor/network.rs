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
    let (name, what_for, brought_by, without) = match piece {
        Piece::Tables => (
            "nf_tables",
            "picking packets; partition, loss, refusal; faults that end with this program",
            "Linux 5.12 with module nf_tables",
            "nothing on packets of other programs",
        ),
        Piece::Egress => (
            "egress hook",
            "packets on their way out, behind everything else",
            "Linux 5.16 with CONFIG_NETFILTER_EGRESS",
            "packets on their way in",
        ),
        Piece::Forward => (
            "nft fwd",
            "the siding: delay, rate and all of netem without touching a device's qdiscs",
            "module nft_fwd_netdev",
            "partition, loss, refusal",
        ),
        Piece::Reject => ("nft reject", "refusal", "module nft_reject_inet", "partition, loss"),
        Piece::Random => ("nft numgen", "loss by the table alone", "module nft_numgen", "loss by netem"),
        Piece::Ifb => ("ifb", "the siding's device", "module ifb", "partition, loss, refusal"),
        Piece::Htb => {
            ("htb", "bandwidth; the siding's classes", "module sch_htb", "partition, loss, refusal")
        }
        Piece::Netem => (
            "netem",
            "delay, loss, duplication, corruption and reordering by the kernel",
            "module sch_netem (Ubuntu: linux-modules-extra, Fedora: kernel-modules-extra)",
            "the same through this process (tun, packet socket, tcx); partition, loss, refusal and bandwidth by the kernel",
        ),
        Piece::NetemSeed => (
            "netem seed",
            "draws of the kernel that can be replayed",
            "Linux 6.3",
            "draws of the kernel's own",
        ),
        Piece::Tun => (
            "tun",
            "packets through this process: netem without sch_netem, packet faults of your own",
            "module tun, and /dev/net/tun in the container",
            "faults by the kernel",
        ),
        Piece::PacketSocket => (
            "packet socket",
            "packets through this process on their way out",
            "CAP_NET_RAW, and CONFIG_PACKET",
            "faults by the kernel; packets through this process on their way in",
        ),
        Piece::Redirect => (
            "tcx",
            "packets through this process on their way in",
            "Linux 6.6 with CONFIG_BPF_SYSCALL and CONFIG_NET_XGRESS, and CAP_BPF",
            "faults by the kernel; packets through this process on their way out",
        ),
    };
    Finding { group: "network", name, what_for, brought_by, without, state }
}
