//! Stages, steps, caps over several rules, and the plan.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::world::{WrongContents, files, wrong};
use chaos_core::point::step;
use chaos_core::units::{ms, secs};
use chaos_core::{BlastRadius, Chaos, Delay, Experiment, Mode};

use crate::scene::*;

#[tokio::test(start_paused = true)]
async fn stages_run_one_after_the_other_and_steps_at_their_times() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path(), 3);
    let step = |contents, index: usize| on(WrongContents::new(contents), &files[index..=index], Mode::ALL);
    let moments = Arc::new(Mutex::new(Vec::new()));
    let (seen, watched) = (Arc::clone(&moments), files.clone());
    let report = Experiment::new(&Chaos::seeded(7), "x")
        .steady_state(always())
        .fault(step("first", 0))
        .fault(step("later", 1).after(secs(2)).lasting(secs(3)))
        .then(secs(4))
        .fault(step("second stage", 2))
        .blast_radius(all())
        .lasting(secs(10))
        .ledger(ledger())
        .progress(move |progress| {
            if let Some(mark) = &progress.mark {
                seen.lock().unwrap().push((progress.elapsed.as_secs(), mark.clone(), wrong(&watched)));
            }
        })
        .run()
        .await
        .unwrap();
    assert!(report.held(), "{report}");
    let moments = moments.lock().unwrap().clone();
    let moments: Vec<(u64, &str, usize)> =
        moments.iter().map(|(at, mark, n)| (*at, mark.as_str(), *n)).collect();
    assert_eq!(
        moments,
        [
            (0, "steady state holds", 0),
            (0, "injected contents become \"first\"", 1),
            (2, "injected contents become \"later\"", 2),
            (5, "reverted contents become \"later\"", 1),
            (10, "reverted contents become \"first\"", 0),
            (14, "injected contents become \"second stage\"", 1),
            (24, "reverted contents become \"second stage\"", 0),
            (24, "steady state holds again", 0),
            (24, "held", 0),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn two_rules_at_one_point_share_one_cap() {
    let chaos = Chaos::seeded(7);
    let point = chaos.point::<Commit>("commit").unwrap();
    let delayed = Arc::new(AtomicU32::new(0));
    let calls = Arc::new(AtomicU32::new(0));
    let (clock, passing) = (chaos.clock().clone(), point.clone());
    let (count, all_calls) = (Arc::clone(&delayed), Arc::clone(&calls));
    tokio::spawn(async move {
        loop {
            let begun = clock.now();
            let failed = passing.pass(&Commit).await.is_err();
            if !passing.is_off() {
                all_calls.fetch_add(1, Ordering::SeqCst);
                if failed || clock.now() > begun {
                    count.fetch_add(1, Ordering::SeqCst);
                }
                let (hit, all) = (count.load(Ordering::SeqCst), all_calls.load(Ordering::SeqCst));
                assert!(hit <= all / 10, "{hit} of {all} operations under fault");
            }
            clock.sleep(ms(1)).await;
        }
    });
    let report = Experiment::new(&chaos, "x")
        .steady_state(always())
        .fault(step::latency(Delay::fixed(ms(3))).probability(0.5).unwrap().at(point.clone()))
        .fault(step::error(|_: &Commit| std::io::ErrorKind::Other.into()).probability(0.5).unwrap().at(point))
        .blast_radius(BlastRadius::percent(10).unwrap())
        .lasting(secs(20))
        .run()
        .await
        .unwrap();
    assert!(report.held(), "{report}");
    let (hit, all) = (delayed.load(Ordering::SeqCst), calls.load(Ordering::SeqCst));
    assert!(all > 5_000 && hit > all / 20, "{hit} of {all}");
}

#[tokio::test]
async fn a_plan_names_the_exact_targets_and_touches_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path(), 9);
    let fault = WrongContents::new("wrong");
    let injected = Arc::clone(&fault.injected);
    let chaos = Chaos::seeded(7);
    let experiment = Experiment::new(&chaos, "orders survive")
        .steady_state(always())
        .fault(on(fault, &files, Mode::percent(50).unwrap()))
        .blast_radius(BlastRadius::count(3).unwrap().and_percent(40).unwrap())
        .lasting(secs(1))
        .ledger(ledger());
    let plan = experiment.plan().await.unwrap();
    let text = plan.to_string();
    assert!(text.contains("asked: 50 % of 9 files = 4   allowed: 3 of 9 files"), "{text}");
    assert!(text.contains("taken back by: sweep"), "{text}");
    assert_eq!(injected.load(Ordering::SeqCst), 0);
    let planned: Vec<String> = plan.targets().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(planned.len(), 3);
    let report = experiment.run().await.unwrap();
    let mut hit: Vec<String> = report.steps[0].targets.iter().map(|target| target.name.clone()).collect();
    hit.sort();
    let mut planned = planned;
    planned.sort();
    assert_eq!(hit, planned);
}
