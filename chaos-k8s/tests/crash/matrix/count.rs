//! [`Counted`]: what happens in a life without a crash, and in the two that come after one.

use std::collections::BTreeMap;

use nix::sys::signal::Signal;

use super::death::{Death, Dying};
use super::{Matrix, home, strike, sweep_of};
use crate::calls::Kind;
use crate::injector;
use crate::tree::{Place, Role, Seen, Tree};

/// What happens, and when.
#[derive(Debug, Default)]
pub(super) struct Counted {
    whole: Vec<Seen>,
    /// By the guardian, after its injector's death.
    guardian: Vec<Seen>,
    sweep: Vec<Seen>,
}

impl Counted {
    /// Every call twice, before it is done and after, and with both signals.
    pub(super) fn deaths(&self, dying: Dying) -> Vec<Death> {
        let seen: Vec<&Seen> = match dying {
            Dying::Injector => self.whole.iter().collect(),
            Dying::Guardian | Dying::Both => self.whole.iter().filter(|seen| seen.guarded).collect(),
            Dying::GuardianAtWork => self.guardian.iter().collect(),
            Dying::Sweep => self.sweep.iter().collect(),
        };
        let moments = seen.into_iter().flat_map(|seen| {
            [false, true].map(|after| Place { process: seen.process, nth: seen.nth, after })
        });
        let deaths = moments.flat_map(|place| {
            [Signal::SIGKILL, Signal::SIGABRT].map(|signal| Death { dying, signal, place })
        });
        deaths.collect()
    }

    pub(super) fn described(&self) -> String {
        let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
        for seen in self.whole.iter().chain(&self.guardian).chain(&self.sweep) {
            *kinds.entry(seen.call.kind).or_default() += 1;
        }
        let kinds: Vec<String> =
            kinds.into_iter().map(|(kind, count)| format!("{count} {}", kind.name())).collect();
        let (whole, guardian, sweep) = (self.whole.len(), self.guardian.len(), self.sweep.len());
        format!("{whole} calls, then {guardian} of a guardian, {sweep} of a sweep: {}", kinds.join(", "))
    }
}

impl Matrix<'_> {
    /// Lives through everything, and looks whether the fault is felt while it should be.
    pub(super) fn count(&mut self) -> Counted {
        let mut counted = Counted::default();
        let home = home();
        let mut tree = self.inject(&home, true, None);
        assert_eq!(tree.line(), "in force");
        assert!(self.world.feels(), "the fault is not felt");
        tree.tell("go on");
        let ended = tree.end();
        assert!(ended.succeeded);
        self.must_be_clean(&home);
        counted.whole = ended.seen;

        let mut tree = self.inject(&home, true, None);
        assert_eq!(tree.line(), "in force");
        strike(&tree, &[Role::First], Signal::SIGKILL);
        counted.guardian = tree.end().seen.into_iter().filter(|seen| seen.orphaned).collect();
        self.must_be_clean(&home);

        self.leave(&home);
        counted.sweep = Tree::start(injector::command(&sweep_of(&home)), None).end().seen;
        self.must_be_clean(&home);
        counted
    }
}
