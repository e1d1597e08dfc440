//! The rights that are computed are enough, and each of them is needed.

use std::process::Command;

use caps::{CapSet, Capability as Cap};
use chaos_core::units::secs;
use chaos_k8s::agent::rights::{Capability, Ground, Rights};
use chaos_k8s::agent::spec::{Item, OwnNetwork, Spec, Which};
use chaos_k8s::agent::status::{Ending, ItemState};
use chaos_k8s::node::net::{self, DnsEffect};
use chaos_k8s::node::process;
use rustix::process::Signal;

use crate::agent::{Agent, command, program};
use crate::container::{Container, NOBODY};
use crate::group::{Group, is_v2};
use crate::network::{partition, spec};
use crate::node::NetnsDir;
use crate::scene::{PEER, Scene};
use crate::support::{Need, Test};
use crate::{processes, stress};

pub(crate) const TESTS: &[Test] = &[
    ("a_pod_s_network_needs_what_is_said", &[Need::Root, Need::Nft], network),
    ("the_own_network_needs_what_is_said", &[Need::Root, Need::Nft], own),
    ("stress_needs_no_capability_on_open_ground", &[Need::Root, Need::Cgroup1], open),
    ("stress_across_a_border_needs_what_is_said", &[Need::Root, Need::Cgroup2], bordered),
    ("a_container_s_directories_need_what_is_said", &[Need::Root, Need::Ptrace, Need::Cgroup1], files),
    ("a_pause_needs_what_is_said", &[Need::Root, Need::Ptrace], pause),
    ("a_signal_needs_what_is_said", &[Need::Root], signal),
    ("a_freeze_needs_no_capability", &[Need::Root], freeze),
];

fn cap(capability: Capability) -> Cap {
    format!("CAP_{}", capability.name()).parse().unwrap()
}

/// The agent with these capabilities and no other, as a container of user 0 has them: they are its bounding set.
fn start(command: Command, spec: &Spec, given: &[Capability]) -> Agent {
    let given: Vec<Cap> = given.iter().copied().map(cap).collect();
    let limited = || {
        for other in caps::all().into_iter().filter(|cap| !given.contains(cap)) {
            // One that this machine does not have is not to be dropped.
            let _ = caps::drop(None, CapSet::Bounding, other);
        }
        Agent::start_by(command, spec)
    };
    // A thread's own, which its children have; this one's end takes none from the others.
    std::thread::scope(|scope| scope.spawn(limited).join()).unwrap()
}

/// With all of `rights` it comes into force, and without any one of them it does not.
fn are_needed(spec: &Spec, rights: &Rights, by: impl Fn() -> Command) {
    let all: Vec<Capability> = rights.capabilities().collect();
    let mut agent = start(by(), spec, &all);
    agent.in_force(0);
    agent.send(Signal::TERM);
    agent.ends(Ending::Signal);
    for lacking in &all {
        let rest: Vec<Capability> = all.iter().copied().filter(|capability| capability != lacking).collect();
        let mut agent = start(by(), spec, &rest);
        agent.ends(Ending::Nothing);
        let state = agent.item(0, |_| true);
        let named = |error: &str| error.contains(lacking.name());
        assert!(
            matches!(&state, ItemState::Failed { error } if named(error)),
            "without {lacking}: {state:?}"
        );
    }
}

fn agent() -> Command {
    command(program())
}

fn network() {
    let scene = Scene::new();
    let dir = NetnsDir::with(&[&scene]);
    let spec = spec(dir.path());
    are_needed(&spec, &spec.rights(Ground::Unknown).unwrap(), agent);
    assert_eq!(scene.left(), "");
}

fn own() {
    let scene = Scene::new();
    let dns = net::dns(DnsEffect::NxDomain).names("*").unwrap().server(PEER.parse().unwrap());
    let of = |spec: Spec| spec.item(Item::new("shop/cart-0", OwnNetwork::default(), "it"));
    for spec in
        [of(Spec::lasting(secs(300)).fault("it", partition())), of(Spec::lasting(secs(300)).fault("it", dns))]
    {
        let rights = spec.rights(Ground::Unknown).unwrap();
        assert_eq!(rights.capabilities().collect::<Vec<_>>(), [Capability::NetAdmin]);
        scene.target.inside(|| are_needed(&spec, &rights, agent));
    }
    assert_eq!(scene.left(), "");
}

fn open() {
    let container = Container::new();
    let spec = stress::spec(&container);
    let rights = spec.rights(Ground::Open).unwrap();
    assert_eq!(rights.capabilities().count(), 0);
    are_needed(&spec, &rights, agent);
    assert!(container.group.children().is_empty());
}

fn bordered() {
    assert!(is_v2());
    let (container, own) = (Container::new(), Group::new());
    let spec = stress::spec(&container);
    // A container of its own: a cgroup, and a cgroup namespace below it.
    let contained = || {
        let mut command = command("sh");
        let enter = r#"echo 0 > "$0" && exec unshare --cgroup "$1""#;
        command.args(["-c", enter]).arg(own.main().join("cgroup.procs")).arg(program());
        command
    };
    let rights = spec.rights(Ground::Bordered).unwrap();
    are_needed_across(&spec, &rights, contained);
    assert!(container.group.children().is_empty());
}

/// Where nobody may write but the container's own user.
fn files() {
    let container = Container::with_own_files(
        "mount -t tmpfs none /mnt && chown 65534:65534 /mnt && chmod 700 /mnt \
         && exec setpriv --reuid 65534 --regid 65534 --clear-groups sleep 600",
    );
    let spec = stress::disk_spec(&container, "/mnt");
    let rights = spec.rights(Ground::Open).unwrap();
    assert_eq!(rights.capabilities().collect::<Vec<_>>(), [Capability::DacOverride, Capability::SysPtrace]);
    are_needed(&spec, &rights, agent);
}

/// As [`are_needed`]; the way into the namespace needs a right of its own, which the agent then has too.
fn are_needed_across(spec: &Spec, rights: &Rights, by: impl Fn() -> Command) {
    let mut agent = start(by(), spec, &rights.capabilities().collect::<Vec<_>>());
    agent.in_force(0);
    agent.send(Signal::TERM);
    agent.ends(Ending::Signal);
    let mut agent = start(by(), spec, &[Capability::SysAdmin]);
    agent.ends(Ending::Nothing);
    let state = agent.item(0, |_| true);
    assert!(matches!(&state, ItemState::Failed { error } if error.contains("CAP_SYS_PTRACE")), "{state:?}");
}

fn pause() {
    let container = Container::as_user(NOBODY);
    let spec = processes::spec(&container, Which::First, process::pause());
    are_needed(&spec, &spec.rights(Ground::Unknown).unwrap(), agent);
    assert_eq!(container.state(), 'S');
}

fn freeze() {
    let container = Container::as_user(NOBODY);
    let spec = processes::spec_of_cgroup(&container, process::freeze());
    let rights = spec.rights(Ground::Unknown).unwrap();
    assert!(rights.capabilities().count() == 0 && !rights.host_pid());
    are_needed(&spec, &rights, agent);
    assert!(!container.group.is_frozen());
}

fn signal() {
    let container = Container::as_user(NOBODY);
    let spec = processes::spec(&container, Which::First, process::stop());
    are_needed(&spec, &spec.rights(Ground::Unknown).unwrap(), agent);
    assert_eq!(container.state(), 'S');
}
