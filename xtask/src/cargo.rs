//! Running cargo and other programs, at the root of the workspace.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;

/// The root of the workspace.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Where cargo puts what it builds.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// Cargo with these arguments, its output shown.
pub fn run(args: &[&str]) -> Result {
    run_with(args, &[])
}

/// Cargo with these arguments and environment, its output shown.
pub fn run_with(args: &[&str], env: &[(&str, &str)]) -> Result {
    let env_text: String = env.iter().map(|(key, value)| format!("{key}={value:?} ")).collect();
    eprintln!("> {env_text}cargo {}", args.join(" "));
    show(command("cargo").args(args).envs(env.iter().copied()))
}

/// What cargo prints with these arguments.
pub fn output(args: &[&str]) -> Result<String> {
    capture(command("cargo").args(args))
}

/// A program, to be run at the root.
#[allow(clippy::disallowed_methods, reason = "a task runner runs programs")]
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// Runs with output shown; anything but success is an error.
pub fn show(command: &mut Command) -> Result {
    let status = command.status().map_err(|error| format!("{command:?} could not be started: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} ended with {status}")) }
}

/// Runs and returns what was printed; anything but success is an error that shows it.
pub fn capture(command: &mut Command) -> Result<String> {
    let output = command.output().map_err(|error| format!("{command:?} could not be started: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?} ended with {}\n{text}{errors}", output.status))
}
