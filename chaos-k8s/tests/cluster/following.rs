//! A fault that follows its selection, and one that does not: pods are told apart by their UIDs, whatever their names.

use chaos_core::experiment::Step;
use chaos_core::injection::{Following, On};
use chaos_core::units::{ms, secs};
use chaos_core::{BlastRadius, Chaos, Experiment, Fault, Ledger, Mode, Report, Select};
use chaos_k8s::cluster::testing::FakeApi;
use chaos_k8s::cluster::{Cluster, pods};
use serde_json::Value;

use crate::scene::{bare, pass, paused, pod_of, shop};
use crate::support::Test;

pub(crate) const TESTS: &[Test] = &[
    ("following_hits_what_came", &[], || replaced(true)),
    ("following_is_an_option", &[], || replaced(false)),
    ("following_a_named_pod", &[], named),
    ("following_waits_for_a_pod_that_is_being_deleted", &[], being_deleted),
];

const FIRST: &str = "cart-5d-0";

async fn run(cluster: &Cluster, step: impl Into<Step>, happens: impl Future<Output = ()>) -> Report {
    let run = Experiment::new(&Chaos::seeded(7), "the shop sells on")
        .fault(step)
        .blast_radius(BlastRadius::count(2).unwrap())
        .lasting(secs(60))
        .ledger(Ledger::in_memory(cluster.undos().unwrap()))
        .run();
    let (report, ()) = tokio::join!(run, happens);
    report.unwrap()
}

fn followed<F: Fault>(on: On<F>) -> On<F> {
    on.following(Following::every(secs(1)).unwrap())
}

/// Another pod of the same replica set under the name of one that goes.
fn replace(api: &FakeApi, name: &str) -> Value {
    let set = api.get("replicasets", "shop", "cart-5d").unwrap();
    api.remove("pods", "shop", name);
    api.put(pod_of(&set, name, "cart"))
}

/// The pods that are not as they were made.
fn changed(api: &FakeApi) -> Vec<String> {
    let made = |name: &str| {
        let set = api.get("replicasets", "shop", "cart-5d").unwrap();
        bare(Some(pod_of(&set, name, "cart")))
    };
    let pods = api.state().into_iter().filter(|object| object["kind"] == "Pod");
    let names = pods.map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned());
    let carts = names.filter(|name| name.starts_with("cart"));
    carts.filter(|name| bare(api.get("pods", "shop", name)) != made(name)).collect()
}

fn replaced(follows: bool) {
    paused(async {
        let api = shop(2);
        let cluster = api.cluster();
        let carts = cluster.pods().in_namespace("shop").label("app", "cart").unwrap();
        let on = pods::fail().on(carts, Mode::ALL);
        let on = if follows { followed(on) } else { on };
        let mut later = Value::Null;
        let report = run(&cluster, on, async {
            pass(ms(5_500)).await;
            assert_eq!(changed(&api).len(), 2);
            later = replace(&api, FIRST);
            pass(secs(5)).await;
            assert_eq!(changed(&api).contains(&FIRST.to_owned()), follows);
        })
        .await;
        assert_eq!(changed(&api), [""; 0], "{report}");
        let hit: Vec<&str> = report.steps[0].targets.iter().map(|target| target.id.as_str()).collect();
        let later = later["metadata"]["uid"].as_str().unwrap();
        assert_eq!((hit.len(), hit.contains(&later)), (if follows { 3 } else { 2 }, follows), "{report}");
    });
}

/// What is named is hit again under its name, as another pod, which the report and the undo know by its UID.
fn named() {
    paused(async {
        let api = shop(1);
        let cluster = api.cluster();
        let one = cluster.pods().pod("shop", FIRST);
        let report = run(&cluster, followed(pods::fail().on(one, Mode::ALL)), async {
            pass(ms(5_500)).await;
            // For a while there is none: that is an error of the selection, and changes nothing.
            let set = api.get("replicasets", "shop", "cart-5d").unwrap();
            api.remove("pods", "shop", FIRST);
            pass(secs(5)).await;
            api.put(pod_of(&set, FIRST, "cart"));
            pass(secs(3)).await;
            assert_eq!(changed(&api), [FIRST]);
        })
        .await;
        assert_eq!(changed(&api), [""; 0], "{report}");
        assert_eq!(report.steps[0].targets.len(), 2, "{report}");
        assert!(report.notes.iter().any(|note| note.contains("could not be followed")), "{report}");
    });
}

/// A pod that is being deleted is not selected any more; it holds its place until it is gone.
fn being_deleted() {
    paused(async {
        let api = shop(3);
        let cluster = api.cluster();
        let carts = || cluster.pods().in_namespace("shop").label("app", "cart").unwrap();
        let report = run(&cluster, followed(pods::fail().on(carts(), Mode::ALL)), async {
            pass(ms(5_500)).await;
            let under = changed(&api);
            assert_eq!(under.len(), 2);
            api.change("pods", "shop", &under[0], |pod| {
                pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
            });
            pass(secs(5)).await;
            assert_eq!(carts().select().await.unwrap().len(), 2);
            assert_eq!(changed(&api).len(), 2, "the third one is not hit while the first is there");
            api.remove("pods", "shop", &under[0]);
            pass(secs(3)).await;
            assert_eq!(changed(&api).len(), 2);
        })
        .await;
        assert_eq!(changed(&api), [""; 0], "{report}");
        assert_eq!(report.steps[0].targets.len(), 3, "{report}");
    });
}
