//! [`Controller`]: another process of this program, which injects and is killed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use chaos_core::units::secs;
use chaos_core::{Clock, Injection};
use chaos_k8s::Cluster;
use chaos_k8s::cluster::kube::Client;

use super::LASTING;
use super::others::Others;
use super::things::{Things, all_four};
use crate::scene::agents_of;
use crate::server::really;

/// Tells this program to be a controller, on what.
const CONTROLLER: &str = "CHAOS_TEST_CONTROLLER";
const THINGS: &str = "things";
const OTHERS: &str = "others";

/// Another process of this program, as the controller of a test: what it does until it is killed.
pub(crate) fn is_controller() -> bool {
    let Ok(asked) = std::env::var(CONTROLLER) else { return false };
    let [what, namespace, node] = asked.split(' ').collect::<Vec<_>>()[..] else { panic!("{asked:?}") };
    let (namespace, node) = (namespace.to_owned(), node.to_owned());
    really(async {
        let cluster = Cluster::new(Client::try_default().await.unwrap()).lasting_at_most(LASTING).unwrap();
        let agents = agents_of(&cluster);
        let held: Vec<Injection> = match what {
            THINGS => all_four(&agents, &cluster, &Things { namespace, node }).await.unwrap().into(),
            OTHERS => Others { namespace, node }.inject(&agents, &cluster).await.unwrap().into(),
            _ => panic!("{what:?}"),
        };
        println!("in force: {}", cluster.run());
        Clock::real().sleep(secs(600)).await;
        drop(held);
    });
    true
}

/// A controller that has put all in force that it was to.
pub(crate) struct Controller {
    child: Child,
    pub(crate) run: String,
}

impl Controller {
    pub(super) fn of_things(things: &Things) -> Self {
        Self::new(&format!("{THINGS} {} {}", things.namespace, things.node))
    }

    pub(super) fn of_others(others: &Others) -> Self {
        Self::new(&format!("{OTHERS} {} {}", others.namespace, others.node))
    }

    /// One that does what [`is_controller`] makes of these words.
    fn new(asked: &str) -> Self {
        #[expect(clippy::disallowed_methods, reason = "a process to be killed")]
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env(CONTROLLER, asked)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let run = lines.find_map(|line| line.unwrap().strip_prefix("in force: ").map(str::to_owned));
        let Some(run) = run else { panic!("the controller ended with {}", child.wait().unwrap()) };
        Self { child, run }
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
