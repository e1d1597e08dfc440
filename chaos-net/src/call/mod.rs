//! Rules for services of any kind: [`Call`] is one call of a service, whatever its request, response and error.
//!
//! A matcher sees the request; closures make responses and errors, so that a service keeps its own types. A service
//! that cannot fail (its error is [`Infallible`](std::convert::Infallible)) takes no error: there is no value that a
//! closure could make.
//!
//! ```
//! use chaos_core::{Chaos, Delay, units::ms};
//! use chaos_net::{ChaosLayer, call::{self, Call}};
//! use std::io;
//! use tower::{Service, ServiceBuilder, ServiceExt};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?.block_on(async {
//! let chaos = Chaos::seeded(7);
//! let queries = chaos.point::<Call<String, u32, io::Error>>("queries")?;
//! let mut db = ServiceBuilder::new()
//!     .layer(ChaosLayer::call(queries.clone()))
//!     .service_fn(|query: String| async move { Ok::<_, io::Error>(query.len() as u32) });
//!
//! let _slow = queries.arm(call::latency(Delay::fixed(ms(200))).matching(|query: &String| query.contains("join")))?;
//! let _down = queries.arm(call::error(|_: &String| io::ErrorKind::TimedOut.into()).nth("2")?)?;
//!
//! let start = tokio::time::Instant::now();
//! assert_eq!(db.ready().await?.call("a join b".into()).await?, 8);
//! assert!(start.elapsed() >= ms(200));
//! assert_eq!(db.ready().await?.call("b".into()).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod effect;
mod wire;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use chaos_core::{Delay, Operation, Rule};

pub use effect::CallEffect;

/// One call of a service that takes `Req` and answers `Result<Res, E>`. Matchers see the request.
pub struct Call<Req, Res, E>(PhantomData<fn(Req) -> (Res, E)>);

impl<Req, Res, E> fmt::Debug for Call<Req, Res, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Call")
    }
}

impl<Req, Res, E> Operation for Call<Req, Res, E>
where
    Req: 'static,
{
    const NAME: &'static str = "call";
    type View<'a> = &'a Req;
    type Effect = CallEffect<Req, Res, E>;

    #[cfg(feature = "rules")]
    fn parse_effect(effect: &serde_json::Value) -> chaos_core::Result<Self::Effect> {
        CallEffect::parse(effect)
    }
}

/// Delays calls: the service is called late.
pub fn latency<Req: 'static, Res: 'static, E: 'static>(delay: Delay) -> Rule<Call<Req, Res, E>> {
    Rule::delay(delay)
}

/// Delays responses: the service is called in time, its answer comes late.
pub fn response_latency<Req: 'static, Res: 'static, E: 'static>(delay: Delay) -> Rule<Call<Req, Res, E>> {
    Rule::delay_after(delay)
}

/// Answers with the error that the closure makes; the service is not called.
pub fn error<Req: 'static, Res: 'static, E: 'static>(
    make: impl Fn(&Req) -> E + Send + Sync + 'static,
) -> Rule<Call<Req, Res, E>> {
    Rule::effect(CallEffect::Error(Arc::new(make)))
}

/// Answers with the response that the closure makes; the service is not called.
pub fn respond<Req: 'static, Res: 'static, E: 'static>(
    make: impl Fn(&Req) -> Res + Send + Sync + 'static,
) -> Rule<Call<Req, Res, E>> {
    Rule::effect(CallEffect::Respond(Arc::new(make)))
}

/// Hangs calls until the rule is reverted; then the service is called.
pub fn hang<Req: 'static, Res: 'static, E: 'static>() -> Rule<Call<Req, Res, E>> {
    Rule::effect(CallEffect::Hang)
}

/// Calls the service, drops what it answers and answers with an error: it was done and the caller does not know.
///
/// The closure makes the error from the request, before the call.
pub fn lose_response<Req: 'static, Res: 'static, E: 'static>(
    make: impl Fn(&Req) -> E + Send + Sync + 'static,
) -> Rule<Call<Req, Res, E>> {
    Rule::effect(CallEffect::LoseResponse(Arc::new(make)))
}

/// Calls the service and keeps what it answers until the rule is reverted: it was done and the caller waits.
pub fn hang_response<Req: 'static, Res: 'static, E: 'static>() -> Rule<Call<Req, Res, E>> {
    Rule::effect(CallEffect::HangResponse)
}

/// Panics in the caller's task, where it polls; the message is `injected: {message}`.
pub fn panic<Req: 'static, Res: 'static, E: 'static>(message: impl Into<String>) -> Rule<Call<Req, Res, E>> {
    Rule::effect(CallEffect::Panic(message.into()))
}
