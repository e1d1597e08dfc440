//! [`Ranges`]: sorted ranges of numbers that neither overlap nor touch, as nf_tables wants them.

use ipnet::IpNet;

/// First and last of each range.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ranges(Vec<(u128, u128)>);

impl Ranges {
    pub(crate) fn new(ranges: impl IntoIterator<Item = (u128, u128)>) -> Self {
        let mut ranges: Vec<_> = ranges.into_iter().collect();
        ranges.sort_unstable();
        let mut merged: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
                _ => merged.push((first, last)),
            }
        }
        Self(merged)
    }

    /// The addresses of the v4 networks among these.
    pub(crate) fn v4<'a>(nets: impl IntoIterator<Item = &'a IpNet>) -> Self {
        Self::new(nets.into_iter().filter_map(|net| match net {
            IpNet::V4(net) => {
                Some((u128::from(u32::from(net.network())), u128::from(u32::from(net.broadcast()))))
            }
            IpNet::V6(_) => None,
        }))
    }

    /// The addresses of the v6 networks among these.
    pub(crate) fn v6<'a>(nets: impl IntoIterator<Item = &'a IpNet>) -> Self {
        Self::new(nets.into_iter().filter_map(|net| match net {
            IpNet::V4(_) => None,
            IpNet::V6(net) => Some((u128::from(net.network()), u128::from(net.broadcast()))),
        }))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether they are all numbers up to this one.
    pub(crate) fn are_all(&self, last: u128) -> bool {
        self.0 == [(0, last)]
    }

    pub(crate) fn overlap(&self, other: &Self) -> bool {
        let (mut a, mut b) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let (Some((a_first, a_last)), Some((b_first, b_last))) = (a.peek(), b.peek()) {
            if a_last < b_first {
                a.next();
            } else if b_last < a_first {
                b.next();
            } else {
                return true;
            }
        }
        false
    }

    /// First and last of each.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u128, u128)> {
        self.0.iter().copied()
    }

    /// The same as prefixes of numbers of so many bits: how many bits each says, and its first number in big endian.
    pub(crate) fn prefixes(&self, bits: u32) -> Vec<(u32, Vec<u8>)> {
        let mut prefixes = Vec::new();
        for &(first, last) in &self.0 {
            let mut next = Some(first);
            while let Some(from) = next.filter(|from| *from <= last) {
                // The largest that begins there and does not end behind the range.
                let aligned = from.trailing_zeros().min(bits);
                let fits = |free: &u32| *free == 0 || u128::MAX >> (128 - free) <= last - from;
                let free = (0..=aligned).rev().find(fits).unwrap_or(0);
                let bytes = from.to_be_bytes()[16 - bits as usize / 8..].to_vec();
                prefixes.push((bits - free, bytes));
                let size = if free == 0 { 0 } else { u128::MAX >> (128 - free) };
                next = from.checked_add(size).and_then(|end| end.checked_add(1));
            }
        }
        prefixes
    }

    /// First and last of each, as big endian numbers of so many bytes.
    pub(crate) fn bytes(&self, length: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let bytes = |number: u128| number.to_be_bytes()[16 - length..].to_vec();
        self.0.iter().map(|&(first, last)| (bytes(first), bytes(last))).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn some() -> impl Strategy<Value = Vec<(u128, u128)>> {
        prop::collection::vec((0..60_u128, 0..8_u128).prop_map(|(first, more)| (first, first + more)), 0..8)
    }

    fn holds(ranges: &[(u128, u128)], number: u128) -> bool {
        ranges.iter().any(|(first, last)| (first..=last).contains(&&number))
    }

    proptest! {
        #[test]
        fn ranges_hold_the_same_numbers_and_never_touch(some in some()) {
            let merged = Ranges::new(some.clone());
            for number in 0..80 {
                prop_assert_eq!(holds(&merged.0, number), holds(&some, number));
            }
            for pair in merged.0.windows(2) {
                prop_assert!(pair[0].1 + 1 < pair[1].0);
            }
        }

        #[test]
        fn prefixes_hold_the_same_numbers_each_once(some in prop::collection::vec((any::<u8>(), 0..60_u8), 0..8)) {
            let some = some.into_iter().map(|(first, more)| (first.into(), first.saturating_add(more).into()));
            let ranges = Ranges::new(some);
            let prefixes = ranges.prefixes(8);
            for number in 0..=255_u8 {
                let count = prefixes.iter().filter(|(length, bytes)| {
                    let free = 8 - length;
                    u32::from(number) >> free == u32::from(bytes[0]) >> free
                });
                prop_assert_eq!(count.count(), usize::from(holds(&ranges.0, number.into())));
            }
        }

        #[test]
        fn ranges_overlap_where_they_share_a_number(a in some(), b in some()) {
            let shared = (0..80).any(|number| holds(&a, number) && holds(&b, number));
            prop_assert_eq!(Ranges::new(a).overlap(&Ranges::new(b)), shared);
        }
    }

    #[test]
    fn networks_of_one_family() {
        let nets: Vec<IpNet> =
            ["10.0.0.0/8", "10.1.0.0/16", "::/0", "11.0.0.0/8"].map(|net| net.parse().unwrap()).into();
        assert_eq!(Ranges::v4(&nets).bytes(4), [(vec![10, 0, 0, 0], vec![11, 255, 255, 255])]);
        assert!(Ranges::v6(&nets).are_all(u128::MAX));
        assert_eq!(Ranges::v4(&nets).prefixes(32), [(7, vec![10, 0, 0, 0])]);
        assert_eq!(Ranges::v6(&nets).prefixes(128), [(0, vec![0; 16])]);
    }
}
