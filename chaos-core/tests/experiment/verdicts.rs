//! What an experiment says of a system: held, broken, inconclusive.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::world::{File, Trouble, WrongContents, files, wrong};
use chaos_core::measure::Recorder;
use chaos_core::point::step;
use chaos_core::report::TargetState;
use chaos_core::units::{ms, secs};
use chaos_core::{
    Approved, BlastRadius, Chaos, Delay, Experiment, Fault, Mode, NoUndo, Observed, Outcome, Plan, Point,
    Targets, probe,
};

use crate::scene::*;

#[tokio::test(start_paused = true)]
async fn held_with_an_inline_and_a_stateful_fault_under_one_blast_radius() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path(), 9);
    let chaos = Chaos::seeded(7);
    let point = chaos.point::<Commit>("commit").unwrap();
    traffic(&chaos, &point);
    let most_wrong = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&most_wrong);
    let watched = files.clone();
    let report = Experiment::new(&chaos, "orders survive")
        .steady_state(always())
        .fault(step::latency(Delay::fixed(ms(5))).probability(0.5).unwrap().at(point.clone()))
        .fault(on(WrongContents::new("wrong"), &files, Mode::ALL))
        .blast_radius(BlastRadius::percent(40).unwrap())
        .lasting(secs(2))
        .ledger(ledger())
        .progress(move |_| {
            seen.fetch_max(wrong(&watched) as u32, Ordering::SeqCst);
        })
        .run()
        .await
        .unwrap();
    assert!(report.held(), "{report}");
    assert_eq!(wrong(&files), 0);
    assert!(point.is_off());
    // 40 % of 9 files rounds down to 3, and of operations to less than the half asked for.
    assert_eq!(most_wrong.load(Ordering::SeqCst), 3);
    let [inline, stateful] = &report.steps[..] else { panic!("{report}") };
    assert_eq!(stateful.asked, "all of 9 files = 9");
    assert_eq!(stateful.allowed, "3 of 9 files");
    assert_eq!(stateful.achieved, "3 of 3 files seen in force");
    assert!(inline.hits > 100 && inline.hits * 100 <= inline.matching * 40, "{inline:?}");
    assert!(inline.capped > 0, "{inline:?}");
    assert!(inline.added_delay >= ms(5) * 100);
    assert_eq!(report.seed, 7);
    assert_eq!(report.replay, "Chaos::seeded(7)");
    assert!(report.probes[0].taken > 20, "{:?}", report.probes[0]);
}

#[tokio::test(start_paused = true)]
async fn a_broken_hypothesis_reverts_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path(), 3);
    let chaos = Chaos::seeded(7);
    let begun = tokio::time::Instant::now();
    let report = Experiment::new(&chaos, "files stay right")
        .steady_state(files_are(&files, 0))
        .fault(on(WrongContents::new("wrong"), &files, Mode::ALL))
        .blast_radius(all())
        .lasting(secs(3600))
        .ledger(ledger())
        .run()
        .await
        .unwrap();
    assert_eq!(report.outcome, Outcome::Broken, "{report}");
    assert!(reason(&report).starts_with("files: not so"), "{report}");
    assert!(begun.elapsed() < secs(60));
    assert_eq!(wrong(&files), 0);
}

#[tokio::test(start_paused = true)]
async fn a_broken_hypothesis_goes_on_to_the_end_where_asked() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path(), 1);
    let begun = tokio::time::Instant::now();
    let report = Experiment::new(&Chaos::seeded(7), "files stay right")
        .steady_state(files_are(&files, 0))
        .fault(on(WrongContents::new("wrong"), &files, Mode::ALL))
        .blast_radius(all())
        .lasting(secs(60))
        .go_on_when_broken()
        .ledger(ledger())
        .run()
        .await
        .unwrap();
    assert_eq!(report.outcome, Outcome::Broken);
    assert!(begun.elapsed() >= secs(60));
    assert_eq!(wrong(&files), 0);
}

