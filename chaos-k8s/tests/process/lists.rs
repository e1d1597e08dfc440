//! Processes found by name, cgroup and container.

use std::fs;
use std::path::{Path, PathBuf};

use chaos_core::target::Select;
use chaos_core::{Chaos, Target, Targets};
use chaos_k8s::Node;
use chaos_k8s::node::process::Process;

use crate::support::{Need, Test};
use crate::victim::{Victim, block_on, wait_until};

pub(crate) const TESTS: &[Test] = &[
    ("a_name_finds_every_process_of_it_and_no_other", &[], by_name),
    ("what_must_not_be_hit_is_listed_as_protected", &[], protected),
    ("a_cgroup_finds_what_is_in_it_and_below", &[Need::Root, Need::Cgroup1], in_cgroup_1),
    ("a_cgroup_of_the_second_version_too", &[Need::Root, Need::Cgroup2], in_cgroup_2),
];

fn list(targets: &Targets<Process>) -> chaos_core::Result<Vec<Process>> {
    block_on(Select::select(targets))
}

fn pids(targets: &Targets<Process>) -> Vec<u32> {
    let mut pids: Vec<u32> = list(targets).unwrap().iter().map(Process::pid).collect();
    pids.sort_unstable();
    pids
}

fn by_name() {
    let node = Node::new(&Chaos::seeded(1));
    // Longer than the kernel keeps.
    let name = format!("chaos-test-victim-{}", std::process::id());
    let victims = [Victim::named(&name), Victim::named(&name)];
    let other = Victim::named(&name[..15]);
    let mut expected: Vec<u32> = victims.iter().map(Victim::pid).collect();
    expected.sort_unstable();
    assert_eq!(pids(&node.processes_named(&name).unwrap()), expected);
    let path = fs::read_link(format!("/proc/{}/exe", other.pid())).unwrap();
    assert_eq!(pids(&node.processes_named(path.to_str().unwrap()).unwrap()), [other.pid()]);
    assert_eq!(pids(&node.processes_named("no-such-program").unwrap()), [0; 0]);
}

fn protected() {
    let node = Node::new(&Chaos::seeded(1));
    let own = fs::read_link("/proc/self/exe").unwrap();
    let victim = Victim::sleeps();
    let found = list(&node.processes_named(own.to_str().unwrap()).unwrap()).unwrap();
    let of = |pid: u32| found.iter().find(|process| process.pid() == pid).unwrap();
    assert!(of(std::process::id()).protected().unwrap().contains("this program"));
    assert_eq!(of(victim.pid()).protected(), None);
}

fn in_cgroup_1() {
    in_cgroup(Path::new("/sys/fs/cgroup/memory"));
}

fn in_cgroup_2() {
    let root = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
        .into_iter()
        .find(|root| Path::new(root).join("cgroup.controllers").exists());
    in_cgroup(Path::new(root.unwrap()));
}

/// A cgroup of ours, gone at the end.
struct Group(PathBuf);

impl Group {
    fn below(parent: &Path, name: &str) -> Self {
        let path = parent.join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn takes(&self, pid: u32) {
        fs::write(self.0.join("cgroup.procs"), pid.to_string()).unwrap();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A process that was killed leaves a moment later.
        wait_until("the cgroup is empty", || fs::remove_dir(&self.0).is_ok() || !self.0.exists());
    }
}

fn in_cgroup(root: &Path) {
    let id = format!("{:064x}", 0xc0ffee + u128::from(std::process::id()));
    let node = Node::new(&Chaos::seeded(1));
    let pod = Group::below(root, &format!("chaos-test-pod-{}", std::process::id()));
    let container = Group::below(&pod.0, &format!("crio-{id}.scope"));
    let monitor = Group::below(&pod.0, &format!("crio-conmon-{id}.scope"));
    let (first, second, third) = (Victim::sleeps(), Victim::sleeps(), Victim::sleeps());
    container.takes(first.pid());
    monitor.takes(second.pid());
    pod.takes(third.pid());
    let mut all = [first.pid(), second.pid(), third.pid()];
    all.sort_unstable();

    let in_pod = node.processes_in_cgroup(&pod.0).unwrap();
    assert_eq!(pids(&in_pod), all);
    let as_in_proc = format!("/{}", pod.0.file_name().unwrap().to_str().unwrap());
    assert_eq!(pids(&node.processes_in_cgroup(as_in_proc).unwrap()), all);
    assert_eq!(pids(&node.processes_in_cgroup(&container.0).unwrap()), [first.pid()]);
    for id in [id.clone(), format!("cri-o://{id}")] {
        assert_eq!(pids(&node.processes_of_container(&id).unwrap()), [first.pid()]);
    }
    let gone = node.processes_of_container("ffffffffffff").unwrap();
    let error = list(&gone).unwrap_err();
    assert!(error.is_refused() && error.to_string().contains("hostPID"), "{error}");
    // Two whose ids begin alike.
    let twin = Group::below(&pod.0, &format!("{}{}", &id[..63], if id.ends_with('1') { '2' } else { '1' }));
    twin.takes(third.pid());
    let error = list(&node.processes_of_container(&id[..12]).unwrap()).unwrap_err();
    assert!(error.is_refused() && error.to_string().contains("more than one"), "{error}");
    assert_eq!(pids(&node.processes_of_container(&id).unwrap()), [first.pid()]);
    drop((first, second, third));
}
