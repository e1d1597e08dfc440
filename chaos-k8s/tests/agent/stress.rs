//! Stress in a container's cgroup, by the container's id.

use chaos_core::Percent;
use chaos_core::units::{ms, secs};
use chaos_k8s::agent::rights::{Ground, Rights};
use chaos_k8s::agent::spec::{ContainerCgroup, Item, OwnCgroup, Spec};
use chaos_k8s::agent::status::{Ending, ItemState};
use chaos_k8s::node::stress::{self, Amount};
use rustix::process::Signal;

use crate::agent::{Agent, command, program_for_all, send, wait_until};
use crate::container::Container;
use crate::group::Group;
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] = &[
    ("a_container_is_under_stress_by_its_id", &[Need::Root], by_id),
    ("a_disk_is_filled_where_a_container_has_it", &[Need::Root, Need::Ptrace], disk),
    ("stress_of_a_container_that_ends_is_seen", &[Need::Root], ends),
    ("the_own_cgroup_is_under_stress_without_any_right", &[Need::Root], own),
];

pub(crate) fn spec(container: &Container) -> Spec {
    let half = stress::cpu(1).unwrap().load(Percent::try_new(50.0).unwrap());
    Spec::lasting(secs(300))
        .fault("busy", half.and(stress::memory(Amount::of(8 << 20).unwrap())))
        .item(Item::new("shop/cart-0 web", ContainerCgroup::of(container.id()), "busy"))
}

fn by_id() {
    let (container, other) = (Container::new(), Container::new());
    let mut agent = Agent::start(&spec(&container));
    let seen = agent.in_force(0);
    assert!(seen.contains("asked 50 %") && seen.contains("8 MiB resident"), "{seen}");
    assert_eq!(container.group.pids_below().len(), 2);
    assert!(other.group.children().is_empty() && other.group.pids_below().is_empty());
    let before = container.group.used();
    std::thread::sleep(ms(500));
    assert!(container.group.used() > before + ms(20));
    assert!(container.group.memory() > 8 << 20);
    agent.send(Signal::TERM);
    agent.ends(Ending::Signal);
    assert!(container.group.children().is_empty());
    assert_eq!(container.state(), 'S');
}

pub(crate) fn disk_spec(container: &Container, dir: &str) -> Spec {
    let disk = stress::disk(dir, Amount::of(8 << 20).unwrap());
    let cgroup = ContainerCgroup::of(container.id());
    Spec::lasting(secs(300)).fault("full", disk).item(Item::new("shop/cart-0 web", cgroup, "full"))
}

/// In a directory that is another one where the agent looks, by a link that leads elsewhere there.
fn disk() {
    let container = Container::with_own_files("mount -t tmpfs -o size=16m none /mnt && ln -s /mnt /mnt/data");
    let spec = |dir: &str| disk_spec(&container, dir);
    let mnt = format!("/proc/{}/root/mnt", container.pid());
    let free = || {
        let found = rustix::fs::statvfs(mnt.as_str()).unwrap();
        found.f_bfree * found.f_frsize
    };
    let before = free();
    let mut agent = Agent::start(&spec("/mnt/data/data"));
    agent.in_force(0);
    wait_until("8 MiB are taken", || free() + (8 << 20) <= before);
    agent.send(Signal::TERM);
    agent.ends(Ending::Signal);
    assert_eq!(free(), before);
    let mut agent = Agent::start(&spec("/mnt/nowhere"));
    agent.ends(Ending::Nothing);
    let state = agent.item(0, |_| true);
    assert!(
        matches!(&state, ItemState::Failed { error } if error.contains("/mnt/nowhere of the container")),
        "{state:?}"
    );
}

/// As an ephemeral container that `restricted` allows: a user without rights, in a cgroup beside the pod's others.
fn own() {
    let group = Group::new();
    let spec = Spec::lasting(secs(300))
        .fault("busy", stress::cpu(2).unwrap().and(stress::memory(Amount::of(8 << 20).unwrap())))
        .item(Item::new("shop/cart-0", OwnCgroup::default(), "busy"));
    assert_eq!(spec.rights(Ground::Unknown).unwrap(), Rights::none());
    let start = || {
        let mut command = command("sh");
        let enter = r#"program=$1; shift; for procs; do echo 0 > "$procs" || exit 9; done
            exec setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs "$program""#;
        command.args(["-c", enter, "sh"]).arg(program_for_all());
        command.args(
            group
                .dirs()
                .iter()
                .filter(|dir| !dir.components().any(|part| part.as_os_str() == "cpuset"))
                .map(|dir| dir.join("cgroup.procs")),
        );
        Agent::start_by(command, &spec)
    };
    let mut agent = start();
    let seen = agent.in_force(0);
    assert!(seen.contains("2 threads") && seen.contains("8 MiB resident"), "{seen}");
    assert!(agent.said().contains("own cgroup"), "{}", agent.said());
    let before = group.used();
    std::thread::sleep(ms(500));
    assert!(group.used() > before + ms(50));
    assert!(group.memory() > 8 << 20 && group.children().is_empty());
    println!("an agent with its guardian and two stressors in its cgroup: {} KiB", group.memory() >> 10);
    agent.send(Signal::TERM);
    agent.ends(Ending::Signal);
    assert_eq!(group.tasks(), 0);
    // Killed, it takes its stressors along.
    let mut agent = start();
    agent.in_force(0);
    send(agent.injector(), Signal::KILL);
    agent.was_killed();
    wait_until("no stressor is left", || group.tasks() == 0);
}

fn ends() {
    let container = Container::new();
    let mut spec = spec(&container);
    spec.look_every = secs(1);
    let gone = Container::new();
    spec = spec.item(Item::new("gone", ContainerCgroup::of(gone.id()), "busy"));
    drop(gone);
    let mut agent = Agent::start(&spec);
    agent.in_force(0);
    let failed = agent.item(1, |_| true);
    assert!(
        matches!(&failed, ItemState::Failed { error } if error.contains("no cgroup of container")),
        "{failed:?}"
    );
    let (_pod, group) = container.end();
    let state = agent.item(0, |state| matches!(state, ItemState::Absent { .. }));
    assert!(
        matches!(&state, ItemState::Absent { detail } if detail.contains("nothing but stress")),
        "{state:?}"
    );
    agent.send(Signal::TERM);
    agent.ends(Ending::Signal);
    assert!(group.children().is_empty());
}
