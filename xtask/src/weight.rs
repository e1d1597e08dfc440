//! The weight of each crate beside its peers: crates in the tree, and the time of a clean debug build.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::Result;
use crate::cargo::{command, output, root, show};

/// (crate, arguments that choose its features)
const CASES: &[(&str, &[&str])] = &[
    ("chaos-core", &["--no-default-features"]),
    ("chaos-core", &[]),
    ("chaos-net", &["--no-default-features"]),
    ("chaos-net", &[]),
    ("seatbelt", &[]),
    ("tower-resilience-chaos", &[]),
];

/// Each case in a throw-away package that depends on nothing else, so that no other crate's features are counted.
pub fn table() -> Result {
    println!("| crate | features | crates in the tree | clean debug build, s |\n|---|---|---:|---:|");
    for (name, features) in CASES {
        let dir = root().join("target/weight").join(format!("{name}-{}", features.len()));
        if dir.exists() {
            std::fs::remove_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        }
        std::fs::create_dir_all(dir.join("src")).map_err(|error| error.to_string())?;
        std::fs::write(dir.join("src/lib.rs"), "").map_err(|error| error.to_string())?;
        let source = match *name {
            "seatbelt" | "tower-resilience-chaos" => "version = \"*\"".to_owned(),
            ours => format!("path = {:?}", root().join(ours)),
        };
        let default = !features.contains(&"--no-default-features");
        let manifest = format!(
            "[package]\nname = \"weight\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n\
             {name} = {{ {source}, default-features = {default} }}\n"
        );
        let path = dir.join("Cargo.toml");
        std::fs::write(&path, manifest).map_err(|error| error.to_string())?;
        let path = path.display().to_string();
        let tree = output(&["tree", "--manifest-path", &path, "-e", "normal,build", "--prefix", "none"])?;
        let crates: BTreeSet<&str> = tree
            .lines()
            .skip(1)
            .filter_map(|line| line.split_whitespace().next())
            .filter(|name| *name != "weight")
            .collect();
        let begun = Instant::now();
        show(
            command("cargo")
                .args(["build", "--quiet", "--manifest-path", &path])
                .arg("--target-dir")
                .arg(dir.join("target")),
        )?;
        let features = if default { "default" } else { "none" };
        println!("| {name} | {features} | {} | {:.1} |", crates.len(), begun.elapsed().as_secs_f64());
    }
    Ok(())
}