#[tokio::test(start_paused = true)]
async fn a_system_that_does_not_come_back_is_broken() {
    let broken = Arc::new(AtomicBool::new(false));
    let (seen, breaks) = (Arc::clone(&broken), Arc::clone(&broken));
    let chaos = Chaos::seeded(7);
    let point = chaos.point::<Commit>("commit").unwrap();
    traffic(&chaos, &point);
    let report = Experiment::new(&chaos, "comes back")
        .steady_state(
            probe::check("alive", move || {
                let alive = !seen.load(Ordering::SeqCst);
                async move { Ok(alive) }
            })
            .around(),
        )
        .fault(step::latency(Delay::fixed(ms(1))).at(point))
        .blast_radius(all())
        .lasting(secs(1))
        .progress(move |progress| {
            if progress.phase == "faults in force" {
                breaks.store(true, Ordering::SeqCst);
            }
        })
        .recovering_within(secs(3))
        .run()
        .await
        .unwrap();
    assert_eq!(report.outcome, Outcome::Broken);
    assert!(reason(&report).contains("did not come back within 3s"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_was_given_time_is_not_broken_by_it() {
    let chaos = Chaos::seeded(7);
    let point = chaos.point::<Commit>("commit").unwrap();
    traffic(&chaos, &point);
    let experiment = |probe| {
        Experiment::new(&chaos, "given time")
            .steady_state(probe)
            .fault(step::latency(Delay::fixed(ms(1))).at(point.clone()))
            .blast_radius(all())
            .lasting(secs(1))
            .run()
    };
    // The readings of these numbers have no verdict or do not hold; all others hold.
    let warming = |readings: std::ops::Range<u32>, verdict: fn() -> probe::Reading| {
        let taken = AtomicU32::new(0);
        probe::reading("warming", move || {
            let at = taken.fetch_add(1, Ordering::SeqCst);
            let reading = if readings.contains(&at) { verdict() } else { probe::Reading::pass("ok") };
            async move { Ok(reading) }
        })
    };
    let report = experiment(warming(0..3, || probe::Reading::no_data("none yet"))).await.unwrap();
    assert!(report.held() && report.probes[0].held, "{report}");
    assert_eq!(report.probes[0].failed, 3);
    let report = experiment(warming(0..3, || probe::Reading::fail("down")).only_after()).await.unwrap();
    assert!(report.held() && report.probes[0].held, "{report}");
    // One that breaks while faults are in force stays broken, though it came back.
    let report = experiment(warming(1..2, || probe::Reading::fail("down"))).await.unwrap();
    assert!(report.outcome == Outcome::Broken && !report.probes[0].held, "{report}");
}

#[tokio::test(start_paused = true)]
async fn what_hit_nothing_is_inconclusive_and_says_why() {
    let chaos = Chaos::seeded(7);
    let run = |point: Point<Commit>, chaos: Chaos| async move {
        Experiment::new(&chaos, "nothing happens")
            .steady_state(always())
            .fault(step::latency(Delay::fixed(ms(1))).matching(|_| false).at(point))
            .blast_radius(all())
            .lasting(secs(1))
            .run()
            .await
            .unwrap()
    };
    // A misspelt name: nothing is attached, nothing passes.
    let report = run(chaos.point("comit").unwrap(), chaos.clone()).await;
    assert_eq!(report.outcome, Outcome::Inconclusive);
    assert!(reason(&report).contains("nothing is attached to point \"comit\": a misspelt name?"), "{report}");
    // Traffic, but none that matches.
    let point = chaos.point("commit").unwrap();
    traffic(&chaos, &point);
    let report = run(point, chaos).await;
    assert_eq!(report.outcome, Outcome::Inconclusive);
    assert!(reason(&report).contains("hit nothing: 0 operations matched"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_fault_never_seen_in_force_is_inconclusive() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path(), 2);
    let fault = WrongContents::with("wrong", Trouble { unseen: true, ..Trouble::default() });
    let report = Experiment::new(&Chaos::seeded(7), "x")
        .steady_state(always())
        .fault(on(fault, &files, Mode::ALL))
        .blast_radius(all())
        .lasting(secs(1))
        .ledger(ledger())
        .run()
        .await
        .unwrap();
    assert_eq!(report.outcome, Outcome::Inconclusive, "{report}");
    assert!(reason(&report).contains("was never seen in force"));
    assert!(report.notes.iter().any(|note| note.contains("not seen in force")), "{:?}", report.notes);
    assert_eq!(wrong(&files), 0);
}

#[tokio::test(start_paused = true)]
async fn without_a_hypothesis_or_a_verdict_nothing_was_held() {
    let chaos = Chaos::seeded(7);
    let point = chaos.point::<Commit>("commit").unwrap();
    traffic(&chaos, &point);
    let experiment = || {
        Experiment::new(&chaos, "x")
            .fault(step::latency(Delay::fixed(ms(1))).at(point.clone()))
            .blast_radius(all())
            .lasting(secs(1))
    };
    let report = experiment().run().await.unwrap();
    assert_eq!(report.outcome, Outcome::Inconclusive);
    assert!(reason(&report).contains("no steady state was given"));
    let no_data = || async { Ok(probe::Reading::no_data("no calls in the last 2 s")) };
    let report =
        experiment().steady_state(probe::reading("calls", no_data).only_during()).run().await.unwrap();
    assert_eq!(report.outcome, Outcome::Inconclusive);
    assert!(reason(&report).contains("gave no verdict while faults were in force"));
}

#[tokio::test(start_paused = true)]
async fn the_metrics_of_a_client_are_the_steady_state_and_the_timeline() {
    let chaos = Chaos::seeded(7);
    let point = chaos.point::<Commit>("commit").unwrap();
    let client = Recorder::new("commits");
    let (clock, passing, calls) = (chaos.clock().clone(), point.clone(), client.clone());
    tokio::spawn(async move {
        loop {
            let call = calls.start(clock.now());
            let done = passing.pass(&Commit).await;
            call.end(clock.now(), done.is_ok());
            clock.sleep(ms(5)).await;
        }
    });
    let experiment = |most_errors: f64| {
        Experiment::new(&chaos, "commits survive")
            .steady_state(client.error_rate().at_most(most_errors).unwrap().every(ms(100)))
            .steady_state(client.p99().at_most(ms(50)).unwrap().every(ms(100)))
            .steady_state(client.throughput().at_least(50.0).unwrap().every(ms(100)))
            .fault(step::latency(Delay::fixed(ms(20))).probability(0.2).unwrap().at(point.clone()))
            .fault(
                step::error(|_: &Commit| std::io::ErrorKind::Other.into())
                    .every(5)
                    .unwrap()
                    .at(point.clone()),
            )
            .blast_radius(all())
            .lasting(secs(5))
            .measuring(&client)
    };
    let report = experiment(0.25).run().await.unwrap();
    assert!(report.held(), "{report}");
    let timeline = report.timeline.as_ref().unwrap();
    assert_eq!(timeline.windows.len(), 2);
    assert!(timeline.points.iter().map(|point| point.errors).sum::<u64>() > 50, "{timeline:?}");
    assert_eq!(report.probes[0].tolerance, "at most 25 %");
    // Until the window has forgotten the faults.
    chaos.clock().sleep(secs(2)).await;
    let report = experiment(0.05).run().await.unwrap();
    assert_eq!(report.outcome, Outcome::Broken, "{report}");
    assert!(reason(&report).starts_with("commits: error rate over 1s: "), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_client_without_calls_gives_no_verdict_and_is_refused_before() {
    let client = Recorder::new("idle");
    let chaos = Chaos::seeded(7);
    let report = Experiment::new(&chaos, "x")
        .steady_state(client.error_rate().at_most(0.01).unwrap())
        .fault(step::hang::<Commit>().at(chaos.point("commit").unwrap()))
        .blast_radius(all())
        .lasting(secs(1))
        .run()
        .await
        .unwrap();
    assert_eq!(report.outcome, Outcome::Refused);
    assert!(reason(&report).contains("no calls in the last 1s"), "{report}");
    assert!(client.error_rate().at_most(f64::NAN).unwrap_err().is_invalid());
    assert!(client.p99().over(secs(0)).at_most(ms(1)).unwrap_err().is_invalid());
}

/// Deletes the file: nothing brings it back.
#[derive(Debug)]
struct Delete;

impl Fault for Delete {
    type Target = File;
    type Undo = NoUndo;
    fn via<'a>(&'a self, _: &'a File) -> &'a () {
        &()
    }
    async fn prepare(&self, _: &File) -> chaos_core::Result<Plan<NoUndo>> {
        Ok(Plan::irreversible("deletes the file"))
    }
    async fn inject(&self, file: &Approved<File>, _: &NoUndo) -> chaos_core::Result<()> {
        Ok(std::fs::remove_file(&file.0)?)
    }
    async fn observe(&self, file: &File, _: &NoUndo) -> chaos_core::Result<Observed> {
        Ok(if file.0.exists() { Observed::absent("still there") } else { Observed::in_force("gone") })
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_undone_is_named_so_in_plan_and_report() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path(), 2);
    let experiment = Experiment::new(&Chaos::seeded(7), "x")
        .steady_state(always())
        .fault(Delete.on(Targets::these(files.clone()).unwrap(), Mode::ONE))
        .blast_radius(BlastRadius::count(1).unwrap())
        .lasting(secs(1));
    let plan = experiment.plan().await.unwrap();
    assert!(!plan.is_reversible());
    assert!(plan.to_string().contains("CANNOT BE UNDONE"), "{plan}");
    // No ledger is asked for: there is no undo to write.
    let report = experiment.run().await.unwrap();
    assert!(report.held(), "{report}");
    assert!(!report.steps[0].reversible);
    assert_eq!(report.steps[0].targets[0].state, TargetState::Irreversible);
    assert_eq!(report.notes, ["\"Delete\" cannot be undone"]);
    assert_eq!(files.iter().filter(|file| file.0.exists()).count(), 1);
}
