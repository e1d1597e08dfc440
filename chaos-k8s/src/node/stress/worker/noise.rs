//! [`Noise`]: bytes that do not compress and numbers that no predictor knows, at next to no cost.

/// Marsaglia's xorshift64 (Journal of Statistical Software, 2003).
pub(super) struct Noise(u64);

impl Noise {
    pub(super) fn new(seed: u64) -> Self {
        // Zero would stay zero.
        Self(seed ^ 0x9e37_79b9_7f4a_7c15 | 1)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A block of random bytes, of a multiple of 8.
    pub(super) fn block(&mut self, bytes: usize) -> Vec<u8> {
        (0..bytes / 8).flat_map(|_| self.next().to_le_bytes()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_stands_still() {
        for seed in [0, 1, 0x9e37_79b9_7f4a_7c15, u64::MAX] {
            let mut noise = Noise::new(seed);
            assert_ne!(noise.next(), noise.next());
            assert_eq!(noise.block(4096).len(), 4096);
        }
    }
}
