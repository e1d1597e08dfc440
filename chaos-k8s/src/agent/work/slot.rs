//! [`Slots`]: how far each item got, told to the log as it changes.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use chaos_core::Injection;

use crate::agent::status::{ItemState, ItemStatus, Said, Writer};

#[derive(Debug, Default)]
struct Slot {
    state: Option<ItemState>,
    injection: Option<Arc<Injection>>,
}

#[derive(Debug)]
pub(super) struct Slots {
    all: RefCell<Vec<Slot>>,
    writer: Rc<Writer>,
}

impl Slots {
    pub(super) fn new(count: usize, writer: Rc<Writer>) -> Self {
        let all = std::iter::repeat_with(Slot::default).take(count).collect();
        Self { all: RefCell::new(all), writer }
    }

    /// It is so now, and said.
    pub(super) fn set(&self, number: usize, state: ItemState) {
        let told = ItemStatus { number: u32::try_from(number).unwrap_or(u32::MAX), state: state.clone() };
        self.writer.say(Said::Item(told));
        if let Some(slot) = self.all.borrow_mut().get_mut(number) {
            slot.state = Some(state);
        }
    }

    pub(super) fn state(&self, number: usize) -> Option<ItemState> {
        self.all.borrow().get(number).and_then(|slot| slot.state.clone())
    }

    /// Holds it from now on; what was held before in its place.
    pub(super) fn hold(&self, number: usize, injection: Injection) -> Option<Arc<Injection>> {
        self.all.borrow_mut().get_mut(number)?.injection.replace(Arc::new(injection))
    }

    pub(super) fn injection(&self, number: usize) -> Option<Arc<Injection>> {
        self.all.borrow().get(number)?.injection.clone()
    }

    /// What is held, with its numbers, and from now on held no more.
    pub(super) fn take(&self) -> Vec<(usize, Arc<Injection>)> {
        let mut all = self.all.borrow_mut();
        let held = all.iter_mut().enumerate();
        held.filter_map(|(number, slot)| Some((number, slot.injection.take()?))).collect()
    }

    /// Whether nothing is held.
    pub(super) fn is_empty(&self) -> bool {
        self.all.borrow().iter().all(|slot| slot.injection.is_none())
    }

    /// How many were seen in force at their last look.
    pub(super) fn in_force(&self) -> u32 {
        let all = self.all.borrow();
        let count = all.iter().filter(|slot| matches!(slot.state, Some(ItemState::InForce { .. }))).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    pub(super) fn has_failed(&self) -> bool {
        let all = self.all.borrow();
        all.iter().any(|slot| matches!(slot.state, Some(ItemState::Failed { .. } | ItemState::Left { .. })))
    }

    pub(super) fn count(&self) -> usize {
        self.all.borrow().len()
    }
}
