//! The weight of each crate beside its peers: crates in the tree, and the time of a clean debug build.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Instant;

use crate::Result;
use crate::cargo::{command, output, root, show, target};

/// A crate with a choice of its features.
struct Case {
    name: &'static str,
    /// None for a crate of this workspace.
    version: Option<&'static str>,
    default: bool,
    features: &'static [&'static str],
}

const fn ours(name: &'static str, default: bool) -> Case {
    Case { name, version: None, default, features: &[] }
}

/// Versions as in the `Cargo.toml` of the benches.
const CASES: [Case; 6] = [
    ours("chaos-core", false),
    ours("chaos-core", true),
    ours("chaos-net", false),
    ours("chaos-net", true),
    Case {
        name: "seatbelt",
        version: Some("=0.11.0"),
        default: true,
        features: &["chaos-injection", "chaos-latency", "tower-service"],
    },
    Case { name: "tower-resilience-chaos", version: Some("=0.14.0"), default: true, features: &[] },
];

/// Each case in a throw-away package that depends on nothing else, so that no other crate's features are counted.
pub fn table() -> Result {
    println!("| crate | features | crates in the tree | clean debug build, s |\n|---|---|---:|---:|");
    for case in &CASES {
        let dir = target().join("weight").join(format!("{}-{}", case.name, case.default));
        write_package(case, &dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        let manifest = dir.join("Cargo.toml").display().to_string();
        let crates = crates(&manifest)?;
        // Nothing is fetched while the clock runs.
        show(command("cargo").args(["fetch", "--quiet", "--manifest-path", &manifest]))?;
        let begun = Instant::now();
        show(
            command("cargo")
                .args(["build", "--quiet", "--manifest-path", &manifest, "--target-dir"])
                .arg(dir.join("target"))
                .env("CARGO_INCREMENTAL", "0"),
        )?;
        let took = begun.elapsed().as_secs_f64();
        let features = match (case.default, case.features) {
            (true, []) => "default".to_owned(),
            (true, more) => format!("default, {}", more.join(", ")),
            (false, _) => "none".to_owned(),
        };
        let version = case.version.map_or_else(String::new, |version| version.replace('=', " "));
        println!("| {}{version} | {features} | {crates} | {took:.1} |", case.name);
    }
    Ok(())
}

fn write_package(case: &Case, dir: &Path) -> std::io::Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    fs::create_dir_all(dir.join("src"))?;
    fs::write(dir.join("src/lib.rs"), "")?;
    // The same versions of what both depend on.
    if case.version.is_none() {
        fs::copy(root().join("Cargo.lock"), dir.join("Cargo.lock"))?;
    }
    let Case { name, default, features, .. } = case;
    let source = match case.version {
        Some(version) => format!("version = {version:?}"),
        None => format!("path = {:?}", root().join(name)),
    };
    let manifest = format!(
        "[package]\nname = \"weight\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n\
         {name} = {{ {source}, default-features = {default}, features = {features:?} }}\n"
    );
    fs::write(dir.join("Cargo.toml"), manifest)
}

/// How many crates are in the tree, the crate itself with them.
fn crates(manifest: &str) -> Result<usize> {
    let tree =
        ["tree", "--manifest-path", manifest, "-e", "normal,build", "--prefix", "none", "--format", "{p}"];
    let tree = output(&tree)?;
    let crates: BTreeSet<&str> = tree
        .lines()
        .map(|line| line.trim_end_matches(" (*)"))
        .filter(|line| !line.starts_with("weight "))
        .collect();
    Ok(crates.len())
}
