//! The whole test suite.

use crate::cargo::{command, run, run_with, show};
use crate::{Result, cluster, kernel};

/// The examples that run to their end by themselves, with the exit code each must have.
const EXAMPLES: &[(&str, &[&str])] = &[
    ("quickstart", &[]),
    ("custom_fault", &["demo"]),
    ("admin_route", &[]),
    ("flaky_reader", &[]),
    ("slow_disk", &[]),
    ("doctor", &[]),
    ("torn_wal", &[]),
    ("stress", &[]),
    ("packet_fault", &[]),
    ("netem", &[]),
    ("partition", &[]),
];

pub fn all() -> Result {
    let selection = ["--workspace", "--exclude", "chaos-benches"];
    run(&[&["test", "--all-features"], &selection[..]].concat())?;
    kernel::uml(&selection)?;
    loom()?;
    examples()?;
    cluster::suite(&selection)
}

pub fn loom() -> Result {
    let flags = [("RUSTFLAGS", "--cfg chaos_loom"), ("LOOM_MAX_PREEMPTIONS", "3")];
    let args = ["test", "-p", "chaos-core", "--lib", "--release", "--target-dir", "target/loom", "loom"];
    run_with(&args, &flags)
}

pub fn examples() -> Result {
    for (name, args) in EXAMPLES {
        run(&["build", "--quiet", "--example", name])?;
        eprintln!("> cargo run --example {name} {}", args.join(" "));
        show(command("cargo").args(["run", "--quiet", "--example", name, "--"]).args(*args))?;
    }
    Ok(())
}
