//! [`Owed`]: bytes that were read and that the caller has not got yet.

#[derive(Debug, Default)]
pub(super) struct Owed {
    bytes: Vec<u8>,
    at: usize,
    // How many of `bytes` the object inside gave: those behind are copies.
    real: usize,
}

impl Owed {
    pub(super) fn left(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// How far the object inside is ahead of the caller.
    pub(super) fn ahead(&self) -> u64 {
        self.real.saturating_sub(self.at) as u64
    }

    pub(super) fn consume(&mut self, bytes: usize) {
        self.at = self.bytes.len().min(self.at + bytes);
    }

    /// Room for so many bytes, in the place of everything.
    pub(super) fn room(&mut self, bytes: usize) -> &mut [u8] {
        (self.at, self.real) = (0, 0);
        self.bytes.resize(bytes, 0);
        &mut self.bytes
    }

    /// Of the room, so many bytes were filled.
    pub(super) fn filled(&mut self, bytes: usize) -> &mut [u8] {
        self.bytes.truncate(bytes);
        self.real = self.bytes.len();
        &mut self.bytes
    }

    pub(super) fn double(&mut self) {
        self.bytes.extend_from_within(..);
    }
}
