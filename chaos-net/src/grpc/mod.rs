//! Faults and matchers of gRPC, over HTTP/2 and whatever client or server speaks it.
//!
//! ```
//! use chaos_net::grpc;
//! let _rule = grpc::status(14, "try again")?.when(grpc::method("shop.Cart/AddItem")?).probability(0.2)?;
//! assert_eq!(
//!     grpc::status(0, "").unwrap_err().to_string(),
//!     "gRPC code 0 is success, which is no fault: use 1 to 16"
//! );
//! # Ok::<(), chaos_core::Error>(())
//! ```

mod method;
mod status;

use chaos_core::{Result, Rule};

use crate::exchange::{Effect, Http, HttpEffect};

pub use method::{method, service};
pub(crate) use status::Status;

/// Answers with a gRPC status; the service is not called.
///
/// The response is what gRPC calls trailers-only: HTTP 200 with `grpc-status` and `grpc-message` among its headers and
/// no body. Codes are those of <https://grpc.io/docs/guides/status-codes/>, 1 to 16.
///
/// # Errors
/// A code that is not in 1..=16; 0 is success, which is no fault.
pub fn status(code: i32, message: impl Into<String>) -> Result<Rule<Http>> {
    Ok(Rule::effect(HttpEffect(Effect::Grpc(Status::try_new(code, message.into())?))))
}
