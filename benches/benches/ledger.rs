//! A group commit: the undos of so many targets recorded with one write and one `fdatasync`, then struck off; and the
//! sweep of what a dead run left, whose strikes share flushes as well.
//!
//! The disk is the one behind the directory for temporary files (`TMPDIR`). The ledger in memory, in the same run, is what
//! all but the disk costs.

use std::time::Duration;

use chaos_core::ledger::Entry;
use chaos_core::{Ledger, Result, Undo, Undos};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use serde::{Deserialize, Serialize};

/// The file held `found`.
#[derive(Debug, Serialize, Deserialize)]
struct FileHeld {
    path: String,
    found: String,
}

impl Undo for FileHeld {
    const KIND: &'static str = "example.org/file-held/1";
    type Via = ();

    async fn revert(&self, (): &()) -> Result<()> {
        Ok(())
    }

    async fn is_gone(&self, (): &()) -> Result<bool> {
        Ok(true)
    }
}

fn entries(targets: u64) -> Result<Vec<Entry>> {
    let entry = |n| {
        let undo = FileHeld { path: format!("/etc/app-{n}.conf"), found: "timeout=30".to_owned() };
        Entry::of(&format!("app-{n}.conf"), "file", "puts timeout=1 into it", &undo)
    };
    (0..targets).map(entry).collect()
}

fn commit(criterion: &mut Criterion) {
    let home = tempfile::tempdir().expect("a directory for temporary files");
    let undos = || Undos::none().with::<FileHeld>(()).expect("one kind");
    let file = Ledger::open(home.path().join("ledger"), undos()).expect("a ledger");
    let memory = Ledger::in_memory(undos());
    for targets in [1, 1_000] {
        let mut group = criterion.benchmark_group(format!("record and strike {targets}"));
        group.throughput(Throughput::Elements(targets));
        let targets = entries(targets).expect("entries");
        for (name, ledger) in [("file", &file), ("memory", &memory)] {
            group.bench_function(name, |bencher| {
                bencher.iter_batched(
                    || targets.clone(),
                    |targets| ledger.record(targets).and_then(|ids| ledger.strike(&ids)).expect("a commit"),
                    BatchSize::LargeInput,
                );
            });
        }
        group.finish();
    }
}

/// The run is dead as soon as its ledger is dropped; the reverts do nothing, so what is left is the sweep's own.
fn sweep(criterion: &mut Criterion) {
    let home = tempfile::tempdir().expect("a directory for temporary files");
    let dir = home.path().join("ledger");
    let undos = Undos::none().with::<FileHeld>(()).expect("one kind");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    for targets in [1, 1_000] {
        let mut group = criterion.benchmark_group(format!("sweep {targets}"));
        group.throughput(Throughput::Elements(targets));
        let targets = entries(targets).expect("entries");
        let leave = || {
            let ledger = Ledger::open(&dir, undos.clone()).expect("a ledger");
            ledger.record(targets.clone()).expect("a record");
        };
        group.bench_function("file", |bencher| {
            bencher.iter_batched(
                leave,
                |()| {
                    let swept = runtime.block_on(chaos_core::ledger::sweep(&dir, &undos)).expect("a sweep");
                    assert!(swept.is_clean() && swept.reverted().len() == targets.len(), "{swept}");
                    swept
                },
                BatchSize::PerIteration,
            );
        });
        group.finish();
    }
}

fn quick() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(2))
        .sample_size(20)
}

criterion_group!(name = benches; config = quick(); targets = commit, sweep);
criterion_main!(benches);
