//! What a third party owes its fault: the conformance suite, and a SIGKILL at the worst moment.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test, which starts and kills the example"
)]

#[path = "../custom_fault/fault.rs"]
mod fault;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use chaos_core::Fault;
use chaos_core::testing::conformance;
use fault::{ConfigFile, WrongSetting};

const FOUND: &str = "# keep: spaces  and comments\r\nname=x\ntimeout_ms = 250\nlast=without newline";

#[tokio::test]
async fn the_fault_keeps_its_contract() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.conf");
    fs::write(&path, FOUND).unwrap();
    conformance(
        WrongSetting::new("timeout_ms", "1").unwrap(),
        async || ConfigFile::at(&path),
        async |_: &ConfigFile| fs::read_to_string(&path).unwrap(),
    )
    .await
    .assert_passed();
}

#[tokio::test]
async fn bad_input_is_refused_before_anything_is_touched() {
    assert!(WrongSetting::new("a=b", "1").unwrap_err().is_invalid());
    assert!(WrongSetting::new("a", "1\nb=2").unwrap_err().is_invalid());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.conf");
    assert!(ConfigFile::at(&path).unwrap_err().is_invalid());
    fs::write(&path, FOUND).unwrap();
    let missing = WrongSetting::new("no_such_key", "1").unwrap();
    assert!(missing.prepare(&ConfigFile::at(&path).unwrap()).await.unwrap_err().is_refused());
    assert_eq!(fs::read_to_string(&path).unwrap(), FOUND);
}

#[test]
fn killed_while_in_force_the_next_sweep_puts_it_back_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let (file, ledger) = (dir.path().join("app.conf"), dir.path().join("ledger"));
    fs::write(&file, FOUND).unwrap();
    for round in 0..5 {
        let mut run = example(&ledger, &["run", "--seconds", "3600", "--file", file.to_str().unwrap()]);
        wait_until(&mut run, || fs::read_to_string(&file).unwrap() != FOUND);
        run.kill().unwrap();
        run.wait().unwrap();
        assert_ne!(fs::read_to_string(&file).unwrap(), FOUND, "round {round}: nothing to sweep");
        assert!(example(&ledger, &["sweep"]).wait().unwrap().success());
        assert_eq!(fs::read_to_string(&file).unwrap(), FOUND, "round {round}");
    }
}

#[test]
fn sigterm_reverts_and_ends_the_process_as_sigterm_does() {
    use std::os::unix::process::ExitStatusExt;
    let dir = tempfile::tempdir().unwrap();
    let (file, ledger) = (dir.path().join("app.conf"), dir.path().join("ledger"));
    fs::write(&file, FOUND).unwrap();
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::INT] {
        let mut run = example(&ledger, &["run", "--seconds", "3600", "--file", file.to_str().unwrap()]);
        wait_until(&mut run, || fs::read_to_string(&file).unwrap() != FOUND);
        rustix::process::kill_process(rustix::process::Pid::from_child(&run), signal).unwrap();
        let ended = run.wait().unwrap();
        assert_eq!(ended.signal(), Some(signal.as_raw()), "{ended}");
        assert_eq!(fs::read_to_string(&file).unwrap(), FOUND);
    }
}

#[test]
fn a_plan_says_what_would_change_and_touches_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (file, ledger) = (dir.path().join("app.conf"), dir.path().join("ledger"));
    fs::write(&file, FOUND).unwrap();
    let plan = command(&ledger, &["plan", "--file", file.to_str().unwrap()]).output().unwrap();
    let plan = String::from_utf8(plan.stdout).unwrap();
    assert!(plan.contains("timeout_ms = 250 becomes timeout_ms=1"), "{plan}");
    assert!(plan.contains("taken back by: sweep"), "{plan}");
    assert_eq!(fs::read_to_string(&file).unwrap(), FOUND);
}

fn example(ledger: &Path, args: &[&str]) -> Child {
    command(ledger, args).spawn().unwrap()
}

/// The example's own program, which cargo builds beside this test.
fn command(ledger: &Path, args: &[&str]) -> Command {
    let test = std::env::current_exe().unwrap();
    let program: PathBuf = test.parent().unwrap().parent().unwrap().join("examples/custom_fault");
    let mut command = Command::new(program);
    command.args(args).arg("--ledger").arg(ledger);
    command
}

fn wait_until(run: &mut Child, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(run.try_wait().unwrap().is_none(), "the example ended by itself");
        assert!(begun.elapsed() < Duration::from_secs(30), "the fault did not come into force");
        std::thread::sleep(Duration::from_millis(5));
    }
}
