//! Instructions per call, counted by callgrind: exact whatever else the machine does.
//!
//! Each case is run twice, with `FEW` and with `MANY` calls; the difference is the cost of the calls alone.

use crate::Result;
use crate::cargo::{capture, command, run_with, target};

const FEW: u64 = 20_000;
const MANY: u64 = 120_000;

/// Counts every case, prints the table, and fails where a limit is exceeded.
pub fn check() -> Result {
    // Incremental builds cut the code into more units and inline less.
    let build = ["build", "--release", "-p", "chaos-benches", "--bin", "instructions"];
    run_with(&build, &[("CARGO_INCREMENTAL", "0")])?;
    let binary = target().join("release/instructions");
    let cases = capture(command(&binary).arg("--list"))?;
    let mut over = Vec::new();
    println!("| case | instructions per call | limit |\n|---|---:|---:|");
    for line in cases.lines() {
        let (case, limit) = line.split_once('\t').unwrap_or((line, ""));
        let per_call = (count(&binary, case, MANY)? - count(&binary, case, FEW)?) / (MANY - FEW) as f64;
        println!("| {case} | {per_call:.1} | {limit} |");
        if limit.parse().is_ok_and(|limit: f64| per_call > limit) {
            over.push(format!("{case}: {per_call:.1} over {limit}"));
        }
    }
    if over.is_empty() { Ok(()) } else { Err(over.join("; ")) }
}

fn count(binary: &std::path::Path, case: &str, calls: u64) -> Result<f64> {
    let out = target().join(format!("callgrind.{}", std::process::id()));
    let mut valgrind = command("valgrind");
    valgrind.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", out.display()));
    valgrind.arg("--quiet").arg(binary).arg(case).arg(calls.to_string());
    capture(&mut valgrind)?;
    let text = std::fs::read_to_string(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    std::fs::remove_file(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    text.lines()
        .find_map(|line| line.strip_prefix("summary: ").or_else(|| line.strip_prefix("totals: ")))
        .and_then(|total| total.trim().parse().ok())
        .ok_or_else(|| format!("callgrind gave no total for {case}"))
}
