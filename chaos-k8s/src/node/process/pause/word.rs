//! What a tracer is told while it holds a process: that its injector is awake, or until when to hold.

use std::io::{self, Write};
use std::process::ChildStdin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chaos_core::units::secs;

/// So long after the last word a process that is paused without an end is let go: the injector is stopped or hangs.
const HELD: Duration = secs(60);
/// How often there is a word.
pub(super) const EVERY: Duration = secs(15);
/// Deadlines beyond this are as good as none: a year.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Until when a tracer holds.
#[derive(Debug)]
pub(super) struct Until {
    /// Words that the injector is awake put it off.
    is_put_off: bool,
    at: Instant,
    /// The beginning of a word.
    begun: String,
}

impl Until {
    /// As long as the pause may last; without an end from word to word.
    pub(super) fn new(lasting: Option<Duration>) -> Self {
        let at = Instant::now() + lasting.unwrap_or(HELD).min(LONGEST);
        Self { is_put_off: lasting.is_none(), at, begun: String::new() }
    }

    pub(super) fn left(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// Takes what came, one word per line.
    pub(super) fn hear(&mut self, words: &str) {
        let mut begun = std::mem::take(&mut self.begun);
        begun.push_str(words);
        for word in begun.split_inclusive('\n') {
            if !word.ends_with('\n') {
                word.clone_into(&mut self.begun);
                return;
            }
            match word.trim().parse() {
                Ok(millis) => *self = Self::new(Some(Duration::from_millis(millis))),
                Err(_) if self.is_put_off => *self = Self::new(None),
                Err(_) => {}
            }
        }
    }
}

/// The way to a tracer. Its end lets the process go.
#[derive(Debug)]
pub(crate) struct Line(Mutex<Option<ChildStdin>>);

impl Line {
    /// What is written never waits for a tracer that does not read.
    pub(super) fn new(to: ChildStdin) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&to, true)?;
        Ok(Self(Mutex::new(Some(to))))
    }

    pub(super) fn is_awake(&self) -> io::Result<()> {
        self.say("awake\n")
    }

    pub(super) fn last(&self, lasting: Duration) -> io::Result<()> {
        self.say(&format!("{}\n", lasting.min(LONGEST).as_millis()))
    }

    pub(super) fn end(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    fn say(&self, word: &str) -> io::Result<()> {
        match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(to) => to.write_all(word.as_bytes()),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use chaos_core::units::ms;

    use super::*;

    #[test]
    fn words_put_off_what_has_no_end_and_numbers_are_one() {
        let mut until = Until::new(None);
        assert!(until.left() > HELD / 2);
        until.at = Instant::now();
        until.hear("awake\nawake\n");
        assert!(until.left() > HELD / 2);
        until.hear("600");
        until.hear("000\n");
        assert!(until.left() > HELD * 9);
        until.hear("300\nawake\n");
        assert!(until.left() <= ms(300), "it has an end now");
        let mut until = Until::new(Some(ms(0)));
        until.hear("awake\n");
        assert!(until.left().is_zero());
    }
}
