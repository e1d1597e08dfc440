//! A sweep of the whole host by marks. This program makes no faults, so that nothing of its own is found.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use chaos_core::Chaos;
use chaos_core::ledger::RunId;
use chaos_k8s::Node;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, bind, socket};

use crate::support::{Need, Scratch, Test, interfaces};

/// Not where cgroups are of the first version: such hosts are shared with others here, whose leftovers are not ours.
pub(crate) const TESTS: &[Test] = &[(
    "a_sweep_of_the_host_finds_every_namespace_and_cgroup",
    &[Need::Root, Need::Nft, Need::Cgroup2],
    host,
)];

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(program: &str, arguments: &str) -> Process {
    #[expect(clippy::disallowed_methods, reason = "what others made is what is found")]
    let child = Command::new(program).args(arguments.split_whitespace()).stdout(Stdio::null()).spawn();
    Process(child.unwrap())
}

fn ip(arguments: &str) {
    assert!(run("ip", arguments).0.wait().unwrap().success(), "ip {arguments}");
}

fn ours() -> Vec<String> {
    interfaces().into_iter().filter(|name| name.starts_with("chaos")).collect()
}

fn host() {
    let (dead, living) = (RunId::fresh(), RunId::fresh());
    let device = |run: &RunId| format!("chaos{}", &run.to_string()[23..]);
    let make = |run: &RunId| {
        ip(&format!("link add {} type ifb", device(run)));
        ip(&format!("link set {} alias chaos:{run}", device(run)));
    };
    // One namespace has a process, the other is held by a descriptor of ours.
    let (first, second) = (Scratch::new(), Scratch::new());
    let _inhabitant = first.inside(|| {
        make(&dead);
        run("sleep", "600")
    });
    let presence = second.inside(|| {
        make(&dead);
        make(&living);
        let presence = socket(AddressFamily::Unix, SockType::Datagram, SockFlag::empty(), None).unwrap();
        let name = UnixAddr::new_abstract(format!("chaos-run-{living}-0").as_bytes()).unwrap();
        bind(std::os::fd::AsRawFd::as_raw_fd(&presence), &name).unwrap();
        presence
    });
    let root = Path::new("/sys/fs/cgroup");
    let pod = root.join(format!("kernel-test-{}", std::process::id()));
    let cgroup = pod.join(format!("chaos-stress-{dead}-0"));
    fs::create_dir_all(&cgroup).unwrap();

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let node = Node::new(&Chaos::seeded(1));
    let swept = runtime.block_on(node.sweep_marks()).unwrap();
    println!("{swept}");
    assert!(swept.is_clean() && swept.removed().len() == 3 && swept.living().len() == 1, "{swept}");
    assert!(!cgroup.exists() && pod.exists());
    assert!(first.inside(ours).is_empty());
    assert_eq!(second.inside(ours), [device(&living)]);
    drop(presence);
    assert_eq!(runtime.block_on(node.sweep_marks()).unwrap().removed().len(), 1);
    assert!(second.inside(ours).is_empty());
    fs::remove_dir(pod).unwrap();
}
