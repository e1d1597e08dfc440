//! The recorder against brute force, over a simulated day, and from many threads.

use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::Recorder;
use super::history::TIER;
use crate::units::{Percent, ms, secs, us};

/// One call: when it ended (from the origin), how long it took, whether it was well.
#[derive(Debug, Clone, Copy)]
struct Ended {
    at: Duration,
    took: Duration,
    ok: bool,
}

fn ended(longest: u64) -> impl Strategy<Value = Ended> {
    // Latencies of every size, from microseconds to minutes.
    let took = (0u32..27).prop_flat_map(|bits| 0u64..=(1 << bits));
    (0..longest, took, prop::bool::weighted(0.9)).prop_map(|(at, took, ok)| Ended {
        at: ms(at),
        took: us(took),
        ok,
    })
}

/// The latency of the call that a quantile falls on, as the histogram defines it.
fn quantile(sorted: &[Duration], quantile: f64) -> Duration {
    let rank = (quantile * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted[rank - 1]
}

fn within_one_percent(measured: Duration, exact: Duration) -> bool {
    measured.abs_diff(exact) <= exact / 100 + us(1)
}

fn recorded(calls: &[Ended]) -> (Recorder, Instant) {
    let origin = Instant::now();
    let recorder = Recorder::starting_at("r", origin);
    calls.iter().for_each(|call| recorder.record(origin + call.at, call.took, call.ok));
    (recorder, origin)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_window_is_what_brute_force_says(
        mut calls in (200u64..2_000_000).prop_flat_map(|longest| prop::collection::vec(ended(longest), 1..400)),
        in_order in any::<bool>(),
        over in 0u64..2_500_000,
        later in 0u64..1_000,
    ) {
        if in_order {
            calls.sort_by_key(|call| call.at);
        }
        let (recorder, origin) = recorded(&calls);
        let newest = calls.iter().map(|call| call.at).max().expect("not empty");
        let now = origin + newest + ms(later);
        let window = recorder.window(ms(over), now);

        let asked = now.checked_sub(ms(over)).map_or(origin, |from| from.max(origin));
        prop_assert!(window.from <= asked && window.until == now);
        prop_assert!(asked - window.from <= ms(100).max(ms(over) / 64), "begins {:?} early", asked - window.from);

        let inside: Vec<_> = calls.iter().filter(|call| origin + call.at >= window.from).collect();
        prop_assert_eq!(window.calls, inside.len() as u64);
        prop_assert_eq!(window.errors, inside.iter().filter(|call| !call.ok).count() as u64);
        let mut sorted: Vec<_> = inside.iter().map(|call| call.took).collect();
        sorted.sort_unstable();
        prop_assert_eq!(window.latency.is_none(), sorted.is_empty());
        if let Some(latency) = window.latency {
            for (measured, of) in [(latency.p50, 0.5), (latency.p90, 0.9), (latency.p99, 0.99)] {
                let exact = quantile(&sorted, of);
                prop_assert!(within_one_percent(measured, exact), "{of}: {measured:?} for {exact:?}");
            }
            prop_assert_eq!(Some(&latency.max), sorted.last());
        }
    }

    #[test]
    fn a_timeline_holds_every_call_once(
        calls in (200u64..2_000_000).prop_flat_map(|longest| prop::collection::vec(ended(longest), 1..400)),
        since in 0u64..1_000_000,
    ) {
        let (recorder, origin) = recorded(&calls);
        let until = origin + calls.iter().map(|call| call.at).max().expect("not empty");
        let since = origin + ms(since);
        let timeline = recorder.timeline(since, until);

        prop_assert!(timeline.points.len() as u64 <= 4 * TIER, "{} points", timeline.points.len());
        let sum: u64 = timeline.points.iter().map(|point| point.calls).sum();
        let certain = calls.iter().filter(|call| origin + call.at >= since).count() as u64;
        let possible = calls.iter().filter(|call| origin + call.at + timeline.bucket >= since).count() as u64;
        prop_assert!((certain..=possible).contains(&sum), "{sum} is not in {certain}..={possible}");
        for point in &timeline.points {
            prop_assert_eq!(point.calls == 0, point.p99.is_none());
            prop_assert!(point.errors <= point.calls);
        }
        // Equal steps, but for a first bucket that began before the report.
        let steps = timeline.points.windows(2).skip(1).map(|pair| pair[1].at - pair[0].at);
        prop_assert!(steps.into_iter().all(|step| step == timeline.bucket));
    }
}

#[test]
fn a_day_keeps_its_totals_in_bounded_memory() {
    let origin = Instant::now();
    let recorder = Recorder::starting_at("r", origin);
    let mut errors = 0;
    for second in 0..86_400u64 {
        let ok = second % 97 != 0;
        errors += u64::from(!ok);
        recorder.record(origin + secs(second), us(100 + second * 7_919 % 900_000), ok);
    }
    let now = origin + secs(86_400);
    let all = recorder.window(Duration::MAX, now);
    assert_eq!((all.calls, all.errors), (86_400, errors));
    assert_eq!(all.from, origin);

    let history = recorder.history();
    let (buckets, bytes) = (history.all().count(), history.all().map(|bucket| bucket.bytes()).sum::<usize>());
    assert!(buckets as u64 <= 14 * (TIER + 2), "{buckets} buckets");
    assert!(bytes < 20_000_000, "{bytes} bytes");
    drop(history);

    // Old calls have been merged; the last ones are still told apart.
    let last = recorder.window(secs(5), now);
    assert_eq!((last.calls, last.from), (5, now - secs(5)));
}

#[test]
fn threads_lose_nothing_while_others_read() {
    const THREADS: u64 = 8;
    const CALLS: u64 = 5_000;
    let origin = Instant::now();
    let recorder = Recorder::starting_at("r", origin);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let recorder = recorder.clone();
            scope.spawn(move || {
                for call in 0..CALLS {
                    let started = origin + ms(call * 10 + thread);
                    recorder.start(started).end(started + ms(3), call % 10 != 0);
                }
            });
        }
        let recorder = recorder.clone();
        scope.spawn(move || {
            let mut seen = 0;
            for _ in 0..200 {
                let calls = recorder.window(Duration::MAX, origin + secs(60)).calls;
                assert!(calls >= seen, "{calls} after {seen}");
                seen = calls;
            }
        });
    });
    let all = recorder.window(Duration::MAX, origin + secs(60));
    assert_eq!((all.calls, all.errors), (THREADS * CALLS, THREADS * CALLS / 10));
    assert_eq!((recorder.in_flight(), recorder.abandoned()), (0, 0));
}

