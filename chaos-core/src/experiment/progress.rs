//! [`Progress`] and [`LiveLine`]: how an experiment goes, while it goes.

use std::fmt;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::report::Outcome;

pub(crate) type Watcher = Arc<dyn Fn(&Progress) + Send + Sync>;

/// How an experiment goes at one moment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Progress {
    /// Time since the start.
    pub elapsed: Duration,
    /// What is going on: "steady state", "faults in force", "reverting", "recovery", "done".
    pub phase: &'static str,
    /// Faults in force now.
    pub in_force: usize,
    /// Operations hit so far.
    pub hits: u64,
    /// The last reading of each probe, as text, and whether it held.
    pub probes: Vec<(String, String, bool)>,
    /// Something that just happened: "injected slow payments".
    pub mark: Option<String>,
    /// How it ended, once it has.
    pub outcome: Option<Outcome>,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.elapsed.as_secs_f64();
        write!(f, "{seconds:5.1} s  {}", self.phase)?;
        if self.in_force > 0 || self.hits > 0 {
            write!(f, " | {} in force, {} hits", self.in_force, self.hits)?;
        }
        for (name, text, ok) in &self.probes {
            write!(f, " | {name} {text}{}", if *ok { "" } else { " BROKEN" })?;
        }
        Ok(())
    }
}

/// Writes progress for people: one line that is rewritten on a terminal, plain lines of what happened elsewhere (CI).
///
/// ```
/// # use chaos_core::{Chaos, Experiment, experiment::LiveLine};
/// # let chaos = Chaos::seeded(7);
/// let experiment = Experiment::new(&chaos, "orders survive").progress(LiveLine::stderr());
/// # drop(experiment);
/// ```
#[derive(Debug)]
pub struct LiveLine;

impl LiveLine {
    /// Writes to standard error.
    pub fn stderr() -> impl Fn(&Progress) + Send + Sync {
        Self::to(std::io::stderr(), std::io::stderr().is_terminal())
    }

    /// Writes to `out`; `live` rewrites one line, as a terminal can.
    pub fn to(out: impl Write + Send + 'static, live: bool) -> impl Fn(&Progress) + Send + Sync {
        let out = Mutex::new(out);
        move |progress| {
            let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
            let seconds = progress.elapsed.as_secs_f64();
            let erase = if live { "\r\x1b[K" } else { "" };
            // A closed terminal must not end the experiment.
            let _ = match (&progress.mark, live) {
                (Some(mark), _) => writeln!(out, "{erase}{seconds:5.1} s  {mark}"),
                (None, true) if progress.outcome.is_none() => {
                    write!(out, "{erase}{}", fit(&progress.to_string()))
                }
                (None, _) => Ok(()),
            };
            let _ = out.flush();
        }
    }
}

/// A line that wraps cannot be rewritten.
fn fit(line: &str) -> String {
    const WIDTH: usize = 118;
    if line.chars().count() <= WIDTH {
        return line.to_owned();
    }
    line.chars().take(WIDTH - 1).chain(['~']).collect()
}
