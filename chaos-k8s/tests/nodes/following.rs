//! Targets that are replaced or restarted while a fault follows its selection, as the application sees it.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use chaos_core::experiment::Abort;
use chaos_core::injection::Following;
use chaos_core::units::{ms, secs};
use chaos_core::{BlastRadius, Clock, Experiment, Fault, Ledger, Mode, Outcome, Report};
use chaos_k8s::cluster::agents::Delivery;
use chaos_k8s::node::net;
use serde_json::json;

use crate::scene::{HERE, Part, Scene, script, until};
use crate::server::really;
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] = &[
    ("a_replacement_is_hit_by_a_container", &[Need::Nodes], || replaced(Delivery::EphemeralContainer)),
    ("a_replacement_is_hit_by_a_pod", &[Need::Nodes], || replaced(Delivery::NodePod)),
    ("a_new_sandbox_is_hit_by_a_container", &[Need::Nodes], || restarted(Delivery::EphemeralContainer)),
    ("a_new_sandbox_is_hit_by_a_pod", &[Need::Nodes], || restarted(Delivery::NodePod)),
];

/// What has happened so far, as the experiment says it.
type Marks = Arc<Mutex<Vec<String>>>;

/// The fronts are cut off from their database, whichever they are, until the end or an abort.
fn cut(scene: &Scene, by: Delivery) -> (impl Future<Output = Report>, Abort, Marks) {
    let marks = Marks::default();
    let said = Arc::clone(&marks);
    let cut = scene.agents(by).net(net::drop()).to(scene.pods("db"));
    let following = Following::every(secs(1)).unwrap();
    let experiment = Experiment::new(&scene.chaos, "fronts bear the loss of their database")
        .fault(cut.on(scene.pods("front"), Mode::ALL).following(following))
        .blast_radius(BlastRadius::count(2).unwrap())
        .lasting(secs(180))
        .ledger(Ledger::in_memory(scene.cluster.undos().unwrap()))
        .progress(move |progress| said.lock().unwrap().extend(progress.mark.clone()));
    let abort = experiment.abort_handle();
    (async move { experiment.run().await.unwrap() }, abort, marks)
}

async fn says(marks: &Marks, words: &str) {
    until(|| async { marks.lock().unwrap().iter().any(|mark| mark.contains(words)) }).await;
}

async fn is_cut(front: &Part, to: &str) -> bool {
    // One that is not there answers nothing at all.
    matches!(front.try_get(&format!("/ask?to={to}&within=700")).await, Ok((504, _)))
}

async fn stays_cut(front: &Part, to: &str, marks: &Marks) {
    let answer = front.try_get(&format!("/ask?to={to}&within=700")).await;
    let is_cut = matches!(answer, Ok((504, _)));
    assert!(is_cut, "{} was let go: {answer:?}: {:?}", front.name, marks.lock().unwrap());
}

/// A pod of a deployment is deleted, and the one that comes for it is hit; the other is never without the fault.
fn replaced(by: Delivery) {
    really(async {
        let scene = Scene::new().await;
        let db = scene.part("db", HERE).await;
        let to = format!("{}:8080", db.address);
        let fronts = scene.deployment("front", HERE, 2).await;
        for front in &fronts {
            front.reaches(&to).await;
        }
        let (run, abort, marks) = cut(&scene, by);
        let happens = async {
            says(&marks, "injected ").await;
            for front in &fronts {
                assert!(is_cut(front, &to).await);
            }
            let [first, other] = &fronts[..] else { panic!("{fronts:?}") };
            scene.delete(&first.name).await;
            let begun = Instant::now();
            loop {
                stays_cut(other, &to, &marks).await;
                let now = scene.parts("front").await;
                if let Some(new) = now.iter().find(|one| fronts.iter().all(|old| old.name != one.name)) {
                    if is_cut(new, &to).await {
                        println!(
                            "{by}: the replacement is cut off {:.1?} after the deletion",
                            begun.elapsed()
                        );
                        break;
                    }
                }
                assert!(begun.elapsed() < secs(120), "the replacement is not hit");
                Clock::real().sleep(ms(200)).await;
            }
            // For some looks more.
            for _ in 0..10 {
                stays_cut(other, &to, &marks).await;
                Clock::real().sleep(ms(200)).await;
            }
            // Seen from outside before its agent has said so.
            says(&marks, ": injected at").await;
            abort.abort("seen");
        };
        let (report, ()) = tokio::join!(run, happens);
        assert_eq!(report.outcome, Outcome::Aborted, "{report}");
        assert_eq!(report.steps[0].targets.len(), 3, "{report}");
        assert!(report.marks.iter().any(|mark| mark.text.contains("gone with")), "{report}");
        for front in scene.parts("front").await {
            assert!(front.ask(&to).await.is_some(), "{report}");
        }
        scene.over().await;
    });
}

/// The same pod in a new sandbox has lost its fault, and gets it again.
fn restarted(by: Delivery) {
    really(async {
        let scene = Scene::new().await;
        let (front, db) = tokio::join!(scene.part("front", HERE), scene.part("db", HERE));
        let to = format!("{}:8080", db.address);
        front.reaches(&to).await;
        let (run, abort, marks) = cut(&scene, by);
        let happens = async {
            says(&marks, "injected ").await;
            assert!(is_cut(&front, &to).await);
            let labels =
                json!({"io.kubernetes.pod.name": "front", "io.kubernetes.pod.namespace": scene.namespace()});
            let filter: Vec<String> = labels
                .as_object()
                .unwrap()
                .iter()
                .map(|(label, value)| format!(r#"labels."{label}"=={value}"#))
                .chain([r#"labels."io.cri-containerd.kind"==sandbox"#.to_owned()])
                .collect();
            let sandbox = format!("ctr -n k8s.io containers ls -q '{}'", filter.join(","));
            script("gx", &[HERE, &format!("ctr -n k8s.io tasks kill -s SIGKILL $({sandbox})")]);
            let begun = Instant::now();
            let mut was_free = false;
            loop {
                let now = scene.parts("front").await;
                if let Some(now) = now.iter().find(|now| now.address != front.address) {
                    let is_cut = is_cut(now, &to).await;
                    was_free |= !is_cut && now.ask_within(&to, ms(700)).await.is_some();
                    if is_cut {
                        break;
                    }
                }
                assert!(begun.elapsed() < secs(120), "the fault does not come back");
                Clock::real().sleep(ms(100)).await;
            }
            println!(
                "{by}: cut off again {:.1?} after its sandbox was killed; free between: {was_free}",
                begun.elapsed()
            );
            // Seen from outside before its agent has said so.
            says(&marks, ": injected at").await;
            abort.abort("seen");
        };
        let (report, ()) = tokio::join!(run, happens);
        assert_eq!(report.outcome, Outcome::Aborted, "{report}");
        let ids: Vec<&str> = report.steps[0].targets.iter().map(|target| target.id.as_str()).collect();
        assert!(ids.len() == 2 && ids[0] == ids[1], "{report}");
        assert!(report.marks.iter().any(|mark| mark.text.contains("lost by")), "{report}");
        assert!(scene.parts("front").await[0].ask(&to).await.is_some(), "{report}");
        scene.over().await;
    });
}
