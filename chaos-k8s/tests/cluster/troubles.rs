//! What goes wrong between us and the API server: answers that are lost, requests that come late, objects that others
//! change.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chaos_core::units::secs;
use chaos_core::{BlastRadius, Chaos, Dice, Fault, Ledger, Mode};
use chaos_k8s::cluster::nodes::TaintEffect;
use chaos_k8s::cluster::testing::{FakeApi, Meet};
use chaos_k8s::cluster::{Cluster, WorkloadKind, nodes, pods, workloads};
use serde_json::json;

use crate::effects::begin;
use crate::scene::{pass, paused, shop};
use crate::support::Test;

pub(crate) const TESTS: &[Test] = &[
    ("troubles_one_bad_answer", &[], one_bad_answer),
    ("troubles_many_bad_answers", &[], many_bad_answers),
    ("troubles_late_requests", &[], late_requests),
    ("troubles_objects_that_change", &[], objects_that_change),
    ("troubles_no_server", &[], no_server),
    ("troubles_strange_answers", &[], strange_answers),
];

const FAULTS: usize = 8;

fn step(cluster: &Cluster, fault: usize) -> chaos_core::experiment::Step {
    let pod = cluster.pods().pod("shop", "cart-5d-0");
    let cart = cluster.workloads(WorkloadKind::Deployment).in_namespace("shop").named("cart");
    let node = cluster.nodes().named("n2");
    match fault {
        0 => pods::fail().on(pod, Mode::ONE).into(),
        1 => pods::leave_service(cluster.service("shop", "cart")).on(pod, Mode::ONE).into(),
        2 => pods::isolate(pods::Enforced::believed()).on(pod, Mode::ONE).into(),
        3 => workloads::scale_to(0).on(cart, Mode::ONE).into(),
        4 => nodes::cordon().on(node, Mode::ONE).into(),
        5 => nodes::taint(TaintEffect::NoSchedule).on(node, Mode::ONE).into(),
        6 => nodes::drain().on(node, Mode::ONE).into(),
        _ => nodes::delete().on(node, Mode::ONE).into(),
    }
}

/// The state, but for the UID of a node that came back.
fn state(api: &FakeApi) -> Vec<serde_json::Value> {
    let mut state = api.state();
    for object in &mut state {
        if object["kind"] == "Node" {
            for made in ["uid", "creationTimestamp"] {
                object["metadata"].as_object_mut().unwrap().remove(made);
            }
            object.as_object_mut().unwrap().remove("status");
        }
    }
    state
}

/// Each request of each fault's life, answered badly once: it is sent again, and nothing is done twice.
fn one_bad_answer() {
    paused(async {
        for fault in 0..FAULTS {
            for meet in
                [Meet::LoseAnswer, Meet::LoseRequest, Meet::Refuse(500), Meet::Refuse(503), Meet::Refuse(429)]
            {
                for nth in 0.. {
                    let api = shop(1);
                    let before = state(&api);
                    let (count, bad) = (Arc::new(AtomicUsize::new(0)), meet.clone());
                    let counted = Arc::clone(&count);
                    api.meet(move |_| match counted.fetch_add(1, Ordering::Relaxed) == nth {
                        true => bad.clone(),
                        false => Meet::Serve,
                    });
                    let cluster = api.cluster();
                    let begun = begin(&cluster, step(&cluster, fault)).await;
                    let begun =
                        begun.unwrap_or_else(|error| panic!("{fault} {meet:?} {nth}: {}", error.chain()));
                    begun
                        .revert()
                        .await
                        .unwrap_or_else(|error| panic!("{fault} {meet:?} {nth}: {}", error.chain()));
                    assert_eq!(state(&api), before, "{fault} {meet:?} {nth}");
                    if count.load(Ordering::Relaxed) <= nth {
                        break;
                    }
                }
            }
        }
    });
}

/// A third of all answers bad, from a seed: whatever comes of the inject, what is found at the end is what was there, as
/// soon as the server answers again.
fn many_bad_answers() {
    for seed in 0..120 {
        paused(async {
            let api = shop(1);
            let before = state(&api);
            let dice = Dice::seeded(seed).stream(&["test"]);
            let mut nth = 0;
            api.meet(move |_| {
                nth += 1;
                match dice.draw(nth) % 10 {
                    0 => Meet::LoseAnswer,
                    1 => Meet::LoseRequest,
                    2 => Meet::Refuse(503),
                    _ => Meet::Serve,
                }
            });
            let cluster = api.cluster();
            let fault = usize::try_from(seed).unwrap() % FAULTS;
            let dir = tempfile::tempdir().unwrap();
            let ledger = Ledger::open(dir.path().join("ledger"), cluster.undos().unwrap()).unwrap();
            let radius = BlastRadius::count(1).unwrap();
            let begun =
                Chaos::seeded(seed).inject(step(&cluster, fault), radius).ledger(ledger).begin().await;
            if let Ok(begun) = begun {
                // What could not be put back is in the ledger.
                let _ = begun.revert().await;
            }
            api.meet(|_| Meet::Serve);
            let swept = chaos_core::ledger::sweep(&dir.path().join("ledger"), &cluster.undos().unwrap())
                .await
                .unwrap();
            assert!(swept.is_clean(), "seed {seed}: {swept}");
            assert_eq!(state(&api), before, "seed {seed}, fault {fault}");
        });
    }
}

