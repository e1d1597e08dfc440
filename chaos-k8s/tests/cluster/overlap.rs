//! Several faults on one object, by several runs, that end in any order.

use chaos_core::{Dice, Fault, Injection, Mode};
use chaos_k8s::cluster::nodes::TaintEffect;
use chaos_k8s::cluster::{Cluster, WorkloadKind, nodes, pods, workloads};

use crate::effects::begin;
use crate::scene::{paused, shop};
use crate::support::Test;

pub(crate) const TESTS: &[Test] = &[
    ("overlap_on_a_pod", &[], on_a_pod),
    ("overlap_on_a_deployment", &[], on_a_deployment),
    ("overlap_on_a_node", &[], on_a_node),
];

const ORDERS: u64 = 25;

/// Begins up to five faults and ends them, in an order drawn from `seed`, each by a client of its own.
async fn shuffle(api: &chaos_k8s::cluster::testing::FakeApi, seed: u64, make: &[Make]) {
    let dice = Dice::seeded(seed).stream(&["test"]);
    let mut going: Vec<Injection> = Vec::new();
    let mut left = 5;
    for step in 0.. {
        if left == 0 && going.is_empty() {
            return;
        }
        let draw = dice.draw(step);
        if left > 0 && (going.is_empty() || draw % 2 == 0) {
            left -= 1;
            let make = make[usize::try_from(draw / 2 % make.len() as u64).unwrap()];
            let cluster = api.cluster();
            going.push(make(cluster).await);
        } else {
            let ended = going.remove(usize::try_from(draw / 2 % going.len() as u64).unwrap());
            ended.revert().await.unwrap();
        }
    }
}

type Make = fn(Cluster) -> std::pin::Pin<Box<dyn std::future::Future<Output = Injection>>>;

fn on_a_pod() {
    let make: &[Make] = &[
        |cluster| {
            Box::pin(async move {
                let pod = cluster.pods().pod("shop", "cart-5d-0");
                begin(&cluster, pods::fail().on(pod, Mode::ONE)).await.unwrap()
            })
        },
        |cluster| {
            Box::pin(async move {
                let pod = cluster.pods().pod("shop", "cart-5d-0").container("web");
                begin(&cluster, pods::fail().on(pod, Mode::ONE)).await.unwrap()
            })
        },
        |cluster| {
            Box::pin(async move {
                let pod = cluster.pods().pod("shop", "cart-5d-0");
                begin(&cluster, pods::isolate(pods::Enforced::believed()).on(pod, Mode::ONE)).await.unwrap()
            })
        },
    ];
    check(make);
}

fn on_a_deployment() {
    let make: &[Make] = &[
        |cluster| Box::pin(scale(cluster, 0)),
        |cluster| Box::pin(scale(cluster, 1)),
        |cluster| Box::pin(scale(cluster, 3)),
        |cluster| Box::pin(scale(cluster, 9)),
    ];
    check(make);
}

async fn scale(cluster: Cluster, replicas: u32) -> Injection {
    let cart = cluster.workloads(WorkloadKind::Deployment).in_namespace("shop").named("cart");
    begin(&cluster, workloads::scale_to(replicas).on(cart, Mode::ONE)).await.unwrap()
}

fn on_a_node() {
    let make: &[Make] = &[
        |cluster| {
            Box::pin(async move {
                begin(&cluster, nodes::cordon().on(cluster.nodes().named("n2"), Mode::ONE)).await.unwrap()
            })
        },
        |cluster| {
            Box::pin(async move {
                begin(&cluster, nodes::drain().on(cluster.nodes().named("n2"), Mode::ONE)).await.unwrap()
            })
        },
        |cluster| Box::pin(taint(cluster, "a")),
        |cluster| Box::pin(taint(cluster, "b")),
    ];
    check(make);
}

async fn taint(cluster: Cluster, value: &str) -> Injection {
    let taint = nodes::taint(TaintEffect::NoSchedule).value(value).unwrap();
    begin(&cluster, taint.on(cluster.nodes().named("n2"), Mode::ONE)).await.unwrap()
}

fn check(make: &'static [Make]) {
    for seed in 0..ORDERS {
        paused(async {
            let api = shop(3);
            let before = api.state();
            shuffle(&api, seed, make).await;
            assert_eq!(api.state(), before, "seed {seed}");
        });
    }
}
