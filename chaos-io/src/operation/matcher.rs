//! Matchers of kind, place and length, and closures.

use std::ops::{Bound, RangeBounds};

use chaos_core::{Error, Matcher, Result};

use super::{Io, IoCall, IoKind};

/// Operations of this kind.
pub fn kind(kind: IoKind) -> Matcher<Io> {
    Matcher::<Io>::new(kind.name(), move |call| call.kind == kind)
}

/// Operations of one of these kinds.
///
/// # Errors
/// None given.
pub fn kinds(kinds: impl IntoIterator<Item = IoKind>) -> Result<Matcher<Io>> {
    kinds.into_iter().map(kind).reduce(Matcher::or).ok_or_else(|| {
        Error::invalid(
            "no i/o kinds are no operations: name one, or leave the matcher out for every operation",
        )
    })
}

/// Operations that are about a byte in this range, counted from the start of the file or stream: of a read, all that it has
/// room for. What has no place (a flush) does not match.
///
/// # Errors
/// An empty range.
pub fn offset(bytes: impl RangeBounds<u64>) -> Result<Matcher<Io>> {
    let (from, last) = inclusive("offset", &bytes)?;
    Ok(Matcher::<Io>::new(format!("offset {}", written(from, last)), move |call| {
        call.offset.is_some_and(|at| {
            let end = at.saturating_add((call.len as u64).saturating_sub(1));
            at <= last && end >= from
        })
    }))
}

/// Operations about so many bytes: the room in a reader's buffer, the bytes given to a writer.
///
/// # Errors
/// An empty range.
pub fn length(bytes: impl RangeBounds<u64>) -> Result<Matcher<Io>> {
    let (from, last) = inclusive("length", &bytes)?;
    Ok(Matcher::<Io>::new(format!("length {}", written(from, last)), move |call| {
        (from..=last).contains(&(call.len as u64))
    }))
}

/// Operations for which the closure says so.
///
/// ```
/// use chaos_io::{IoCall, IoKind, matching};
/// let pages = matching(|call| call.len == 4096 && call.offset.is_some_and(|at| at % 4096 == 0));
/// assert!(pages.matches(IoCall::new(IoKind::Write).at(8192).of_len(4096)));
/// ```
pub fn matching(test: impl for<'a> Fn(IoCall<'a>) -> bool + Send + Sync + 'static) -> Matcher<Io> {
    Matcher::<Io>::new("closure", test)
}

/// The first and the last number in `range`.
fn inclusive(what: &str, range: &impl RangeBounds<u64>) -> Result<(u64, u64)> {
    let from = match range.start_bound() {
        Bound::Included(from) => Some(*from),
        Bound::Excluded(before) => before.checked_add(1),
        Bound::Unbounded => Some(0),
    };
    let last = match range.end_bound() {
        Bound::Included(last) => Some(*last),
        Bound::Excluded(end) => end.checked_sub(1),
        Bound::Unbounded => Some(u64::MAX),
    };
    match (from, last) {
        (Some(from), Some(last)) if from <= last => Ok((from, last)),
        _ => Err(Error::invalid(format!(
            "the {what} range has no number in it, so nothing would match: give an end above its start"
        ))),
    }
}

fn written(from: u64, last: u64) -> String {
    match last {
        u64::MAX => format!("{from}.."),
        last => format!("{from}..={last}"),
    }
}
