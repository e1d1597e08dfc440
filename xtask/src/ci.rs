//! What must hold before a change lands.

use std::fmt::Write;
use std::time::Instant;

use crate::cargo::{capture, command, run, run_with, show, target};
use crate::{Result, cluster, doctests, instructions, kernel, package, test};

/// The crates that are published.
pub const CRATES: [&str; 4] = ["chaos-core", "chaos-net", "chaos-io", "chaos-k8s"];

/// The minimum Rust version, as declared in the workspace.
const MSRV: &str = "1.85";

type Step = (&'static str, fn() -> Result);

pub fn all() -> Result {
    all_of(&[
        ("lint", lint),
        ("docs", docs),
        ("test, but for the cluster", test::without_cluster),
        ("test on a cluster, checks beside it", on_cluster_and_checks),
    ])
}

/// What needs the processor and no quiet.
pub fn checks() -> Result {
    all_of(&[
        ("features", features),
        ("instructions", instructions::check),
        ("deny", deny),
        ("msrv", msrv),
        ("package", package::all),
    ])
}

/// The tests on a cluster wait most of the time, for deadlines and for Kubernetes: the checks run meanwhile, behind all else.
/// What these print comes at their end.
fn on_cluster_and_checks() -> Result {
    let this = std::env::current_exe().map_err(|error| format!("where this program is: {error}"))?;
    let path = target().join("checks.log");
    let log = std::fs::File::create(&path).and_then(|log| Ok((log.try_clone()?, log)));
    let (out, err) = log.map_err(|error| format!("{}: {error}", path.display()))?;
    let mut checks = command("chrt");
    checks.args(["--idle", "0"]).arg(this).arg("checks").stdout(out).stderr(err);
    let mut checks = checks.spawn().map_err(|error| format!("{checks:?} could not be started: {error}"))?;
    let tested = test::on_cluster();
    let checked = checks.wait().map_err(|error| format!("waiting for the checks: {error}"))?;
    print!("{}", std::fs::read_to_string(&path).unwrap_or_default());
    match (tested, checked.success()) {
        (tested, true) => tested,
        (Ok(()), false) => Err("checks: see above".to_owned()),
        (Err(error), false) => Err(format!("{error}; and the checks: see above")),
    }
}

/// What takes too long for every change.
pub fn nightly() -> Result {
    all_of(&[
        ("bench", bench_once),
        ("kernel", || kernel::all(&[])),
        ("selftest", || cluster::all(&["selftest".to_owned()])),
        ("phases", cluster::phases),
        ("crash", || kernel::crash(&[])),
        ("matrix", || kernel::matrix(&[])),
    ])
}

fn all_of(steps: &[Step]) -> Result {
    let mut times = String::new();
    for (name, step) in steps {
        eprintln!("== {name}");
        let since = Instant::now();
        step().map_err(|error| format!("{name}: {error}"))?;
        let _ = writeln!(times, "| {name} | {:.0} s |", since.elapsed().as_secs_f64());
    }
    println!("\n| step | time |\n|---|---:|\n{times}");
    Ok(())
}

pub fn lint() -> Result {
    run(&["fmt", "--all", "--check"])?;
    run(&["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"])?;
    doctests::none_is_ignored()
}

pub fn docs() -> Result {
    let mut args = vec!["doc", "--no-deps", "--all-features"];
    args.extend(CRATES.iter().flat_map(|name| ["-p", name]));
    run_with(&args, &[("RUSTDOCFLAGS", "-D warnings")])
}

/// Each feature alone, and none, must build without a warning.
pub fn features() -> Result {
    for name in CRATES {
        let manifest = crate::cargo::root().join(name).join("Cargo.toml");
        let text =
            std::fs::read_to_string(&manifest).map_err(|error| format!("{}: {error}", manifest.display()))?;
        let features = text
            .lines()
            .skip_while(|line| *line != "[features]")
            .skip(1)
            .take_while(|line| !line.starts_with('['))
            .filter_map(|line| line.split_once(" = ").map(|(feature, _)| feature.trim()))
            .filter(|feature| !feature.starts_with('#') && *feature != "default");
        for feature in [""].into_iter().chain(features) {
            let args = ["clippy", "-q", "-p", name, "--no-default-features", "--features", feature];
            run(&[&args[..], &["--", "-D", "warnings"]].concat())?;
        }
    }
    Ok(())
}

pub fn bench() -> Result {
    run(&["bench", "-p", "chaos-benches"])
}

/// Each benchmark once, without measuring: that it still runs.
fn bench_once() -> Result {
    run(&["bench", "-p", "chaos-benches", "--", "--test"])
}

pub fn deny() -> Result {
    // The checks that need no advisory database, which is not in the package registry.
    run(&["deny", "--all-features", "check", "licenses", "bans", "sources"])
}

/// Builds the published crates with the declared minimum Rust version, which must be installed: through rustup
/// (`rustup toolchain install 1.85`) or as Debian's `rustc-web` and `cargo-web`.
pub fn msrv() -> Result {
    let build = ["check", "--locked", "--lib", "--all-features", "--target-dir", "target/msrv"];
    let crates: Vec<&str> = CRATES.iter().flat_map(|name| ["-p", name]).collect();
    let args = [&build[..], &crates].concat();
    if capture(command("rustc").args([&format!("+{MSRV}"), "--version"])).is_ok() {
        return show(command("cargo").arg(format!("+{MSRV}")).args(&args));
    }
    let debian = capture(command("/usr/bin/rustc").arg("--version")).unwrap_or_default();
    if !debian.starts_with(&format!("rustc {MSRV}.")) {
        let found = if debian.is_empty() { "none" } else { debian.trim() };
        return Err(format!("Rust {MSRV} is not installed (no rustup toolchain; /usr/bin/rustc: {found})"));
    }
    show(command("/usr/bin/cargo").env("RUSTC", "/usr/bin/rustc").env_remove("RUSTUP_TOOLCHAIN").args(&args))
}
