//! [`Controlled`]: what a killed controller had put in force, with guardian pods.

use chaos_core::units::secs;
use chaos_core::{Clock, Injection};
use chaos_k8s::Cluster;
use chaos_k8s::cluster::kube::Client;

use super::LASTING;
use super::others::Others;
use super::things::{Things, all_four};
use crate::controller::Controller;
use crate::scene::agents_of;
use crate::server::really;

const THINGS: &str = "things";
const OTHERS: &str = "others";

/// Another process of this program, as the controller of a test: what it does until it is killed.
pub(crate) fn control(on: &str) {
    let [what, namespace, node] = on.split(' ').collect::<Vec<_>>()[..] else { panic!("{on:?}") };
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
}

/// A controller that has put all in force that it was to, and was killed then; its run.
pub(super) fn killed_with(things: &Things) -> String {
    killed(&format!("{THINGS} {} {}", things.namespace, things.node))
}

pub(super) fn killed_with_others(others: &Others) -> String {
    killed(&format!("{OTHERS} {} {}", others.namespace, others.node))
}

fn killed(on: &str) -> String {
    let mut controller = Controller::new("guardian", on);
    let run = controller.says("in force");
    controller.kill();
    run
}