#[test]
fn no_calls_are_not_zero_errors() {
    let (recorder, origin) = recorded(&[Ended { at: secs(1), took: ms(5), ok: true }]);
    let empty = recorder.window(secs(2), origin + secs(10));
    assert!(empty.is_empty());
    assert_eq!((empty.error_rate(), empty.latency, empty.throughput_per_s()), (None, None, Some(0.0)));
    let at_once = recorder.window(Duration::ZERO, origin);
    assert_eq!(at_once.throughput_per_s(), None);
}

#[test]
fn an_idle_day_and_a_far_future_stay_bounded() {
    let (recorder, origin) = recorded(&[Ended { at: ms(50), took: ms(5), ok: false }]);
    let timeline = recorder.timeline(origin, origin + secs(86_400));
    assert!(timeline.points.len() as u64 <= 4 * TIER, "{} points", timeline.points.len());
    assert_eq!((timeline.points[0].calls, timeline.points[0].errors), (1, 1));

    recorder.record(origin + secs(400 * 86_400), ms(7), true);
    recorder.record(origin + ms(60), ms(9), true);
    let all = recorder.window(Duration::MAX, origin + secs(400 * 86_400));
    assert_eq!((all.calls, all.errors), (3, 1));
    assert!(recorder.timeline(origin + secs(5), origin).points.len() <= 1, "an end before its beginning");
}

#[test]
fn a_call_before_the_origin_and_one_of_a_day_are_counted() {
    let origin = Instant::now() + secs(100);
    let recorder = Recorder::starting_at("r", origin);
    recorder.record(origin - secs(50), ms(1), true);
    recorder.record(origin, secs(86_400), true);
    let window = recorder.window(secs(1), origin + ms(10));
    let latency = window.latency.expect("there were calls");
    assert_eq!((window.calls, latency.max), (2, secs(86_400)));
    assert!(within_one_percent(latency.p99, secs(3_600)), "{:?}", latency.p99);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_fails_after_the_virtual_time_it_took() {
    let recorder = Recorder::new("r");
    let call = recorder.start(Instant::now());
    tokio::time::advance(secs(30)).await;
    assert_eq!(recorder.in_flight(), 1);
    drop(call);
    recorder.start(Instant::now()).forget();
    let window = recorder.window(secs(1), Instant::now());
    assert_eq!((window.calls, window.errors, recorder.abandoned(), recorder.in_flight()), (1, 1, 1, 0));
    assert_eq!(window.latency.expect("one call").max, secs(30));
}

#[test]
fn limits_that_hold_always_or_never_are_refused() {
    let recorder = Recorder::new("r");
    let why = |limit: f64| recorder.error_rate().at_most(limit).unwrap_err().to_string();
    assert_eq!(why(5.0), "a share of 5 is not in 0..=1: for 5 % write 0.05");
    for share in [-0.1, 1.1, 400.0, f64::NAN, f64::INFINITY] {
        assert!(recorder.error_rate().at_most(share).unwrap_err().is_invalid(), "{share}");
        assert!(recorder.error_rate().at_least(share).unwrap_err().is_invalid(), "{share}");
    }
    for rate in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(recorder.throughput().at_least(rate).unwrap_err().is_invalid(), "{rate}");
    }
    let percent = Percent::try_new(1.5).unwrap();
    assert_eq!(recorder.error_rate().at_most(percent).unwrap().tolerance(), "at most 1.5 %");
    assert!(recorder.error_rate().over(Duration::ZERO).at_most(0.1).unwrap_err().is_invalid());
}

#[test]
fn a_metric_read_now_is_a_number() {
    let now = Instant::now();
    let recorder = Recorder::starting_at("r", now);
    assert!(recorder.error_rate().now().is_none(), "no data is not zero errors");
    recorder.record(now, ms(20), true);
    recorder.record(now, ms(40), false);
    assert_eq!(recorder.error_rate().now().map(f64::from), Some(0.5));
    assert_eq!(recorder.p99().now(), Some(ms(40)));
}
