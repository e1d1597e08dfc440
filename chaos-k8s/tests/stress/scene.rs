//! Stress in force, as the tests hold it.

use std::fmt::Debug;
use std::future::Future;
use std::process::{Child, Command, Stdio};

use chaos_core::units::secs;
use chaos_core::{BlastRadius, Chaos, Fault, Injection, Ledger, Mode, Observed, Result, Target, Targets};
use chaos_k8s::Node;
use chaos_k8s::node::Cgroup;
use chaos_k8s::node::stress::Stress;
use rustix::process::{Pid, Signal, kill_process};

use crate::group::Group;

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let bound = Chaos::seeded(1).clock().timeout(secs(120), future);
        bound.await.unwrap()
    })
}

pub(crate) fn node() -> Node {
    Node::new(&Chaos::seeded(7))
}

pub(crate) fn target(node: &Node, group: &Group) -> Cgroup {
    node.cgroup_at(group.main()).unwrap()
}

pub(crate) async fn inject<K: Debug + 'static>(stress: Stress<K>, target: Cgroup) -> Result<Injection> {
    let node = node();
    let ledger = Ledger::in_memory(node.undos().unwrap());
    assert_eq!(target.protected(), None);
    let on = stress.on(Targets::one(target), Mode::ALL);
    Chaos::seeded(7).inject(on, BlastRadius::count(1).unwrap()).ledger(ledger).begin().await
}

pub(crate) async fn seen(injection: &Injection) -> Observed {
    let (_, seen) = injection.observe().await.remove(0);
    seen.unwrap()
}

pub(crate) fn kill(pid: i32) {
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

/// A process that sleeps in a cgroup: what is in a container.
pub(crate) struct Sleeper(Child);

impl Sleeper {
    pub(crate) fn in_group(group: &Group) -> Self {
        #[expect(clippy::disallowed_methods, reason = "a process that knows nothing of us is the point")]
        let child = Command::new("sleep").arg("600").stdout(Stdio::null()).spawn().unwrap();
        group.take(child.id());
        Self(child)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
