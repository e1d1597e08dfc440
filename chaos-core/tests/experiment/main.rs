//! Every outcome of an experiment, and what is left of the world after it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod world;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use chaos_core::experiment::Progress;
use chaos_core::measure::Recorder;
use chaos_core::point::{Step, step};
use chaos_core::units::{ms, secs};
use chaos_core::{
    BlastRadius, Chaos, Clock, Delay, Experiment, Fault, Ledger, Mode, Outcome, Point, Probe, Report,
    Targets, Undos, probe,
};
use world::{File, PutBack, Trouble, WrongContents, files, wrong};

struct Commit;
impl Step for Commit {
    const NAME: &'static str = "commit";
    type Error = std::io::Error;
}

fn ledger() -> Ledger {
    Ledger::in_memory(Undos::none().with::<PutBack>(()).unwrap())
}

fn all() -> BlastRadius {
    BlastRadius::percent(100).unwrap()
}

fn on(fault: WrongContents, files: &[File], mode: Mode) -> chaos_core::experiment::Step {
    fault.on(Targets::these(files.to_vec()).unwrap(), mode).into()
}

/// A probe that holds until the world says otherwise.
fn files_are(files: &[File], most_wrong: usize) -> Probe {
    let files = files.to_vec();
    probe::check("files", move || {
        let held = wrong(&files) <= most_wrong;
        async move { Ok(held) }
    })
    .every(ms(50))
}

fn always() -> Probe {
    probe::check("always", || async { Ok(true) }).every(ms(50))
}

/// Operations pass `point` once a millisecond until the test's runtime ends.
fn traffic(chaos: &Chaos, point: &Point<Commit>) {
    let (clock, point) = (chaos.clock().clone(), point.clone());
    tokio::spawn(async move {
        loop {
            let _ = point.pass(&Commit).await;
            clock.sleep(ms(1)).await;
        }
    });
}

fn reason(report: &Report) -> &str {
    report.reason.as_deref().unwrap_or_default()
}

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
async fn an_abort_from_any_task_reverts() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path(), 2);
    let experiment = Experiment::new(&Chaos::seeded(7), "x")
        .steady_state(always())
        .fault(on(WrongContents::new("wrong"), &files, Mode::ALL))
        .blast_radius(all())
        .lasting(secs(3600))
        .ledger(ledger());
    let abort = experiment.abort_handle();
    let run = tokio::spawn(experiment.run());
    Clock::auto().sleep(secs(5)).await;
    assert_eq!(wrong(&files), 2);
    abort.abort("enough");
    abort.abort("not the first");
    let report = run.await.unwrap().unwrap();
    assert_eq!((report.outcome, reason(&report)), (Outcome::Aborted, "enough"));
    assert_eq!(wrong(&files), 0);
}

