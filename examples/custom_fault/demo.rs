//! The whole story on a file of its own: run, SIGKILL while the fault is in force, sweep, compare byte for byte.

use std::fs;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use super::Failure;

const FOUND: &str = "# payments\nname=payments\ntimeout_ms=250\nretries=3\n";

/// How long to wait for another process.
const PATIENCE: Duration = Duration::from_secs(20);

#[allow(clippy::disallowed_methods, reason = "the demonstration starts and kills itself")]
pub(super) fn run() -> Result<ExitCode, Failure> {
    let dir = tempfile::tempdir()?;
    let (file, ledger) = (dir.path().join("service.conf"), dir.path().join("ledger"));
    fs::write(&file, FOUND)?;
    let me = std::env::current_exe()?;
    let command = |name: &str| {
        let mut command = Command::new(&me);
        command.arg(name).arg("--ledger").arg(&ledger);
        command
    };
    println!("1. an experiment puts {} under a wrong value:\n", file.display());
    let mut running = command("run").arg("--file").arg(&file).args(["--seconds", "3600"]).spawn()?;
    let begun = Instant::now();
    while fs::read_to_string(&file)? == FOUND {
        if begun.elapsed() > PATIENCE || running.try_wait()?.is_some() {
            running.kill()?;
            running.wait()?;
            return Err("the fault did not come into force".into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_secs(1));
    println!("\n2. the file now:\n\n{}", indented(&fs::read_to_string(&file)?));
    running.kill()?;
    running.wait()?;
    println!("3. the run was killed with SIGKILL while the fault was in force; the file is still wrong:\n");
    println!("{}", indented(&fs::read_to_string(&file)?));
    println!("4. the next start sweeps:\n");
    command("sweep").status()?;
    let back = fs::read_to_string(&file)?;
    println!("\n5. the file after the sweep:\n\n{}", indented(&back));
    if back == FOUND {
        println!("byte for byte what was found");
        return Ok(ExitCode::SUCCESS);
    }
    println!("NOT what was found");
    Ok(ExitCode::FAILURE)
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("     {line}\n")).collect()
}
