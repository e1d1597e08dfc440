//! [`BodyFault`]: what can happen to a body, and how it is put on one.

use std::fmt;
use std::time::Duration;

use chaos_core::point::Hit;
use chaos_core::{Error, Point, Probability, Result};
use http::{Response, header};
use http_body::Body;

use super::corrupt::{Corruption, MOST_FLIPS};
use super::faulty::FaultyBody;
use super::pace::{Pace, Pacing};
use super::work::{What, Work};
use crate::exchange::Http;
use crate::injected::{InjectedError, InjectedKind};

/// What can happen to a body.
#[derive(Debug, Clone)]
pub(crate) enum BodyFault {
    Pace(Pace),
    Truncate(u64),
    Cut(u64, InjectedKind),
    Corrupt(Probability),
    Flip(u64),
    DropTrailers,
}

impl BodyFault {
    pub(crate) fn slow(bytes_per_second: u64) -> Result<Self> {
        if bytes_per_second == 0 {
            return Err(Error::invalid(
                "0 bytes per second never end: use 1 or more, or let the response hang",
            ));
        }
        Ok(Self::Pace(Pace::Rate { bytes_per_second }))
    }

    pub(crate) fn drip(chunk: usize, pause: Duration) -> Result<Self> {
        if chunk == 0 {
            return Err(Error::invalid("chunks of 0 bytes never end: use 1 or more"));
        }
        Ok(Self::Pace(Pace::Drip { chunk, pause }))
    }

    pub(crate) fn corrupt(chance_per_byte: Probability) -> Result<Self> {
        if chance_per_byte.value() == 0.0 {
            return Err(Error::invalid("a chance of 0 corrupts nothing: use more than 0"));
        }
        Ok(Self::Corrupt(chance_per_byte))
    }

    pub(crate) fn flip(bytes: u64) -> Result<Self> {
        if !(1..=MOST_FLIPS).contains(&bytes) {
            return Err(Error::invalid(format!("{bytes} flipped bytes are not in 1..={MOST_FLIPS}")));
        }
        Ok(Self::Flip(bytes))
    }

    /// Puts the fault on the body of `response`. The hit goes with it: it ends when the body does.
    pub(crate) fn put_on<B: Body>(
        &self,
        mut response: Response<FaultyBody<B>>,
        hit: Hit<Http>,
        point: &Point<Http>,
    ) -> Response<FaultyBody<B>> {
        let length = response.body().size_hint().exact();
        let what = match self {
            Self::Truncate(after) | Self::Cut(after, _) if length.is_some_and(|length| length <= *after) => {
                return response;
            }
            Self::Truncate(after) => {
                response.headers_mut().remove(header::CONTENT_LENGTH);
                What::Truncate { left: *after }
            }
            Self::Cut(after, kind) => What::Cut {
                left: *after,
                short: false,
                sent: false,
                error: InjectedError::made_by(*kind, hit.rule(), point.name()),
            },
            Self::Pace(pace) => What::Pace(Pacing::new(*pace, hit.clock().clone())),
            Self::DropTrailers => What::DropTrailers,
            Self::Corrupt(chance) => match hit.rolls() {
                Some(rolls) => What::Corrupt(Corruption::with_chance(chance.value(), rolls)),
                None => return response,
            },
            Self::Flip(bytes) => match hit.rolls() {
                Some(rolls) => What::Corrupt(Corruption::of_bytes(*bytes, length, rolls)),
                None => return response,
            },
        };
        response.map(|body| body.under(Work::new(what, hit)))
    }
}

impl fmt::Display for BodyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pace(Pace::Rate { bytes_per_second }) => write!(f, "{bytes_per_second} bytes per second"),
            Self::Pace(Pace::Drip { chunk, pause }) => write!(f, "{chunk} bytes every {pause:?}"),
            Self::Truncate(after) => write!(f, "truncated after {after} bytes"),
            Self::Cut(after, kind) => write!(f, "cut after {after} bytes: {kind}"),
            Self::Corrupt(chance) => write!(f, "bytes corrupted with probability {chance}"),
            Self::Flip(bytes) => write!(f, "{bytes} bytes corrupted"),
            Self::DropTrailers => f.write_str("trailers dropped"),
        }
    }
}
