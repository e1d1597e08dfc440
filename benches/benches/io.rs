//! The time of a read or a write of 64 bytes and of a copy of 64 KiB, peers in the same run, on one thread.
//!
//! Read ratios to `bare`, not nanoseconds and bytes per second: machines and their neighbours differ.

use std::time::{Duration, Instant};

use chaos_benches::{Case, copies, transfers};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn small(criterion: &mut Criterion) {
    group(criterion, "64 B", Throughput::Elements(1), transfers());
}

fn large(criterion: &mut Criterion) {
    group(criterion, "64 KiB", Throughput::Bytes(64 * 1024), copies());
}

fn group(criterion: &mut Criterion, name: &str, throughput: Throughput, cases: Vec<Case>) {
    let mut group = criterion.benchmark_group(name);
    group.throughput(throughput);
    for case in cases {
        let mut workers = (case.start)(1).expect(case.name);
        group.bench_function(case.name, |bencher| {
            bencher.iter_custom(|calls| {
                let begun = Instant::now();
                workers[0](calls);
                begun.elapsed()
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

criterion_group!(name = benches; config = quick(); targets = small, large);
criterion_main!(benches);
