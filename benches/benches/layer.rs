//! The time of one call of each case, peers in the same run: on one thread, and on two with a clone of the service each.
//!
//! Read ratios to `bare`, not nanoseconds: machines and their neighbours differ.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use chaos_benches::Worker;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// All workers start together; the time until the last is done.
fn together(workers: &mut [Worker], calls: u64) -> Duration {
    let start = Barrier::new(workers.len());
    thread::scope(|scope| {
        let running: Vec<_> = workers
            .iter_mut()
            .map(|worker| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    let begun = Instant::now();
                    worker(calls);
                    begun.elapsed()
                })
            })
            .collect();
        running.into_iter().filter_map(|thread| thread.join().ok()).max().unwrap_or_default()
    })
}

fn calls(criterion: &mut Criterion) {
    for threads in [1, 2] {
        let mut group = criterion.benchmark_group(format!("{threads} threads"));
        group.throughput(Throughput::Elements(1));
        group
            .warm_up_time(Duration::from_millis(200))
            .measurement_time(Duration::from_secs(1))
            .sample_size(20);
        for case in chaos_benches::calls() {
            let mut workers = (case.start)(threads).expect(case.name);
            group.bench_function(case.name, |bencher| {
                bencher.iter_custom(|calls| match &mut workers[..] {
                    [alone] => {
                        let begun = Instant::now();
                        alone(calls);
                        begun.elapsed()
                    }
                    workers => together(workers, calls),
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, calls);
criterion_main!(benches);