#[tokio::test(start_paused = true)]
async fn a_steady_state_that_does_not_hold_is_refused_and_nothing_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path(), 2);
    let fault = WrongContents::new("wrong");
    let injected = Arc::clone(&fault.injected);
    let report = Experiment::new(&Chaos::seeded(7), "x")
        .steady_state(probe::value("errors", || async { Ok(0.25) }).at_most(0.01).unwrap())
        .fault(on(fault, &files, Mode::ALL))
        .blast_radius(all())
        .lasting(secs(1))
        .ledger(ledger())
        .run()
        .await
        .unwrap();
    assert_eq!(report.outcome, Outcome::Refused);
    assert_eq!(
        reason(&report),
        "the steady state did not hold before any fault: errors: 0.25 (tolerated: at most 0.01)"
    );
    assert_eq!(injected.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn what_the_world_forbids_is_refused_and_nothing_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path(), 2);
    let run = |mode: Mode, radius: BlastRadius, files: Vec<File>, with_ledger: bool| async move {
        let fault = WrongContents::new("wrong");
        let injected = Arc::clone(&fault.injected);
        let mut experiment = Experiment::new(&Chaos::seeded(7), "x")
            .steady_state(always())
            .fault(on(fault, &files, mode))
            .blast_radius(radius)
            .lasting(secs(1));
        if with_ledger {
            experiment = experiment.ledger(ledger());
        }
        let report = experiment.run().await.unwrap();
        assert_eq!(report.outcome, Outcome::Refused);
        assert_eq!(injected.load(Ordering::SeqCst), 0);
        report.reason.unwrap()
    };
    let percent = |p| BlastRadius::percent(p).unwrap();
    assert!(run(Mode::ALL, percent(49), files.clone(), true).await.contains("2 files rounds down to nobody"));
    assert!(run(Mode::ALL, percent(50), files.clone(), false).await.contains("needs a ledger"));
    let protected: Vec<String> = files.iter().map(|file| file.0.display().to_string()).collect();
    let radius = percent(100).protecting(protected).unwrap();
    assert!(run(Mode::ALL, radius, files.clone(), true).await.contains("all 2 selected files are protected"));
    let gone = vec![File(dir.path().join("not-there"))];
    assert!(run(Mode::ALL, percent(100), gone, true).await.contains("No such file"));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_put_back_is_cleanup_failed_and_stays_in_the_ledger() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path(), 1);
    let ledger = Arc::new(ledger());
    let report = Experiment::new(&Chaos::seeded(7), "x")
        .steady_state(always())
        .fault(on(
            WrongContents::with("wrong", Trouble { stuck: 99, ..Trouble::default() }),
            &files,
            Mode::ALL,
        ))
        .blast_radius(all())
        .lasting(secs(1))
        .ledger(Arc::clone(&ledger))
        .run()
        .await
        .unwrap();
    assert_eq!(report.outcome, Outcome::CleanupFailed);
    assert!(reason(&report).contains("could not be put back in 3 tries: the disk is stuck"), "{report}");
    assert_eq!(ledger.open_entries().len(), 1);
    assert_eq!(wrong(&files), 1);
    // Twice stuck is not for good.
    let report = Experiment::new(&Chaos::seeded(7), "x")
        .steady_state(always())
        .fault(on(
            WrongContents::with("other", Trouble { stuck: 2, ..Trouble::default() }),
            &files,
            Mode::ALL,
        ))
        .blast_radius(all())
        .lasting(secs(1))
        .ledger(Arc::clone(&ledger))
        .run()
        .await
        .unwrap();
    assert!(report.held(), "{report}");
    assert_eq!(ledger.open_entries().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_inject_that_fails_half_way_or_panics_is_taken_back() {
    for trouble in
        [Trouble { half_way: true, ..Trouble::default() }, Trouble { panics: true, ..Trouble::default() }]
    {
        let dir = tempfile::tempdir().unwrap();
        let files = files(dir.path(), 3);
        let report = Experiment::new(&Chaos::seeded(7), "x")
            .steady_state(always())
            .fault(on(WrongContents::with("wrong", trouble), &files, Mode::ALL))
            .blast_radius(all())
            .lasting(secs(1))
            .ledger(ledger())
            .run()
            .await
            .unwrap();
        assert_eq!(report.outcome, Outcome::Aborted, "{report}");
        assert!(reason(&report).contains("everything was reverted"), "{report}");
        assert_eq!(wrong(&files), 0);
    }
}

#[tokio::test]
async fn a_dropped_run_reverts() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path(), 2);
    let experiment = Experiment::new(&Chaos::seeded(7), "x")
        .steady_state(always())
        .fault(on(WrongContents::new("wrong"), &files, Mode::ALL))
        .blast_radius(all())
        .lasting(secs(3600))
        .ledger(ledger());
    let run = tokio::spawn(experiment.run());
    until(|| wrong(&files) == 2).await;
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    until(|| wrong(&files) == 0).await;
}

