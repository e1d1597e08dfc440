//! The runner itself, and the line it prints, read from this test program run again as a child.

use std::collections::BTreeSet;
use std::future::pending;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::replay::{Replay, parse};
use super::runner::{Body, first_failure};
use super::{Seeds, Which};
use crate::chaos::Chaos;
use crate::units::{ms, secs};

fn body(body: impl Fn(Chaos) -> Result<(), String> + Send + Sync + 'static) -> Arc<Body> {
    Arc::new(body)
}

const ASKED_TO_FAIL: &str = "CHAOS_TEST_FAIL_AT";

/// Also run as a child, where it is asked to fail at a seed.
#[test]
fn every_seed_gets_a_handle_of_its_own_and_a_runtime() {
    let fail_at = std::env::var(ASKED_TO_FAIL).ok();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&seen);
    Seeds::first(5).run(move |chaos| {
        let (note, fail_at) = (Arc::clone(&note), fail_at.clone());
        async move {
            tokio::task::yield_now().await;
            assert!(chaos.points().is_empty(), "nothing is left of the seed before");
            note.lock().unwrap().push(chaos.seed());
            if fail_at == Some(chaos.seed().to_string()) { Err("lost an order") } else { Ok(()) }
        }
    });
    let all = std::env::var_os("CHAOS_SEED").is_none();
    assert!(!all || *seen.lock().unwrap() == [0, 1, 2, 3, 4]);
}

#[test]
fn the_first_seed_that_fails_ends_the_run() {
    let tried = Arc::new(Mutex::new(BTreeSet::new()));
    let note = Arc::clone(&tried);
    let fails_from_3 = body(move |chaos| {
        note.lock().unwrap().insert(chaos.seed());
        if chaos.seed() >= 3 { Err("too large".to_owned()) } else { Ok(()) }
    });
    let failure = first_failure(Which::First(200), secs(60), &fails_from_3).unwrap_err();
    assert_eq!(failure.seed, Some(3));
    assert_eq!(failure.to_string(), "seed 3 failed (after 3 of 200 that passed): too large");
    assert_eq!(tried.lock().unwrap().len(), 4);

    let alone = first_failure(Which::One(17), secs(60), &fails_from_3).unwrap_err();
    assert_eq!(alone.to_string(), "seed 17 failed: too large");
    assert!(first_failure(Which::One(2), secs(60), &fails_from_3).is_ok());
    assert!(first_failure(Which::One(u64::MAX), secs(60), &fails_from_3).is_err());
}

#[test]
fn panics_of_either_kind_are_failures() {
    let text = first_failure(Which::One(0), secs(60), &body(|_| panic!("plain"))).unwrap_err();
    assert_eq!(text.to_string(), "seed 0 failed: plain");
    let formatted = first_failure(Which::One(0), secs(60), &body(|chaos| panic!("seed {}", chaos.seed())));
    assert_eq!(formatted.unwrap_err().to_string(), "seed 0 failed: seed 0");
}

#[test]
fn a_body_that_does_not_end_meets_its_limit() {
    let blocks = body(|_| {
        loop {
            std::thread::park();
        }
    });
    let failure = first_failure(Which::One(4), ms(30), &blocks).unwrap_err();
    assert_eq!(failure.to_string(), "seed 4 failed: it did not end within 30ms");
}

#[test]
fn no_seeds_are_no_test() {
    let failure = first_failure(Which::First(0), secs(60), &body(|_| Ok(()))).unwrap_err();
    assert_eq!(
        (failure.seed, failure.to_string().as_str()),
        (None, "no seeds to run: a test under 0 seeds tests nothing")
    );
}

#[test]
fn a_seed_is_decimal_or_hexadecimal() {
    assert_eq!(parse("17"), Ok(17));
    assert_eq!(parse(" 0xff "), Ok(255));
    assert_eq!(parse("0XFF"), Ok(255));
    assert_eq!(parse("18446744073709551615"), Ok(u64::MAX));
    for bad in ["", "seventeen", "-1", "0x", "0x+1", "18446744073709551616", "1.0"] {
        let err = parse(bad).unwrap_err();
        assert!(err.starts_with(&format!("CHAOS_SEED={bad} is not a seed")), "{err}");
    }
}

