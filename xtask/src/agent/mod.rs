//! The agent: its program, linked statically, and its image.
//!
//! ```text
//! cargo xtask agent                       target/chaos-agent.tar, as localhost/chaos-agent:VERSION
//! cargo xtask agent registry/name:tag     under another name
//! ```

mod elf;
mod image;

use std::fs;
use std::path::PathBuf;

use crate::Result;
use crate::cargo::{capture, command, root, show, target};

/// The most that the image may weigh, in bytes.
const LARGEST: usize = 12 << 20;
/// Where it lies in the image.
const PLACE: &str = "chaos-agent";

/// Builds the program and its image, and checks both.
pub fn image(args: &[String]) -> Result {
    let name = match args {
        [] => format!("localhost/chaos-agent:{}", version()?),
        [name] => name.clone(),
        _ => return Err("one argument at most: NAME:TAG".to_owned()),
    };
    let program = program()?;
    let bytes = fs::read(&program).map_err(|error| format!("{}: {error}", program.display()))?;
    let archive = image::archive(&name, PLACE, elf::architecture(&bytes)?, &bytes)?;
    if archive.len() > LARGEST {
        return Err(format!("the image is {} bytes, and {LARGEST} are the most", archive.len()));
    }
    let path = path();
    fs::write(&path, &archive).map_err(|error| format!("{}: {error}", path.display()))?;
    println!(
        "{}: {name}, {:.1} MiB, program {:.1} MiB",
        path.display(),
        archive.len() as f64 / f64::from(1 << 20),
        bytes.len() as f64 / f64::from(1 << 20)
    );
    Ok(())
}

/// The version of the crates.
fn version() -> Result<String> {
    let manifest = root().join("Cargo.toml");
    let text = fs::read_to_string(&manifest).map_err(|error| format!("{}: {error}", manifest.display()))?;
    let version = text.lines().find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    version.map(str::to_owned).ok_or_else(|| format!("{} says no version", manifest.display()))
}

/// Where its image lies.
pub fn path() -> PathBuf {
    target().join("chaos-agent.tar")
}

/// Builds the program, which needs nothing of the system that it runs on but its kernel.
pub fn program() -> Result<PathBuf> {
    let host = host()?;
    let build = ["build", "--profile", "agent", "--locked", "-p", "chaos-k8s", "--bin", "chaos-agent"];
    let features = ["--no-default-features", "--features", "agents,cluster-latest", "--target", &host];
    // The C library too: what it would load at run time, modules for names above all, is in it since glibc 2.34.
    let flags = "-C target-feature=+crt-static";
    eprintln!("> RUSTFLAGS={flags:?} cargo {} {}", build.join(" "), features.join(" "));
    show(command("cargo").args(build).args(features).env("RUSTFLAGS", flags))?;
    let program = target().join(&host).join("agent/chaos-agent");
    let bytes = fs::read(&program).map_err(|error| format!("{}: {error}", program.display()))?;
    elf::must_be_static(&bytes).map_err(|error| format!("{}: {error}", program.display()))?;
    Ok(root().join(program))
}

fn host() -> Result<String> {
    let said = capture(command("rustc").arg("-vV"))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc does not say its host".to_owned())
}
