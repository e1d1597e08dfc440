//! On a real API server: roles as we print them, an experiment, a sweep.

use std::time::Duration;

use chaos_core::{BlastRadius, Chaos, Experiment, Fault, Ledger, Mode, Outcome, Select};
use chaos_k8s::cluster::nodes::TaintEffect;
use chaos_k8s::cluster::pods::Enforced;
use chaos_k8s::cluster::{Cluster, WorkloadKind, nodes, pods, workloads};
use serde_json::json;

use crate::effects::begin;
use crate::scene::{deployment, node, pod, service};
use crate::server::{Server, really, user};
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] = &[
    ("real_roles_suffice", &[Need::Api], roles_suffice),
    ("real_roles_are_needed", &[Need::Api], roles_are_needed),
    ("real_sweep", &[Need::Api], sweep),
    ("real_experiment", &[Need::Api], experiment),
    ("real_pages", &[Need::Api], pages),
];

fn roles_suffice() {
    really(async {
        let server = Server::real().await;
        let (namespace, admin) = (server.namespace.clone(), server.cluster());
        server.create(pod(&namespace, "cart-0", "cart")).await;
        let mut cart = service(&namespace, "cart", json!({"app": "cart"}));
        cart["spec"]["ports"] = json!([{"port": 80}]);
        server.create(cart).await;
        let mut web = deployment(&namespace, "cart", 3);
        web["spec"]["template"] = json!({"metadata": {"labels": {"app": "cart"}}, "spec": {"containers": [{"name": "web", "image": "shop/web:1"}]}});
        server.create(web).await;
        let name = server.name("node");
        server.create(node(&name)).await;

        macro_rules! life {
            ($what:literal, $select:expr, $fault:expr) => {{
                let rights = $select(&admin).rights_for(&$fault(&admin));
                let cluster = user(&server, $what, &rights).await;
                let begun = begin(&cluster, $fault(&cluster).on($select(&cluster), Mode::ALL)).await;
                begun.unwrap_or_else(|error| panic!("{}: {}", $what, error.chain())).revert().await.unwrap();
            }};
        }
        let carts =
            |cluster: &Cluster| cluster.pods().in_namespace(namespace.clone()).label("app", "cart").unwrap();
        life!("fail", carts, |_: &Cluster| pods::fail());
        life!("isolate", carts, |_: &Cluster| pods::isolate(Enforced::believed()));
        life!("leave", carts, |cluster: &Cluster| pods::leave_service(
            cluster.service(namespace.clone(), "cart")
        ));
        life!("evict", carts, |_: &Cluster| pods::evict());
        server
            .delete(&format!("/api/v1/namespaces/{namespace}/pods/cart-0"), &json!({"gracePeriodSeconds": 0}))
            .await;
        server.create(pod(&namespace, "cart-1", "cart")).await;
        life!("kill", carts, |_: &Cluster| pods::kill());
        let workload = |cluster: &Cluster| {
            cluster.workloads(WorkloadKind::Deployment).in_namespace(namespace.clone()).named("cart")
        };
        life!("scale", workload, |_: &Cluster| workloads::scale_to(0));
        life!("restart", workload, |_: &Cluster| workloads::restart());
        let node = |cluster: &Cluster| cluster.nodes().named(name.clone());
        life!("cordon", node, |_: &Cluster| nodes::cordon());
        life!("taint", node, |_: &Cluster| nodes::taint(TaintEffect::NoSchedule));
        life!("drain", node, |_: &Cluster| nodes::drain());
        life!("delete", node, |_: &Cluster| nodes::delete());
        server.delete(&format!("/api/v1/nodes/{name}"), &json!({})).await;
    });
}

