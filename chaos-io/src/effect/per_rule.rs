//! [`PerRule`]: what the operations under one armed rule share.

use std::sync::{Arc, Mutex, PoisonError};

/// A state per armed rule: a rule armed again, or a clone of it armed elsewhere, begins anew.
///
/// Kept by the name that an armed rule gives to its hits: one allocation for as long as the rule is armed, so its address
/// is the rule's identity.
#[derive(Debug)]
pub(crate) struct PerRule<T> {
    states: Mutex<Vec<(Arc<str>, T)>>,
}

impl<T> Default for PerRule<T> {
    fn default() -> Self {
        Self { states: Mutex::new(Vec::new()) }
    }
}

impl<T: Default> PerRule<T> {
    /// Looks at, or changes, the state of the rule that gave `rule` to a hit.
    pub(crate) fn with<R>(&self, rule: &Arc<str>, look: impl FnOnce(&mut T) -> R) -> R {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, state)) = states.iter_mut().find(|(other, _)| Arc::ptr_eq(other, rule)) {
            return look(state);
        }
        // Names that only this list holds are of rules that are gone.
        states.retain(|(other, _)| Arc::strong_count(other) > 1);
        let mut state = T::default();
        let result = look(&mut state);
        states.push((Arc::clone(rule), state));
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_arming_has_its_own_and_the_gone_are_forgotten() {
        let states = PerRule::<u32>::default();
        let (one, two): (Arc<str>, Arc<str>) = ("same".into(), "same".into());
        let add = |rule: &Arc<str>| {
            states.with(rule, |n| {
                *n += 1;
                *n
            })
        };
        assert_eq!((add(&one), add(&two), add(&one)), (1, 1, 2));
        drop((one, two));
        assert_eq!(add(&"same".into()), 1);
        assert_eq!(states.states.lock().unwrap().len(), 1);
    }
}
