//! A program that starts itself again with a hidden last argument: the guardian does, and the stressors of chaos-k8s. For
//! the crates of this workspace.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// This program, as it runs.
pub fn this_program() -> PathBuf {
    // The link leads to the program that runs, also when its file was replaced or removed.
    let running = PathBuf::from("/proc/self/exe");
    if cfg!(target_os = "linux") { running } else { std::env::current_exe().unwrap_or(running) }
}

/// Whether this process was started with `asked` as its last argument.
pub fn is_asked(asked: &str) -> bool {
    std::env::args_os().skip(1).last().is_some_and(|last| last == asked)
}

/// Starts `program` with `args` and `asked` behind them; it is listed as `name`. Both pipes are the caller's.
///
/// # Errors
/// What the system says when it cannot be started.
pub fn start(program: &Path, name: &str, args: &[OsString], asked: &str, log: Stdio) -> io::Result<Child> {
    #[expect(clippy::disallowed_methods, reason = "only another process outlives this one, or dies for it")]
    let mut command = Command::new(program);
    command.arg0(name).args(args).arg(asked);
    // std's pipes are made with O_CLOEXEC: no other child gets an end of them.
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).spawn()
}
