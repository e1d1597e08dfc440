//! What was tried and what came of it, as a table at the end.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::sample;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
static ROWS: Mutex<Vec<Row>> = Mutex::new(Vec::new());

/// One fault, and who died.
pub(crate) struct Row {
    fault: &'static str,
    dying: &'static str,
    /// How many moments there are.
    all: usize,
    tried: usize,
    felt: usize,
    killed: Vec<Duration>,
    aborted: Vec<Duration>,
    left: BTreeMap<String, usize>,
    /// Everything had ended before.
    pub(crate) missed: usize,
    /// It took longer than promised, or did not go as it should, and was tried again.
    pub(crate) again: usize,
}

impl Row {
    pub(crate) fn new(fault: &'static str, dying: &'static str, all: usize) -> Self {
        Self {
            fault,
            dying,
            all,
            tried: 0,
            felt: 0,
            killed: Vec::new(),
            aborted: Vec::new(),
            left: BTreeMap::new(),
            missed: 0,
            again: 0,
        }
    }

    /// A death, whether the effect was felt at that moment or too long after it, and for how long.
    pub(crate) fn add(&mut self, signal: Signal, was_felt: bool, took: Option<Duration>, left: Vec<String>) {
        self.tried += 1;
        self.felt += usize::from(was_felt);
        if let Some(took) = took.filter(|_| was_felt) {
            if signal == Signal::SIGKILL { self.killed.push(took) } else { self.aborted.push(took) }
        }
        let mut kinds = left;
        kinds.sort();
        kinds.dedup();
        let what = if kinds.is_empty() { "nothing".to_owned() } else { kinds.join(" and ") };
        *self.left.entry(what).or_default() += 1;
    }

    fn cells(&self) -> [String; 8] {
        let left: Vec<String> = self.left.iter().map(|(what, count)| format!("{what} {count}")).collect();
        [
            self.fault.to_owned(),
            self.dying.to_owned(),
            format!("{} of {}", self.tried, self.all),
            self.felt.to_string(),
            times(&self.killed),
            times(&self.aborted),
            self.again.to_string(),
            left.join(", "),
        ]
    }
}

pub(crate) fn points(fault: &str, what: &str) {
    LINES.lock().unwrap().push(format!("{fault}: {what}"));
}

pub(crate) fn row(row: Row) {
    // Processes run side by side, so that not everything happens each time: of a few moments one must come, of all half of them.
    let (fault, dying, tried, missed) = (row.fault, row.dying, row.tried, row.missed);
    let most = match tried {
        _ if sample::is_all() => tried.max(3),
        0 => 0,
        _ => usize::MAX,
    };
    assert!(missed <= most, "{fault}, {dying}: {missed} moments did not come, {tried} did");
    if sample::is_all() {
        // It takes long until the table comes.
        println!("{}", row.cells().join(" | "));
    }
    ROWS.lock().unwrap().push(row);
}

/// Median and longest.
fn times(times: &[Duration]) -> String {
    let mut times: Vec<u128> = times.iter().map(Duration::as_millis).collect();
    times.sort_unstable();
    match times.last() {
        Some(longest) => format!("{} / {longest}", times[times.len() / 2]),
        None => "-".to_owned(),
    }
}

pub(crate) fn print() {
    let (lines, mut rows) = (LINES.lock().unwrap(), ROWS.lock().unwrap());
    if rows.is_empty() {
        return;
    }
    // Faults are tried side by side.
    rows.sort_by_key(|row| row.fault);
    for line in lines.iter() {
        println!("{line}");
    }
    println!(
        "| fault | dies | moments tried | felt at | gone after SIGKILL, ms: median / max | gone after SIGABRT | tried again | left before a sweep |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for row in rows.iter() {
        println!("| {} |", row.cells().join(" | "));
    }
}