fn roles_are_needed() {
    really(async {
        let server = Server::real().await;
        let namespace = server.namespace.clone();
        server.create(pod(&namespace, "cart-0", "cart")).await;
        let select =
            |cluster: &Cluster| cluster.pods().in_namespace(namespace.clone()).label("app", "cart").unwrap();
        let before = server.bare(&format!("/api/v1/namespaces/{namespace}/pods/cart-0")).await;
        let nobody = server.as_user(&server.name("nobody")).await;
        let error = begin(&nobody, pods::fail().on(select(&nobody), Mode::ALL)).await.unwrap_err();
        assert!(
            error.is_refused() && error.to_string().contains("missing right: list pods in namespace test-"),
            "{error}"
        );
        let reader = user(&server, "reader", &select(&server.cluster()).rights()).await;
        let error = begin(&reader, pods::fail().on(select(&reader), Mode::ALL)).await.unwrap_err();
        assert!(error.to_string().contains("missing rights: get pods in namespace test-"), "{error}");
        assert_eq!(server.bare(&format!("/api/v1/namespaces/{namespace}/pods/cart-0")).await, before);
    });
}

fn sweep() {
    really(async {
        let server = Server::real().await;
        let namespace = server.namespace.clone();
        server.create(pod(&namespace, "cart-0", "cart")).await;
        let path = format!("/api/v1/namespaces/{namespace}/pods/cart-0");
        let before = server.bare(&path).await;
        let cluster = server.cluster();
        let carts = || cluster.pods().in_namespace(namespace.clone()).label("app", "cart").unwrap();
        std::mem::forget(begin(&cluster, pods::fail().on(carts(), Mode::ALL)).await.unwrap());
        std::mem::forget(
            begin(&cluster, pods::isolate(Enforced::believed()).on(carts(), Mode::ALL)).await.unwrap(),
        );
        let rights = server.cluster().sweep().in_namespace(namespace.clone()).rights();
        let sweeper = user(&server, "sweeper", &rights).await;
        let live = sweeper.sweep().in_namespace(namespace.clone()).await.unwrap();
        assert_eq!((live.ended.len(), live.live.len()), (0, 3), "{live}");
        let swept = sweeper.sweep().in_namespace(namespace.clone()).of_run(cluster.run()).await.unwrap();
        assert!(swept.is_clean() && swept.ended.len() == 3, "{swept}");
        assert_eq!(server.bare(&path).await, before);
    });
}

fn experiment() {
    really(async {
        let server = Server::real().await;
        let namespace = server.namespace.clone();
        for n in 0..6 {
            server.create(pod(&namespace, &format!("cart-{n}"), "cart")).await;
        }
        let cluster = server.cluster();
        let carts = || cluster.pods().in_namespace(namespace.clone()).label("app", "cart").unwrap();
        let ledger = Ledger::in_memory(cluster.undos().unwrap());
        let report = Experiment::new(&Chaos::seeded(7), "carts fail")
            .fault(pods::fail().on(carts(), Mode::percent(50.0).unwrap()))
            .blast_radius(BlastRadius::percent(34.0).unwrap())
            .lasting(Duration::from_millis(300))
            .ledger(ledger)
            .run()
            .await
            .unwrap();
        // There is no hypothesis: nothing that could hold.
        assert_eq!(report.outcome, Outcome::Inconclusive, "{report}");
        let text = report.to_string();
        assert!(text.contains("50 % of 6 pods = 3") && text.contains("2 of 6 pods"), "{text}");
        assert_eq!(
            cluster.sweep().in_namespace(namespace.clone()).also_of_live_runs().await.unwrap().ended.len(),
            0
        );
    });
}

fn pages() {
    really(async {
        let server = Server::real().await;
        let namespace = server.namespace.clone();
        for n in 0..600 {
            server.create(pod(&namespace, &format!("cart-{n}"), "cart")).await;
        }
        let cluster = server.cluster();
        let selected =
            cluster.pods().in_namespace(namespace).label("app", "cart").unwrap().select().await.unwrap();
        assert_eq!((selected.len(), cluster.requests()), (600, 2));
    });
}
