//! Signals by number, real-time ones included, which the safe crates do not make.
#![expect(unsafe_code, reason = "a signal by number")]

use nix::libc;
use rustix::process::Signal;

/// The signal of this number, from 1 to 64 and not one that the C library keeps for itself.
pub(crate) fn numbered(number: i32) -> Option<Signal> {
    if !(1..=64).contains(&number) || is_of_libc(number) {
        return None;
    }
    // SAFETY: the number is a signal of the kernel (signal(7)), and rustix asks that it is not one of the C library's.
    Some(unsafe { Signal::from_raw_unchecked(number) })
}

/// The C library keeps the real-time signals below its SIGRTMIN for its own threads (nptl(7)).
pub(crate) fn is_of_libc(number: i32) -> bool {
    (32..libc::SIGRTMIN()).contains(&number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_no_signal_of_a_program_are_none() {
        for number in [-1, 0, 32, 65, 99, i32::MAX] {
            assert!(numbered(number).is_none(), "{number}");
        }
        assert_eq!(numbered(15), Some(Signal::TERM));
        assert_eq!(numbered(64).unwrap().as_raw(), 64);
    }
}
