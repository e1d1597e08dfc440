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

/// What is tested, as cargo selects it: always the same, so that nothing is built twice.
const SELECTION: [&str; 3] = ["--workspace", "--exclude", "chaos-benches"];

pub fn all() -> Result {
    without_cluster()?;
    on_cluster()
}

pub fn without_cluster() -> Result {
    run(&[&["test", "--all-features"], &SELECTION[..]].concat())?;
    kernel::uml(&SELECTION)?;
    loom()?;
    examples()
}

pub fn on_cluster() -> Result {
    cluster::suite(&SELECTION)
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
