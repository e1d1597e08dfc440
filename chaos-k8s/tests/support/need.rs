//! [`Need`]: what a machine must have for a test, found out without the engines, which are what is tested.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};

use caps::{CapSet, Capability};
use netlink_bindings::nftables::Nfgenmsg;
use netlink_bindings::tc::{TcNetemQopt, Tcmsg};
use netlink_bindings::{nftables, tc};
use netlink_socket2::NetlinkSocket;

use super::Scratch;

/// Something that not every machine has. Its name in `CHAOS_REQUIRE` is [`Need::name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// The rights of root over namespaces and networks: CAP_SYS_ADMIN and CAP_NET_ADMIN.
    Root,
    /// nf_tables.
    Nft,
    /// The queueing discipline netem.
    Netem,
    /// Filters of BPF at a device's clsact.
    Filters,
    /// The first version of cgroups, with the controllers cpu and memory.
    Cgroup1,
    /// The second version of cgroups, with the controllers cpu and memory.
    Cgroup2,
    /// TUN devices.
    Tun,
    /// BPF at a device's own hook, tcx, and the right to put it there.
    Tcx,
    /// The right to trace the processes of others: CAP_SYS_PTRACE.
    Ptrace,
    /// A Kubernetes API server to do anything to; see [`kubeconfig`].
    Api,
    /// A node of a Kubernetes test cluster, on the kernel of this machine.
    Nodes,
    /// The same with a kernel of its own.
    UmlNodes,
    /// The time for tests that take longer than a change can wait for, as `cargo xtask nightly` has it.
    Thorough,
    /// Time namespaces, and the right to set clocks in one: CAP_SYS_TIME.
    TimeNamespaces,
}

/// The kubeconfig of a cluster that is there for tests: the one that `CHAOS_KUBECONFIG` names, or the testbed's. KUBECONFIG
/// alone may name a cluster that somebody needs.
pub(crate) fn kubeconfig() -> Option<OsString> {
    let of_testbed = || std::env::var_os("TESTBED_NAME").and_then(|_| std::env::var_os("KUBECONFIG"));
    std::env::var_os("CHAOS_KUBECONFIG").or_else(of_testbed)
}

impl Need {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Nft => "nft",
            Self::Netem => "netem",
            Self::Filters => "filters",
            Self::Cgroup1 => "cgroup1",
            Self::Cgroup2 => "cgroup2",
            Self::Tun => "tun",
            Self::Tcx => "tcx",
            Self::Ptrace => "ptrace",
            Self::Api => "api",
            Self::Nodes => "nodes",
            Self::UmlNodes => "uml-nodes",
            Self::Thorough => "thorough",
            Self::TimeNamespaces => "timens",
        }
    }

    pub(super) fn is_demanded(self) -> bool {
        let demanded = std::env::var("CHAOS_REQUIRE").unwrap_or_default();
        demanded.split(',').any(|name| name.trim() == self.name())
    }

    /// Why this is not here; none where it is.
    fn lack(self) -> Option<String> {
        match self {
            Self::Root => cap(Capability::CAP_SYS_ADMIN).or_else(|| cap(Capability::CAP_NET_ADMIN)),
            Self::Nft => cap(Capability::CAP_SYS_ADMIN).or_else(|| in_scratch("nf_tables", nft)),
            Self::Netem => cap(Capability::CAP_SYS_ADMIN).or_else(|| in_scratch("netem", netem)),
            Self::Filters => match fs::exists("/proc/sys/kernel/unprivileged_bpf_disabled") {
                Ok(true) => cap(Capability::CAP_SYS_ADMIN).or_else(|| in_scratch("clsact", clsact)),
                _ => Some("no BPF".to_owned()),
            },
            Self::Cgroup1 => {
                (!has_cgroup1()).then(|| "no cgroup v1 with cpu and memory is mounted".to_owned())
            }
            Self::Cgroup2 => {
                (!has_cgroup2()).then(|| "no cgroup v2 with cpu and memory is mounted".to_owned())
            }
            Self::Tun => {
                let opened = OpenOptions::new().read(true).write(true).open("/dev/net/tun");
                opened.err().map(|error| format!("no /dev/net/tun ({error})"))
            }
            // The hook came with Linux 6.6; this file is there where bpf(2) is.
            Self::Tcx if release() < Some((6, 6)) => Some("no tcx before Linux 6.6".to_owned()),
            Self::Tcx if !fs::exists("/proc/sys/kernel/unprivileged_bpf_disabled").unwrap_or(false) => {
                Some("no bpf(2)".to_owned())
            }
            Self::Tcx => cap(Capability::CAP_BPF),
            Self::Ptrace => cap(Capability::CAP_SYS_PTRACE),
            Self::Api => kubeconfig()
                .is_none()
                .then(|| "no CHAOS_KUBECONFIG names the kubeconfig of a test cluster".to_owned()),
            Self::Nodes | Self::UmlNodes => {
                let has = std::env::var("CHAOS_CLUSTER").unwrap_or_default();
                let is_there = has.split(',').any(|name| name == self.name());
                (!is_there).then(|| format!("no {} in CHAOS_CLUSTER, which a test cluster sets", self.name()))
            }
            Self::Thorough => std::env::var_os("CHAOS_THOROUGH")
                .is_none()
                .then(|| "CHAOS_THOROUGH is not set, as `cargo xtask nightly` does".to_owned()),
            Self::TimeNamespaces => {
                let there = fs::exists("/proc/self/ns/time_for_children").unwrap_or(false);
                if there { cap(Capability::CAP_SYS_TIME) } else { Some("no time namespaces".to_owned()) }
            }
        }
    }
}