#[test]
fn the_caller_brings_a_paused_runtime() {
    let paused = || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    Seeds::first(2).runtime(paused).within(secs(30)).run(|chaos| async move {
        // An hour of virtual time, in no time.
        let hour = Duration::from_secs(3600);
        chaos.clock().timeout(hour, pending::<()>()).await.unwrap_err();
    });
}

fn on_a_thread_called(name: &str) -> Replay {
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(Replay::here).unwrap().join().unwrap()
}

#[test]
fn the_line_that_replays_names_package_and_test() {
    let fails_at_3 = body(|chaos| if chaos.seed() == 3 { Err("lost an order".to_owned()) } else { Ok(()) });
    let replay = on_a_thread_called("shop::retries_are_bounded");
    let package = std::env::var("CARGO_PKG_NAME").map_or(String::new(), |package| format!(" -p {package}"));
    let line = format!("CHAOS_SEED=3 cargo test{package} shop::retries_are_bounded -- --exact");
    assert_eq!(
        Seeds::first(200).verdict(&replay, None, &fails_at_3).unwrap_err(),
        format!("seed 3 failed (after 3 of 200 that passed): lost an order\nreplay: {line}")
    );
    let by_hand = Seeds::first(200).seed(3);
    assert_eq!(
        by_hand.verdict(&replay, None, &fails_at_3).unwrap_err(),
        format!("seed 3 failed: lost an order\nreplay: {line}")
    );
    // What the environment asks for stands above the test.
    assert_eq!(by_hand.verdict(&replay, Some("4"), &fails_at_3), Ok(()));
    let asked = Seeds::first(2).verdict(&replay, Some("0x3"), &fails_at_3).unwrap_err();
    assert!(asked.starts_with("seed 3 failed: lost an order"), "{asked}");
    let wrong = Seeds::first(2).verdict(&replay, Some("drei"), &fails_at_3).unwrap_err();
    assert!(wrong.starts_with("CHAOS_SEED=drei is not a seed"), "{wrong}");
}

#[test]
fn without_a_name_the_line_says_where_the_test_stands() {
    let line = on_a_thread_called("main").line(3);
    assert!(line.starts_with("CHAOS_SEED=3 cargo test") && line.contains(" (the test at "), "{line}");
}

#[test]
fn a_blocking_body_fails_its_test() {
    let run = || Seeds::first(9).run_blocking(|chaos| assert_eq!(chaos.seed(), u64::MAX, "five"));
    let panic = std::panic::catch_unwind(run).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.contains("five") && text.contains("\nreplay: CHAOS_SEED="), "{text}");
}

/// Runs a test of this program as a child, to look at a failed test from outside.
fn child(fail_at: &str, seed: Option<&str>) -> (bool, String) {
    let test = "testing::seeds::tests::every_seed_gets_a_handle_of_its_own_and_a_runtime";
    #[expect(clippy::disallowed_methods, reason = "a test that fails is looked at from outside")]
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([test, "--exact", "--nocapture"]);
    child.env(ASKED_TO_FAIL, fail_at).env("CARGO_PKG_NAME", "shop").env_remove("CHAOS_SEED");
    if let Some(seed) = seed {
        child.env("CHAOS_SEED", seed);
    }
    let Output { status, stdout, stderr } = child.output().unwrap();
    let text = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
    assert!(text.contains("running 1 test"), "{text}");
    (status.success(), text)
}

#[test]
fn seen_from_outside_the_test_fails_with_its_seed_and_the_seed_replays() {
    let (passed, text) = child("3", None);
    assert!(!passed && text.contains("seed 3 failed (after 3 of 5 that passed): lost an order\n"), "{text}");
    assert!(text.contains("replay: CHAOS_SEED=3 cargo test -p shop "), "{text}");
    let (passed, text) = child("3", Some("3"));
    assert!(!passed && text.contains("seed 3 failed: lost an order\n"), "{text}");
    let (passed, text) = child("3", Some("4"));
    assert!(passed, "{text}");
}
