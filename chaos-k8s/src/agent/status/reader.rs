//! [`Reader`]: the lines of one agent, as they come out of its log.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use chaos_core::ledger::RunId;

use super::{Beat, End, HEARTBEAT, Hello, ItemState, Line, Said};

/// An agent that has said nothing for so many heartbeats is not heard: cut off, stopped, dead, or its log is.
const SILENT_BEATS: u32 = 5;

/// What a line of the log was.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// A line that was not read before.
    News(Line),
    /// One that was.
    Again,
    /// No line of an agent, or one that says what this version does not know: other output, a line cut in two.
    Noise,
}

/// The lines of one agent: news and repetitions told apart, gaps and silence known, the latest word on each item kept.
///
/// Lines may come again, and late ones fill their gap. Those of a start before the latest are read, and change nothing
/// that the latest has said.
#[derive(Debug, Default)]
pub struct Reader {
    starts: BTreeMap<RunId, Read>,
    heard: Option<Instant>,
    noise: u64,
}

/// What was read of one start.
#[derive(Debug, Default)]
struct Read {
    /// Numbers that were read: ranges that do not touch, in order.
    ranges: Vec<RangeInclusive<u64>>,
    hello: Option<Hello>,
    /// With the number of the line that said it.
    items: BTreeMap<u32, (u64, ItemState)>,
    beat: Option<(u64, Beat)>,
    end: Option<End>,
}

impl Reader {
    /// Reads one line, which came at `now`.
    pub fn read(&mut self, text: &str, now: Instant) -> Heard {
        let Ok(line) = serde_json::from_str::<Line>(text.trim()) else {
            self.noise += u64::from(!text.trim().is_empty());
            return Heard::Noise;
        };
        let read = self.starts.entry(line.start).or_default();
        if !insert(&mut read.ranges, line.n) {
            return Heard::Again;
        }
        // A line that comes again is no sign of life.
        self.heard = Some(self.heard.map_or(now, |before| before.max(now)));
        read.keep(&line);
        Heard::News(line)
    }

    fn latest(&self) -> Option<&Read> {
        self.starts.last_key_value().map(|(_, read)| read)
    }

    /// The first line of the latest start.
    pub fn hello(&self) -> Option<&Hello> {
        self.latest()?.hello.as_ref()
    }

    /// The latest word on each item, by its number.
    pub fn items(&self) -> BTreeMap<u32, &ItemState> {
        let items = self.latest().into_iter().flat_map(|read| &read.items);
        items.map(|(number, (_, state))| (*number, state)).collect()
    }

    /// The latest heartbeat.
    pub fn beat(&self) -> Option<Beat> {
        self.latest()?.beat.map(|(_, beat)| beat)
    }

    /// The last line of the latest start, when it came.
    pub fn end(&self) -> Option<&End> {
        self.latest()?.end.as_ref()
    }

    /// How often the agent was seen to be started, at least.
    pub fn starts(&self) -> usize {
        self.starts.len()
    }

    /// Numbers below the highest that were not read, of the latest start: lines that were lost on the way, or that are
    /// still to come.
    pub fn missing(&self) -> Vec<RangeInclusive<u64>> {
        let mut missing = Vec::new();
        let mut next = 1;
        for range in self.latest().into_iter().flat_map(|read| &read.ranges) {
            if *range.start() > next {
                missing.push(next..=range.start() - 1);
            }
            next = range.end().saturating_add(1);
        }
        missing
    }

    /// Other lines that were read.
    pub fn noise(&self) -> u64 {
        self.noise
    }

    /// How long ago the last new line came; `None` before the first.
    pub fn silent_for(&self, now: Instant) -> Option<Duration> {
        self.heard.map(|heard| now.saturating_duration_since(heard))
    }

    /// Whether nothing is heard of an agent that has not said that it ends. It may live: only its pod's status tells.
    pub fn is_silent(&self, now: Instant) -> bool {
        self.end().is_none() && self.silent_for(now).is_some_and(|silence| silence > HEARTBEAT * SILENT_BEATS)
    }
}

impl Read {
    fn keep(&mut self, line: &Line) {
        match &line.said {
            Said::Hello(hello) => self.hello = Some(hello.clone()),
            Said::Item(status) => {
                let kept = self.items.get(&status.number).is_some_and(|(n, _)| *n > line.n);
                if !kept {
                    self.items.insert(status.number, (line.n, status.state.clone()));
                }
            }
            Said::Beat(beat) if self.beat.is_none_or(|(n, _)| n < line.n) => {
                self.beat = Some((line.n, *beat))
            }
            Said::End(end) => self.end = Some(end.clone()),
            Said::Beat(_) | Said::Swept { .. } | Said::Order { .. } => {}
        }
    }
}

/// Adds a number; whether it was not there.
fn insert(ranges: &mut Vec<RangeInclusive<u64>>, n: u64) -> bool {
    let at = ranges.partition_point(|range| *range.end() < n);
    if ranges.get(at).is_some_and(|range| range.contains(&n)) {
        return false;
    }
    let joins_before = at > 0 && ranges[at - 1].end() + 1 == n;
    let joins_after = ranges.get(at).is_some_and(|range| n.checked_add(1) == Some(*range.start()));
    match (joins_before, joins_after) {
        (true, true) => {
            let after = ranges.remove(at);
            ranges[at - 1] = *ranges[at - 1].start()..=*after.end();
        }
        (true, false) => ranges[at - 1] = *ranges[at - 1].start()..=n,
        (false, true) => ranges[at] = n..=*ranges[at].end(),
        (false, false) => ranges.insert(at, n..=n),
    }
    true
}
