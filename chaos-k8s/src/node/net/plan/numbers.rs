//! [`Numbers`]: small numbers for things that come and go, the same for as long as the thing is there.

use std::collections::BTreeMap;

/// A number for each key, from 1.
#[derive(Debug, Clone)]
pub(crate) struct Numbers<K> {
    numbers: BTreeMap<K, u16>,
}

impl<K> Default for Numbers<K> {
    fn default() -> Self {
        Self { numbers: BTreeMap::new() }
    }
}

impl<K: Ord + Clone> Numbers<K> {
    /// The number of `key`, a new one if it has none; `None` if all up to `most` are taken.
    pub(crate) fn of(&mut self, key: &K, most: u16) -> Option<u16> {
        if let Some(&number) = self.numbers.get(key) {
            return Some(number);
        }
        let mut taken: Vec<u16> = self.numbers.values().copied().collect();
        taken.sort_unstable();
        let free = (1..=most).zip(taken.iter().map(Some).chain(std::iter::repeat(None)));
        let number = free.into_iter().find(|(number, taken)| *taken != Some(number))?.0;
        self.numbers.insert(key.clone(), number);
        Some(number)
    }

    /// Gives the numbers of all keys back but of these.
    pub(crate) fn keep(&mut self, mut stays: impl FnMut(&K) -> bool) {
        self.numbers.retain(|key, _| stays(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_free_number() {
        let mut numbers = Numbers::default();
        let given: Vec<_> = ["a", "b", "c", "a"].iter().map(|key| numbers.of(key, 3).unwrap()).collect();
        assert_eq!(given, [1, 2, 3, 1]);
        assert_eq!(numbers.of(&"d", 3), None);
        numbers.keep(|key| *key != "b");
        assert_eq!(numbers.of(&"d", 3), Some(2));
        assert_eq!(numbers.of(&"c", 3), Some(3));
    }
}
