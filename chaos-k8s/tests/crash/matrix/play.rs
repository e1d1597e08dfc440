//! What is played for one death, by who dies.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::death::{Death, Dying, Owner};
use super::{Matrix, home, strike, sweep_of};
use crate::injector;
use crate::tree::{Role, Seen, Tree};

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The call at which it happened; none when everything ended before it.
    pub(super) at: Option<Seen>,
    /// It was felt at that moment.
    pub(super) was_felt: bool,
    pub(super) took: Option<Duration>,
    /// What was left, before a sweep.
    pub(super) left: Vec<String>,
    /// Nothing was left, and yet it did not go as it should.
    pub(super) odd: Option<String>,
}

impl Matrix<'_> {
    pub(super) fn play(&mut self, death: Death) -> Outcome {
        let home = home();
        let outcome = match death.dying {
            Dying::Injector => self.with_injector(&home, death, &[Role::First]),
            Dying::Both => self.with_injector(&home, death, &[Role::Guardian, Role::First]),
            Dying::Guardian => self.without_guardian(&home, death),
            Dying::GuardianAtWork => self.guardian_at_work(&home, death),
            Dying::Sweep => self.sweeping(&home, death),
        };
        self.must_be_clean(&home);
        outcome
    }

    fn with_injector(&mut self, home: &TempDir, death: Death, victims: &[Role]) -> Outcome {
        let mut tree = self.inject(home, false, Some(death.place));
        let Some(at) = tree.reached() else { return Outcome::default() };
        let was_felt = self.world.feels();
        let since = strike(&tree, victims, death.signal);
        tree.go_on(skips(&death, &at, victims));
        // What only the guardian takes back stays in force when that is dead as well.
        let is_taken_back = self.owner == Owner::Kernel || death.dying == Dying::Injector;
        let took = is_taken_back.then(|| self.relieved(since, &at));
        tree.end();
        let left = self.left(home, !is_taken_back);
        let swept = Instant::now();
        self.sweep(home);
        let took = took.unwrap_or_else(|| self.relieved(swept, &at));
        Outcome { at: Some(at), was_felt, took: Some(took), left, odd: None }
    }

    fn without_guardian(&mut self, home: &TempDir, death: Death) -> Outcome {
        let mut tree = self.inject(home, false, Some(death.place));
        let Some(at) = tree.reached() else { return Outcome::default() };
        let was_felt = self.world.feels();
        strike(&tree, &[Role::Guardian], death.signal);
        tree.go_on(skips(&death, &at, &[Role::Guardian]));
        let said: Vec<String> =
            std::iter::repeat_with(|| tree.line()).take_while(|line| !line.is_empty()).collect();
        let ended = tree.end();
        let left = self.left(home, false);
        assert!(left.is_empty(), "at {at}: {left:?} of {said:?}");
        // It goes on, or takes back what it began, because the guardian is dead. Another reason is looked into by trying again.
        let is_expected = ended.succeeded || said.iter().any(|line| line.contains("guardian"));
        let odd = (!is_expected).then(|| format!("the injector gave up: {}", said.join("; ")));
        Outcome { at: Some(at), was_felt, took: None, left, odd }
    }

    fn guardian_at_work(&mut self, home: &TempDir, death: Death) -> Outcome {
        let mut tree = self.inject(home, true, Some(death.place));
        assert_eq!(tree.line(), "in force");
        assert!(self.world.feels(), "the fault is not felt");
        let since = strike(&tree, &[Role::First], Signal::SIGKILL);
        // What the kernel owns does not wait for the guardian.
        let took = (self.owner == Owner::Kernel).then(|| self.relieved(since, &"the injector"));
        let Some(at) = tree.reached() else { return Outcome::default() };
        strike(&tree, &[Role::Guardian], death.signal);
        tree.go_on(skips(&death, &at, &[Role::Guardian]));
        tree.end();
        let was_felt = took.is_some() || self.world.feels();
        let left = self.left(home, self.owner == Owner::Guardian);
        let swept = Instant::now();
        self.sweep(home);
        let took = took.unwrap_or_else(|| self.relieved(swept, &at));
        Outcome { at: Some(at), was_felt, took: Some(took), left, odd: None }
    }

    fn sweeping(&mut self, home: &TempDir, death: Death) -> Outcome {
        self.leave(home);
        let mut tree = Tree::start(injector::command(&sweep_of(home)), Some(death.place));
        let Some(at) = tree.reached() else { return Outcome::default() };
        let was_felt = self.owner == Owner::Guardian && self.world.feels();
        strike(&tree, &[Role::First], death.signal);
        tree.go_on(skips(&death, &at, &[Role::First]));
        tree.end();
        let left = self.left(home, self.owner == Owner::Guardian);
        let since = Instant::now();
        self.sweep(home);
        let took = was_felt.then(|| self.relieved(since, &at));
        Outcome { at: Some(at), was_felt, took, left, odd: None }
    }
}

/// A process that aborts before a call does not do it. (One that is killed does not either.)
fn skips(death: &Death, at: &Seen, victims: &[Role]) -> bool {
    !death.place.after && victims.contains(&at.role)
}