#[test]
fn the_end_of_the_runtime_reverts() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path(), 2);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let experiment = Experiment::new(&Chaos::seeded(7), "x")
        .fault(on(WrongContents::new("wrong"), &files, Mode::ALL))
        .blast_radius(all())
        .lasting(secs(3600))
        .ledger(ledger());
    runtime.spawn(experiment.run());
    runtime.block_on(until(|| wrong(&files) == 2));
    drop(runtime);
    assert_eq!(wrong(&files), 0);
}

#[test]
fn a_dropped_guard_reverts_outside_a_runtime_and_in_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path(), 2);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let inject = || {
        let chaos = Chaos::seeded(7);
        let fault = on(WrongContents::new("wrong"), &files, Mode::ALL);
        runtime.block_on(chaos.inject(fault, all()).ledger(ledger()).begin()).unwrap()
    };
    let injection = inject();
    assert_eq!(wrong(&files), 2);
    drop(injection);
    assert_eq!(wrong(&files), 0);
    let injection = inject();
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _held = injection;
        panic!("in the middle of a test");
    }));
    assert!(panic.is_err());
    assert_eq!(wrong(&files), 0);
    let injection = inject();
    runtime.block_on(async move { drop(injection) });
    assert_eq!(wrong(&files), 0);
    runtime.block_on(inject().revert()).unwrap();
    assert_eq!(wrong(&files), 0);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_probe_is_a_reading_and_one_in_a_watcher_still_reverts() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path(), 2);
    let experiment = || {
        Experiment::new(&Chaos::seeded(7), "x")
            .fault(on(WrongContents::new("wrong"), &files, Mode::ALL))
            .blast_radius(all())
            .lasting(secs(10))
            .ledger(ledger())
    };
    let panicking: Probe =
        probe::check("bug", || async { if true { panic!("a bug in a probe") } else { Ok(true) } })
            .only_during();
    let report = experiment().steady_state(panicking).run().await.unwrap();
    assert_eq!(report.outcome, Outcome::Broken);
    assert!(reason(&report).contains("the probe panicked"), "{report}");
    assert_eq!(wrong(&files), 0);
    let bug = |progress: &Progress| assert!(progress.in_force == 0, "a bug in a watcher");
    let error = experiment().progress(bug).run().await.unwrap_err();
    assert!(error.to_string().contains("panicked"), "{error}");
    assert_eq!(wrong(&files), 0);
}

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
async fn wrong_arguments_are_errors_of_run() {
    let chaos = Chaos::seeded(7);
    let point = chaos.point::<Commit>("commit").unwrap();
    let experiment = |title: &str| {
        Experiment::new(&chaos, title).fault(step::hang().at(point.clone())).blast_radius(all())
    };
    let messages = [
        experiment("x").lasting(secs(0)).run().await.unwrap_err(),
        experiment(" ").lasting(secs(1)).run().await.unwrap_err(),
        experiment("x").lasting(secs(1)).then(secs(1)).run().await.unwrap_err(),
        experiment("x").lasting(secs(1)).steady_state(always().every(secs(0))).run().await.unwrap_err(),
        experiment("x").lasting(secs(1)).steady_state(always().timeout(secs(0))).run().await.unwrap_err(),
        experiment("x")
            .lasting(secs(1))
            .steady_state(probe::check("", || async { Ok(true) }))
            .run()
            .await
            .unwrap_err(),
    ];
    assert!(messages.iter().all(chaos_core::Error::is_invalid));
    assert_eq!(
        messages.map(|error| error.to_string()),
        [
            "a fault that lasts for zero time cannot be seen: give it a longer duration",
            "an experiment needs a title that is not empty: its hypothesis",
            "a stage has no fault: put `.fault(...)` after each `.then(...)`",
            "probe \"always\" has a interval of zero: use more",
            "probe \"always\" has a timeout of zero: use more",
            "a probe needs a name that is not empty",
        ]
    );
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

/// Waits for the world, 10 s at the most.
async fn until(is_so: impl Fn() -> bool) {
    for _ in 0..1_000 {
        if is_so() {
            return;
        }
        Clock::auto().sleep(ms(10)).await;
    }
    panic!("it did not come about within 10 s");
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
