//! Bad input is refused, with what to do about it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic, and waits on its own paused clock")]

use std::io::ErrorKind;

use chaos_core::{Chaos, Error, Rule};
use chaos_io::{ChaosReader, Io, IoKind, Keep};

fn says<T>(result: Result<T, Error>) -> String {
    let Err(err) = result else { panic!("it was taken") };
    assert!(err.is_invalid());
    err.to_string()
}

#[test]
fn rules() {
    for (rule, what) in [
        (chaos_io::throttle(0), "0 bytes per second would never move any: use 1 or more, or `stuck`"),
        (chaos_io::throttle_with_burst(0, 9), "0 bytes per second"),
        (chaos_io::short(0), "at most 0 bytes would never move any"),
        (chaos_io::errno(9999), "errno 9999 is not an error number of Linux: use 1 to 133, 5 for EIO"),
        (chaos_io::errno(0), "errno 0 is not"),
        (chaos_io::errno(-5), "errno -5 is not"),
        (chaos_io::errno(134), "errno 134 is not"),
        (chaos_io::errno(41), "errno 41 is not"),
        (chaos_io::corrupt(0.0), "a chance of 0 would corrupt nothing"),
        (chaos_io::corrupt(30.0), "probability 30 is not in 0..=1: for 30 % write 0.3"),
        (chaos_io::corrupt(f64::NAN), "probability NaN is not"),
        (chaos_io::flip(0), "0 flipped bytes are not in 1..=4096"),
        (chaos_io::flip(4097), "4097 flipped bytes are not"),
        (chaos_io::replace_range(3, ""), "no bytes would replace none"),
        (chaos_io::replace_range(u64::MAX, "ab"), "no file reaches as far as"),
        (chaos_io::pending_storm(0), "a storm of 0 polls is none"),
        (chaos_io::misdirected_seek(0), "a seek misdirected by 0 bytes lands where it should"),
    ] as [(Result<Rule<Io>, Error>, &str); 17]
    {
        let said = says(rule);
        assert!(said.starts_with(what), "{said}");
    }
    assert!(says(Keep::fraction(1.0)).starts_with("a share of 1 of a write is not in 0..1"));
}

#[test]
fn matchers() {
    let empty = 5..5;
    for (matcher, what) in [
        (chaos_io::offset(empty.clone()), "the offset range has no number in it"),
        (chaos_io::offset(..0), "the offset range has no number in it"),
        (chaos_io::length(empty), "the length range has no number in it"),
        (chaos_io::path(""), "an empty path is no file"),
        (chaos_io::path_glob(""), "an empty path glob matches nothing"),
        (chaos_io::path_glob("["), "\"[\" is not a glob at character 0"),
        (chaos_io::path_glob("/a/***"), "\"/a/***\" is not a glob at character"),
        (chaos_io::kinds([]), "no i/o kinds are no operations"),
    ] {
        let said = says(matcher);
        assert!(said.starts_with(what), "{said}");
    }
    assert!(
        says("reed".parse::<IoKind>()).starts_with("i/o kind \"reed\" is not one of open, create, read,")
    );
}

#[test]
fn an_error_that_would_block_is_the_caller_s_business() {
    // Non-blocking descriptors answer it, so it can be asked for.
    let chaos = Chaos::seeded(7);
    let mut reader = ChaosReader::new(&b"x"[..], chaos.point("fd").unwrap());
    let _busy = chaos.point::<Io>("fd").unwrap().arm(chaos_io::error(ErrorKind::WouldBlock)).unwrap();
    let err = std::io::Read::read(&mut reader, &mut [0; 1]).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::WouldBlock);
}
