//! Faults in response bodies: slow, in chunks with pauses, truncated, cut, corrupted, without trailers.
//!
//! They act while the body is read, on whatever body the service answers with ([`FaultyBody`]). No more than one frame
//! of the body is held at a time. Once the rule is reverted, the rest of the body passes untouched.
//!
//! ```
//! use bytes::Bytes;
//! use chaos_core::Chaos;
//! use chaos_net::{ChaosLayer, body};
//! use http::{Request, Response};
//! use http_body_util::{BodyExt, Full};
//! use tower::{Service, ServiceBuilder, ServiceExt};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?.block_on(async {
//! let chaos = Chaos::seeded(7);
//! let mut client = ServiceBuilder::new()
//!     .layer(ChaosLayer::http(chaos.point("files")?))
//!     .service_fn(|_: Request<()>| async { Ok::<_, std::io::Error>(Response::new(Full::<Bytes>::from("0123456789"))) });
//!
//! let _short = chaos.point("files")?.arm(body::truncate(4).first(1)?)?;
//! let _cut = chaos.point("files")?.arm(body::cut(4))?;
//!
//! let response = client.ready().await?.call(Request::new(())).await?;
//! assert_eq!(response.into_body().collect().await?.to_bytes(), "0123");
//! let response = client.ready().await?.call(Request::new(())).await?;
//! assert!(response.into_body().collect().await.unwrap_err().is_injected());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod corrupt;
mod error;
mod fault;
mod faulty;
mod pace;
mod work;

use std::time::Duration;

use chaos_core::{Probability, Result, Rule};

use crate::exchange::{Effect, Http, HttpEffect};
use crate::injected::InjectedKind;

pub use error::BodyError;
pub use faulty::FaultyBody;

pub(crate) use fault::BodyFault;

/// Slows bodies to so many bytes per second, from the first byte on: there is no burst at the start.
///
/// # Errors
/// Zero: a body that never comes is [`response::hang`](crate::response::hang).
pub fn slow(bytes_per_second: u64) -> Result<Rule<Http>> {
    BodyFault::slow(bytes_per_second).map(rule)
}

/// Gives bodies out in chunks of so many bytes, with a pause before each.
///
/// # Errors
/// A chunk of zero bytes.
pub fn drip(chunk_bytes: usize, pause: Duration) -> Result<Rule<Http>> {
    BodyFault::drip(chunk_bytes, pause).map(rule)
}

/// Ends bodies after so many bytes as if they were complete; trailers are lost too. Shorter bodies pass whole.
///
/// A `content-length` header goes, since it would give the loss away or, in a server, turn it into a [`cut`].
pub fn truncate(after_bytes: u64) -> Rule<Http> {
    rule(BodyFault::Truncate(after_bytes))
}

/// Ends bodies after so many bytes with an error, as a connection that is reset does. Shorter bodies pass whole.
pub fn cut(after_bytes: u64) -> Rule<Http> {
    cut_with(after_bytes, InjectedKind::Reset)
}

/// [`cut`] with another error.
pub fn cut_with(after_bytes: u64, error: InjectedKind) -> Rule<Http> {
    rule(BodyFault::Cut(after_bytes, error))
}

/// Flips one bit in each byte with this chance. The length stays, and the same seed flips the same bits, however the
/// body is cut into frames.
///
/// # Errors
/// A chance that is not above 0 and at most 1.
pub fn corrupt(chance_per_byte: f64) -> Result<Rule<Http>> {
    BodyFault::corrupt(Probability::try_new(chance_per_byte)?).map(rule)
}

/// Flips one bit in each of so many bytes, 1 to 4,096. They are drawn over the whole body where its length is known
/// beforehand and over its first 4 KiB where not; of a shorter body, all bytes are hit.
///
/// # Errors
/// Out of range.
pub fn flip(bytes: u64) -> Result<Rule<Http>> {
    BodyFault::flip(bytes).map(rule)
}

/// Drops trailers: for gRPC, the status of the answer.
pub fn drop_trailers() -> Rule<Http> {
    rule(BodyFault::DropTrailers)
}

fn rule(fault: BodyFault) -> Rule<Http> {
    Rule::effect(HttpEffect(Effect::Body(fault)))
}
