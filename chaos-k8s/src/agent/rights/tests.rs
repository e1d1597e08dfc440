use std::net::IpAddr;

use chaos_core::units::secs;

use super::*;
use crate::agent::spec::{
    ContainerCgroup, ContainerProcesses, FaultData, Host, Item, Machine, NodeNetwork, NodeProcesses,
    OwnCgroup, OwnNetwork, PodNetwork, Power, SignalData, Spec, TargetData, Which,
};
use crate::node::net::{self, DnsEffect};
use crate::node::process::{self, Signal};
use crate::node::stress::{self, Amount, Placement};

fn words(fault: impl Into<FaultData>, target: impl Into<TargetData>, ground: Ground) -> String {
    let rights = fault.into().rights_on(&target.into(), ground);
    let words: Vec<String> = rights.iter().map(|(right, _)| right.to_string()).collect();
    words.join(", ")
}

#[test]
fn the_table_of_the_documentation() {
    let address = IpAddr::from([10, 244, 1, 2]);
    let container = "4f1c0b6d2a9e8f7c6b5a4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a";
    let (own, pod) = (OwnNetwork::default(), PodNetwork::of([address]));
    let cgroup = ContainerCgroup::of(container);
    let processes = ContainerProcesses::of(container, Which::First);
    let dns = net::dns(DnsEffect::NxDomain).names("*").unwrap().server(address);
    let busy = || stress::cpu(1).unwrap();
    let spared = stress::memory(Amount::of(1).unwrap()).oom_score_adj(999).unwrap();
    let term = SignalData::once(Signal::TERM);
    const NETNS: &str = "user 0, hostPath /var/run/netns, read-only, NET_ADMIN, SYS_ADMIN";
    const FILES: &str = "user 0, hostPath /sys/fs/cgroup";
    const CROSSING: &str = "user 0, hostPath /sys/fs/cgroup, hostPID, SYS_ADMIN, SYS_PTRACE";
    for (found, wanted) in [
        (words(net::drop(), own.clone(), Ground::Unknown), "user 0, NET_ADMIN"),
        (words(dns.clone(), own, Ground::Unknown), "user 0, NET_ADMIN"),
        (words(net::drop(), pod.clone(), Ground::Unknown), NETNS),
        (words(dns, pod, Ground::Open), NETNS),
        (words(busy(), OwnCgroup::default(), Ground::Unknown), ""),
        (words(spared.clone(), OwnCgroup::default(), Ground::Unknown), "user 0, SYS_RESOURCE"),
        (words(busy(), cgroup.clone(), Ground::Unknown), CROSSING),
        (words(busy(), cgroup.clone(), Ground::Bordered), CROSSING),
        (words(busy(), cgroup.clone(), Ground::Open), FILES),
        (words(busy().placed(Placement::Host), cgroup.clone(), Ground::Bordered), FILES),
        (
            words(stress::disk("/data", Amount::of(1).unwrap()), cgroup.clone(), Ground::Open),
            "user 0, hostPath /sys/fs/cgroup, hostPID, DAC_OVERRIDE, SYS_PTRACE",
        ),
        (words(spared, cgroup, Ground::Open), "user 0, hostPath /sys/fs/cgroup, SYS_RESOURCE"),
        (words(term, processes.clone(), Ground::Unknown), "user 0, hostPID, KILL"),
        (words(term, NodeProcesses::named("kubelet"), Ground::Unknown), "user 0, hostPID, KILL"),
        (words(Power::Off, Machine::started_as("x"), Ground::Unknown), "user 0, hostPID, SYS_BOOT"),
        (words(process::pause(), processes.clone(), Ground::Unknown), "user 0, hostPID, SYS_PTRACE"),
        (words(process::stop(), processes.clone(), Ground::Unknown), "user 0, hostPID, KILL"),
        (words(process::pause().or_stop(), processes, Ground::Unknown), "user 0, hostPID, KILL, SYS_PTRACE"),
        (words(process::freeze(), ContainerCgroup::of(container), Ground::Unknown), FILES),
        (words(busy(), Host::default(), Ground::Unknown), CROSSING),
        (words(busy(), Host::default(), Ground::Open), FILES),
        (words(net::drop(), NodeNetwork::of([address]), Ground::Unknown), "user 0, hostNetwork, NET_ADMIN"),
        (words(process::kill_all(), ContainerCgroup::of(container), Ground::Bordered), FILES),
    ] {
        assert_eq!(found, wanted);
    }
}

#[test]
fn those_of_a_spec_are_those_of_all_its_items() {
    let pod = PodNetwork::of([IpAddr::from([10, 244, 1, 2])]);
    let container = ContainerCgroup::of("a".repeat(64));
    let spec = Spec::lasting(secs(60))
        .fault("cut", net::drop())
        .fault("busy", stress::cpu(1).unwrap())
        .item(Item::new("a", OwnNetwork::default(), "cut"))
        .item(Item::new("b", container, "busy"));
    let rights = spec.rights(Ground::Open).unwrap();
    assert_eq!(rights.capabilities().collect::<Vec<_>>(), [Capability::NetAdmin]);
    assert!(rights.root() && rights.has(Right::CgroupTree) && !rights.host_pid());
    assert!(rights.to_string().contains("NET_ADMIN: to pick packets"), "{rights}");
    let more = spec.item(Item::new("c", pod, "cut")).rights(Ground::Open).unwrap();
    assert!(more.has(Capability::SysAdmin) && more.has(Right::NetnsDir) && more.has(Right::CgroupTree));
    assert_eq!(rights.and(more.clone()).iter().count(), more.iter().count());
    let unknown = Spec::lasting(secs(1)).item(Item::new("a", OwnNetwork::default(), "cut"));
    assert!(unknown.rights(Ground::Open).unwrap_err().is_invalid());
}

#[test]
fn levels_of_pod_security() {
    assert_eq!(Rights::none().pod_security(), PodSecurity::Restricted);
    assert_eq!(Rights::none().with(Right::Root, "").pod_security(), PodSecurity::Baseline);
    for right in
        [Right::NetnsDir, Right::CgroupTree, Right::HostPid, Right::HostNetwork, Capability::Kill.into()]
    {
        assert_eq!(Rights::none().with(right, "").pod_security(), PodSecurity::Privileged, "{right}");
    }
    assert_eq!(Rights::none().to_string(), "no rights");
}
