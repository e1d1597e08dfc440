//! Buffers for held packets, used again.

/// Buffers of packets that were sent, by size, for packets to come.
#[derive(Debug, Default)]
pub(super) struct Pool {
    shelves: [Vec<Vec<u8>>; SIZES.len()],
}

/// A small packet, a full one of Ethernet, of jumbo frames, of segmentation offload.
const SIZES: [usize; 4] = [256, 2_048, 9_216, 66_560];

/// How many bytes may lie idle on one shelf.
const IDLE: usize = 16 << 20;

impl Pool {
    /// A buffer that holds `bytes`.
    pub(super) fn filled(&mut self, bytes: &[u8]) -> Vec<u8> {
        let shelf = SIZES.iter().position(|size| bytes.len() <= *size);
        let idle = shelf.and_then(|shelf| self.shelves[shelf].pop());
        let size = shelf.map_or(bytes.len(), |shelf| SIZES[shelf]);
        let mut buffer = idle.unwrap_or_else(|| Vec::with_capacity(size));
        buffer.extend_from_slice(bytes);
        buffer
    }

    /// Takes back a buffer that was [`filled`](Self::filled) here.
    pub(super) fn give(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        let shelf = SIZES.iter().position(|size| buffer.capacity() == *size);
        if let Some(shelf) = shelf.filter(|shelf| self.shelves[*shelf].len() < IDLE / SIZES[*shelf]) {
            self.shelves[shelf].push(buffer);
        }
    }
}

/// How many bytes of memory a held packet of this length takes.
pub(super) fn size_of(length: usize) -> usize {
    SIZES.into_iter().find(|size| length <= *size).unwrap_or(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_again() {
        let mut pool = Pool::default();
        let buffer = pool.filled(&[1; 1500]);
        let place = buffer.as_ptr();
        pool.give(buffer);
        let again = pool.filled(&[2; 300]);
        assert_eq!((again.as_ptr(), again.as_slice()), (place, [2; 300].as_slice()));
        let other = pool.filled(&[3; 300]);
        assert_ne!(other.as_ptr(), place);
    }

    #[test]
    fn what_lies_idle_is_bounded() {
        let mut pool = Pool::default();
        let large: Vec<_> = (0..1_000).map(|_| pool.filled(&[0; 60_000])).collect();
        large.into_iter().for_each(|buffer| pool.give(buffer));
        let idle: usize = pool.shelves.iter().flatten().map(Vec::capacity).sum();
        assert!(idle <= IDLE, "{idle}");
    }
}