/// What this machine has, each looked for once.
#[derive(Debug, Default)]
pub(super) struct Machine {
    seen: Vec<(Need, Option<String>)>,
}

impl Machine {
    /// The first of `needs` that is not here, and why.
    pub(super) fn missing(&mut self, needs: &[Need]) -> Option<(Need, String)> {
        needs.iter().find_map(|need| self.lack(*need).map(|reason| (*need, reason)))
    }

    fn lack(&mut self, need: Need) -> Option<String> {
        let seen = self.seen.iter().find(|(known, _)| *known == need).map(|(_, lack)| lack.clone());
        seen.unwrap_or_else(|| {
            let lack = need.lack();
            self.seen.push((need, lack.clone()));
            lack
        })
    }
}

fn cap(cap: Capability) -> Option<String> {
    let has = caps::has_cap(None, CapSet::Effective, cap).unwrap();
    (!has).then(|| format!("no {cap}"))
}

/// The first two numbers of the kernel's release.
fn release() -> Option<(u32, u32)> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|number| number.parse().ok());
    Some((numbers.next()?, numbers.next()?))
}

fn in_scratch(what: &str, look: fn() -> std::io::Result<()>) -> Option<String> {
    let scratch = Scratch::new();
    scratch.inside(look).err().map(|error| format!("no {what} ({error})"))
}

fn nft() -> std::io::Result<()> {
    let mut socket = NetlinkSocket::new();
    let request = nftables::Request::new().op_getgen_do(&Nfgenmsg::new());
    socket.request(&request)?.recv_one()?;
    Ok(())
}

fn netem() -> std::io::Result<()> {
    let header = Tcmsg { ifindex: 1, parent: u32::MAX, ..Tcmsg::new() };
    let mut request = tc::Request::new().set_create().op_newqdisc_do(&header);
    request.encode().nested_options_netem(&TcNetemQopt { limit: 1000, ..TcNetemQopt::new() });
    NetlinkSocket::new().request(&request)?.recv_ack()?;
    Ok(())
}

fn clsact() -> std::io::Result<()> {
    let header = Tcmsg { ifindex: 1, handle: 0xffff_0000, parent: 0xffff_fff1, ..Tcmsg::new() };
    let mut request = tc::Request::new().set_create().op_newqdisc_do(&header);
    request.encode().push_kind(c"clsact");
    NetlinkSocket::new().request(&request)?.recv_ack()?;
    Ok(())
}

/// The mounted file systems, as (where, type, options of the superblock): proc_pid_mountinfo(5).
fn mounts() -> Vec<(String, String, String)> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mount = |line: &str| {
        let (front, back) = line.split_once(" - ")?;
        let mut back = back.split(' ');
        Some((front.split(' ').nth(4)?.to_owned(), back.next()?.to_owned(), back.nth(1)?.to_owned()))
    };
    table.lines().filter_map(mount).collect()
}

fn has_cgroup1() -> bool {
    let mounts = mounts();
    let has = |controller: &str| {
        mounts.iter().any(|(_, kind, options)| {
            kind == "cgroup" && options.split(',').any(|option| option == controller)
        })
    };
    has("cpu") && has("memory")
}

fn has_cgroup2() -> bool {
    mounts().iter().filter(|(_, kind, _)| kind == "cgroup2").any(|(at, ..)| {
        let controllers = fs::read_to_string(format!("{at}/cgroup.controllers")).unwrap_or_default();
        ["cpu", "memory"].iter().all(|wanted| controllers.split_whitespace().any(|name| name == *wanted))
    })
}