/// A request that was given up on arrives after the revert: it must not bring the fault back.
fn late_requests() {
    paused(async {
        for fault in 0..FAULTS {
            for nth in 0.. {
                let api = shop(1);
                let before = state(&api);
                let cluster = api.cluster();
                let count = Arc::new(AtomicUsize::new(0));
                let counted = Arc::clone(&count);
                // From the nth write on, all that the inject writes is late.
                api.meet(move |call| {
                    if !call.is_write() {
                        return Meet::Serve;
                    }
                    if counted.fetch_add(1, Ordering::Relaxed) < nth { Meet::Serve } else { Meet::Late }
                });
                let opened = {
                    let api = api.clone();
                    async move {
                        // The inject has 30 s; then the server answers again.
                        pass(secs(31)).await;
                        api.meet_again();
                    }
                };
                let (begun, ()) = tokio::join!(begin(&cluster, step(&cluster, fault)), opened);
                if let Ok(begun) = begun {
                    begun.revert().await.unwrap();
                    if count.load(Ordering::Relaxed) <= nth {
                        break;
                    }
                }
                let codes = api.deliver_late();
                // What is made anew has no version: a policy that comes late selects nothing, and the sweep finds it.
                let late = api.cluster().sweep().of_run(cluster.run()).await.unwrap();
                assert!(late.is_clean(), "{late}");
                assert!(
                    late.ended.iter().all(|ended| ended.object.starts_with("NetworkPolicy")),
                    "{fault} {nth} {codes:?}: {late}"
                );
                assert_eq!(state(&api), before, "fault {fault}, write {nth}, answers {codes:?}");
            }
        }
    });
}

/// Others write to the object before each of our writes.
fn objects_that_change() {
    paused(async {
        for fault in 0..FAULTS {
            let api = shop(1);
            let before = state(&api);
            let cluster = api.cluster();
            let (server, mut changes) = (api.clone(), 0);
            api.meet(move |call| {
                if call.is_write() && changes < 9 {
                    changes += 1;
                    for (plural, namespace, name) in
                        [("pods", "shop", "cart-5d-0"), ("deployments", "shop", "cart"), ("nodes", "", "n2")]
                    {
                        if server.get(plural, namespace, name).is_some() {
                            server.change(plural, namespace, name, |object| {
                                object["status"]["beat"] = json!(changes)
                            });
                        }
                    }
                }
                Meet::Serve
            });
            begin(&cluster, step(&cluster, fault)).await.unwrap().revert().await.unwrap();
            let beatless = |state: Vec<serde_json::Value>| -> Vec<serde_json::Value> {
                let without = |mut object: serde_json::Value| {
                    object["status"].as_object_mut().map(|status| status.remove("beat"));
                    object
                };
                state.into_iter().map(without).collect()
            };
            assert_eq!(beatless(state(&api)), beatless(before), "fault {fault}");
        }
        // Without an end to it, it is given up, and nothing is left.
        let api = shop(1);
        let cluster = api.cluster();
        let (server, mut changes) = (api.clone(), 0);
        api.meet(move |call| {
            if call.is_write() {
                changes += 1;
                server.change("pods", "shop", "cart-5d-0", |pod| pod["status"]["beat"] = json!(changes));
            }
            Meet::Serve
        });
        let error = begin(&cluster, step(&cluster, 0)).await.unwrap_err();
        assert!(error.chain().contains("others changed it at each of"), "{}", error.chain());
    });
}

fn no_server() {
    paused(async {
        let api = shop(1);
        api.meet(|_| Meet::LoseRequest);
        let cluster = api.cluster();
        let error = begin(&cluster, step(&cluster, 0)).await.unwrap_err();
        assert!(error.chain().contains("could not be reached"), "{}", error.chain());
        assert_eq!(cluster.requests(), 4, "tries are bounded");
        api.meet(|_| Meet::Late);
        let error = begin(&cluster, step(&cluster, 0)).await.unwrap_err();
        assert!(error.to_string().contains("gave no answer"), "{error}");
        for (code, expected) in [(401, "credentials"), (403, "missing right"), (418, "418")] {
            api.meet(move |_| Meet::Refuse(code));
            let error = begin(&cluster, step(&cluster, 0)).await.unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
    });
}

/// Proxies answer too, and not in the words of an API server.
fn strange_answers() {
    paused(async {
        for (status, body, expected) in [
            (200, "<html>hello</html>", "not what the API server's documentation says"),
            (200, "{\"items\": 5}", "not what the API server's documentation says"),
            (403, "<html>\nno\n</html>", "missing right: list pods in namespace shop (<html> no </html>)"),
            (407, "", "407"),
        ] {
            let service = Strange { status, body };
            let cluster = Cluster::new(chaos_k8s::cluster::kube::Client::new(service, "default"));
            let error = begin(&cluster, step(&cluster, 0)).await.unwrap_err();
            assert!(error.to_string().contains(expected) && !error.to_string().contains('\n'), "{error}");
        }
    });
}

#[derive(Clone)]
struct Strange {
    status: u16,
    body: &'static str,
}

impl tower_service::Service<http::Request<chaos_k8s::cluster::kube::client::Body>> for Strange {
    type Response = http::Response<chaos_k8s::cluster::kube::client::Body>;
    type Error = std::io::Error;
    type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<chaos_k8s::cluster::kube::client::Body>) -> Self::Future {
        let body = self.body.as_bytes().to_vec().into();
        let response = http::Response::builder().status(self.status).body(body);
        std::future::ready(Ok(response.unwrap()))
    }
}
