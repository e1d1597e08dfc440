//! [`Said`]: what a controller has said until it ended.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Instant;

use tokio::task::JoinHandle;

use super::life::Life;
use crate::controller::Controller;

pub(super) struct Said {
    lines: Vec<String>,
    pub(super) ended: Instant,
    status: ExitStatus,
}

impl Said {
    /// By a controller that lives this life, until its end; `hears` hears each line.
    pub(super) fn by(
        life: Life,
        mut hears: impl FnMut(&str, &mut Controller) + Send + 'static,
    ) -> JoinHandle<Self> {
        #[expect(clippy::disallowed_methods, reason = "in real time, and a process is waited for")]
        tokio::task::spawn_blocking(move || {
            let mut controller = Controller::new("life", &life.text());
            let mut lines = Vec::new();
            while let Some(line) = controller.line() {
                hears(&line, &mut controller);
                lines.push(line);
            }
            let ended = Instant::now();
            Self { lines, ended, status: controller.ended() }
        })
    }

    /// By one that nobody disturbs.
    pub(super) fn by_one_alone(life: Life) -> JoinHandle<Self> {
        Self::by(life, |_, _| {})
    }

    /// What it has said after this word, if it has.
    pub(super) fn after(&self, word: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| line.strip_prefix(word)?.strip_prefix(": "))
    }

    pub(super) fn run(&self) -> &str {
        self.after("run").unwrap_or_else(|| panic!("it has not said its run: {self}"))
    }

    /// How many of its requests that change something were answered.
    pub(super) fn answered(&self) -> usize {
        self.lines.iter().filter(|line| line.starts_with("asked: ")).count()
    }

    pub(super) fn was_killed(&self) -> bool {
        self.status.signal() == Some(9)
    }

    /// Whether it died when it was to; not where its life took fewer requests than that of another.
    pub(super) fn has_died(&self) -> bool {
        assert!(self.was_killed() || self.is_whole(), "{self}");
        self.was_killed()
    }

    fn is_whole(&self) -> bool {
        ["extended", "taken back"].into_iter().all(|word| self.after(word).is_some()) && self.status.success()
    }

    /// Whether it says that nothing is there any more.
    pub(super) fn is_clean(&self) -> bool {
        let is_left = |words: &str| words.contains("could not be put back");
        self.after("taken back").is_some() || self.after("refused").is_some_and(|why| !is_left(why))
    }

    /// What it said of its fault in the end.
    pub(super) fn outcome(&self) -> String {
        let words = ["refused", "not extended", "left", "taken back"];
        let said = words.into_iter().filter_map(|word| Some(format!("{word}: {}", self.after(word)?)));
        said.collect::<Vec<_>>().join("; ")
    }

    /// How many requests that change something a whole life took.
    pub(super) fn requests(&self) -> u32 {
        assert!(self.is_whole(), "{self}");
        self.after("requests").unwrap().parse().unwrap()
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}; {}", self.lines.join("; "), self.status)
    }
}
