//! What came of a test program on a kernel.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;

/// What came of a program.
pub struct Outcome {
    program: &'static str,
    place: String,
    /// How it failed.
    error: Option<String>,
    took: Duration,
    /// Tests that were not run, as they said it: a name and a reason.
    not_run: Vec<(String, String)>,
    /// Tests that failed at first and passed when they were tried again, with what they said.
    unsteady: Vec<(String, String)>,
    /// How many of its tests ran, and how many were left out because they ran on another kernel.
    ran: usize,
    left_out: usize,
}

impl Outcome {
    pub fn failure(&self) -> Option<String> {
        self.error.as_ref().map(|error| format!("{} on {}: {error}", self.program, self.place))
    }

    /// A program that was asked for all its tests and shows none has not done what it should.
    pub fn must_have_tests(mut self) -> Self {
        if self.error.is_none() && self.ran + self.left_out + self.not_run.len() == 0 {
            self.error = Some("it has no test".to_owned());
        }
        self
    }

    fn read(&mut self, line: &str) {
        let said = |what: &str| {
            let (name, reason) = line.strip_prefix(what)?.split_once(": ")?;
            Some((name.to_owned(), reason.to_owned()))
        };
        self.not_run.extend(said("not run: "));
        self.unsteady.extend(said("unsteady: "));
        if let Some(count) =
            line.strip_prefix("left out: ").and_then(|said| said.split(' ').next()?.parse().ok())
        {
            self.left_out = count;
        }
        let counts = line.strip_prefix("test result: ").map(|counts| counts.split([' ', ';', '.']));
        if let Some(words) = counts {
            let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
            let count =
                |what| words.windows(2).find(|pair| pair[1] == what).and_then(|pair| pair[0].parse().ok());
            self.ran = count("passed").unwrap_or(0) + count("failed").unwrap_or(0);
        }
    }
}

/// Runs a command to its end, or to the bound, and shows what it prints.
pub fn of(command: &mut Command, program: &'static str, place: &str, bound: Duration) -> Result<Outcome> {
    let since = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{command:?} could not be started: {error}"))?;
    let (sender, lines) = channel();
    if let Some(stdout) = child.stdout.take() {
        // It ends with the pipe; a process that the program leaves behind may hold that, and is not waited for.
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(std::result::Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
    }
    let mut outcome = Outcome {
        program,
        place: place.to_owned(),
        error: None,
        took: Duration::ZERO,
        not_run: Vec::new(),
        unsteady: Vec::new(),
        ran: 0,
        left_out: 0,
    };
    let mut ended = None;
    // What is still in the pipe when the program has ended is read, but not for ever.
    while ended.is_none() || since.elapsed() < bound + Duration::from_secs(10) {
        match lines.recv_timeout(Duration::from_millis(100)) {
            Ok(line) => {
                println!("{line}");
                outcome.read(&line);
            }
            Err(_) if ended.is_some() => break,
            Err(RecvTimeoutError::Disconnected) => thread::sleep(Duration::from_millis(10)),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if ended.is_some() {
            continue;
        }
        ended = child.try_wait().map_err(|error| format!("{command:?}: {error}"))?;
        if ended.is_none() && since.elapsed() > bound {
            let _ = child.kill();
            ended = child.wait().ok();
            outcome.error = Some(format!("not done after {} s", bound.as_secs()));
        }
    }
    outcome.took = since.elapsed();
    if let (None, Some(status)) = (&outcome.error, ended.filter(|status| !status.success())) {
        outcome.error = Some(status.to_string());
    }
    Ok(outcome)
}

/// One line per program and place, a `kernel` or a `cluster`; then what was not run, with its reasons, and what ran nowhere.
pub fn table(place: &str, outcomes: &[Outcome]) -> String {
    let mut text =
        format!("\n| program | {place} | tests run | not run | time | |\n|---|---|---:|---:|---:|---|\n");
    for it in outcomes {
        let state = it.error.as_deref().unwrap_or("ok");
        let seconds = it.took.as_secs_f64();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {seconds:.1} s | {state} |",
            it.program,
            it.place,
            it.ran,
            it.not_run.len()
        );
    }
    let mut nowhere: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for it in outcomes {
        for (name, reason) in &it.not_run {
            let _ = writeln!(text, "not run on {}: {}: {name}: {reason}", it.place, it.program);
        }
        let here: BTreeSet<&str> = it.not_run.iter().map(|(name, _)| name.as_str()).collect();
        nowhere
            .entry(it.program)
            .and_modify(|names| names.retain(|name| here.contains(name)))
            .or_insert(here);
    }
    for it in outcomes.iter().filter(|it| it.left_out > 0) {
        let _ = writeln!(
            text,
            "left out on {}: {}: {} tests that this machine's kernel has run: `cargo xtask kernel` runs them on both",
            it.place, it.program, it.left_out
        );
    }
    for it in outcomes {
        for (name, why) in &it.unsteady {
            let _ = writeln!(
                text,
                "unsteady on {}: {}: {name}: tried twice, at first: {why}",
                it.place, it.program
            );
        }
    }
    for (program, names) in nowhere {
        for name in names {
            let _ = writeln!(text, "not run on any {place}: {program}: {name}");
        }
    }
    text
}
