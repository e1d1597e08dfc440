//! What rules did is told: to subscribers and to `metrics`; `tests/tracing.rs` looks at `tracing`.

use std::sync::Arc;

use super::{Call, decide, is_invalid};
use crate::Delay;
use crate::chaos::Chaos;
use crate::event::Event;
use crate::point::{Point, step};
use crate::units::ms;

fn setup() -> (Chaos, Point<Call>) {
    let chaos = Chaos::seeded(7);
    let point = chaos.point("calls").unwrap();
    (chaos, point)
}

/// Two rules, three calls, a revert.
fn play(point: &Point<Call>) {
    let slow =
        point.arm(step::latency(Delay::fixed(ms(5))).named("slow").unwrap().first(2).unwrap()).unwrap();
    let fail = point.arm(step::error(|_| "full").named("fail").unwrap().nth("2..3").unwrap()).unwrap();
    (0..3).for_each(|_| drop(decide(point)));
    drop(slow);
    drop(fail);
}

#[test]
fn a_subscriber_hears_everything_in_order() {
    let (chaos, point) = setup();
    let (mut events, mut second) = (chaos.subscribe(64).unwrap(), chaos.subscribe(64).unwrap());
    play(&point);
    let at = || Arc::from("calls");
    let hit = |rule: &str, ordinal, delay| Event::Hit { point: at(), rule: rule.into(), ordinal, delay };
    let expected = [
        Event::Armed { point: at(), rule: "slow".into() },
        Event::Armed { point: at(), rule: "fail".into() },
        hit("slow", 0, ms(5)),
        hit("slow", 1, ms(5)),
        hit("fail", 1, ms(0)),
        hit("fail", 2, ms(0)),
        Event::Reverted { point: at(), rule: "slow".into(), hits: 2 },
        Event::Reverted { point: at(), rule: "fail".into(), hits: 2 },
    ];
    for expected in &expected {
        assert_eq!(events.try_recv().as_ref(), Some(expected));
        assert_eq!(second.try_recv().as_ref(), Some(expected));
    }
    assert_eq!((events.try_recv(), events.lost()), (None, 0));
}

#[test]
fn a_full_channel_loses_events_counted_and_holds_nobody_up() {
    let (chaos, point) = setup();
    let mut events = chaos.subscribe(3).unwrap();
    play(&point);
    assert_eq!(events.lost(), 5);
    assert_eq!(std::iter::from_fn(|| events.try_recv()).count(), 3);
    play(&point);
    assert_eq!(events.lost(), 10);
}

#[tokio::test]
async fn a_subscriber_that_leaves_is_forgotten_and_the_others_stay() {
    let (chaos, point) = setup();
    drop(chaos.subscribe(1).unwrap());
    let mut events = chaos.subscribe(64).unwrap();
    play(&point);
    assert!(matches!(events.recv().await, Some(Event::Armed { .. })));
    drop((chaos, point));
    assert_eq!(std::iter::from_fn(|| events.try_recv()).count(), 7);
    assert_eq!(events.recv().await, None, "the handle is gone");
}

#[test]
fn a_channel_that_cannot_be_is_refused() {
    let (chaos, _) = setup();
    is_invalid(chaos.subscribe(0), "a channel for 0 events is not in 1..=");
    is_invalid(chaos.subscribe(usize::MAX), "is not in 1..=");
}

#[cfg(feature = "metrics")]
mod metrics_ {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use metrics::{
        Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString,
        Unit,
    };

    /// Adds up what is recorded under each name and labels.
    #[derive(Clone, Default)]
    struct Sums(Arc<Mutex<BTreeMap<String, f64>>>);

    struct Sum(Sums, String);

    impl Sum {
        fn of(sums: &Sums, key: &Key) -> Arc<Self> {
            let labels: Vec<_> =
                key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
            Arc::new(Self(sums.clone(), format!("{} {}", key.name(), labels.join(" "))))
        }
        fn add(&self, value: f64) {
            *self.0.0.lock().unwrap().entry(self.1.clone()).or_default() += value;
        }
    }

    impl CounterFn for Sum {
        fn increment(&self, value: u64) {
            self.add(value as f64);
        }
        fn absolute(&self, _: u64) {}
    }

    impl HistogramFn for Sum {
        fn record(&self, value: f64) {
            self.add(value);
        }
    }

    impl Recorder for Sums {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(Sum::of(self, key))
        }
        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }
        fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::from_arc(Sum::of(self, key))
        }
    }

    #[test]
    fn metrics_count_hits_and_delays() {
        let sums = Sums::default();
        let (_chaos, point) = super::setup();
        metrics::with_local_recorder(&sums, || super::play(&point));
        let sums = sums.0.lock().unwrap().clone();
        let expected = [
            ("chaos_delay_seconds point=calls rule=slow", 0.01),
            ("chaos_hits_total point=calls rule=fail", 2.0),
            ("chaos_hits_total point=calls rule=slow", 2.0),
        ];
        assert_eq!(sums, expected.map(|(key, sum)| (key.to_owned(), sum)).into());
    }
}
