//! Deciding with 1, 4 and 16 rules, arming and reverting, and drawing delays.

use std::hint::black_box;
use std::time::Duration;

use chaos_core::point::{Abilities, Armed, Point, Step, step};
use chaos_core::units::ms;
use chaos_core::{Chaos, Delay, Dice, Result};
use criterion::{Criterion, criterion_group, criterion_main};

struct Commit(u64);

impl Step for Commit {
    const NAME: &'static str = "commit";
    type Error = std::io::Error;
}

fn point() -> Result<Point<Commit>> {
    Chaos::seeded(7).point("bench")
}

/// `rules` rules that match every operation but one, and that the dice are against.
fn armed(point: &Point<Commit>, rules: usize, chance: f64) -> Result<Vec<Armed<Commit>>> {
    let arm =
        |_| point.arm(step::hang().matching(|commit: &Commit| commit.0 != u64::MAX).probability(chance)?);
    (0..rules).map(arm).collect()
}

fn decide(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decide");
    for rules in [1, 4, 16] {
        for (what, number) in [("not matching", u64::MAX), ("dice against it", 0)] {
            let point = point().expect("a point");
            let _armed = armed(&point, rules, 1e-9).expect("rules");
            let mut attachment = point.attach(Abilities::ERROR);
            group.bench_function(format!("{what}, {rules} rules"), |bencher| {
                bencher.iter(|| attachment.decide(black_box(&Commit(number))).is_some());
            });
        }
    }
    group.finish();
}

fn arm(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("arm and revert");
    for others in [0, 16] {
        let point = point().expect("a point");
        let _others = armed(&point, others, 0.5).expect("rules");
        group.bench_function(format!("beside {others} rules"), |bencher| {
            bencher.iter(|| point.arm(step::hang()).map(drop));
        });
    }
    group.finish();
}

fn sample(criterion: &mut Criterion) {
    let delays = || -> Result<[(&str, Delay); 9]> {
        let samples = (1..=1_000).map(Duration::from_micros);
        Ok([
            ("fixed", Delay::fixed(ms(5))),
            ("uniform", Delay::uniform(ms(1), ms(9))?),
            ("normal", Delay::normal(ms(50), ms(10))?),
            ("normal, correlated", Delay::normal(ms(50), ms(10))?.correlated(0.5)?),
            ("log-normal", Delay::log_normal(ms(50), 0.5)?),
            ("exponential", Delay::exponential(ms(50))?),
            ("pareto", Delay::pareto(ms(5), 1.5)?),
            ("spikes", Delay::spikes(Delay::fixed(ms(1)), Delay::fixed(ms(100)), 0.01)?),
            ("empirical", Delay::empirical(samples)?),
        ])
    };
    let mut group = criterion.benchmark_group("delay");
    let dice = Dice::seeded(7).stream(&["bench"]);
    for (name, delay) in delays().expect("delays") {
        let mut ordinal = 0;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                ordinal += 1;
                delay.sample(dice, black_box(ordinal))
            });
        });
    }
    group.finish();
}

fn quick() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
}

criterion_group!(name = benches; config = quick(); targets = decide, arm, sample);
criterion_main!(benches);
