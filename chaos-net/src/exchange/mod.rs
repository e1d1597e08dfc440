//! [`Http`]: one HTTP exchange as an operation, what matchers see of it, and how its effects are carried out.
//!
//! Rules for it are made in [`request`](crate::request), [`response`](crate::response), [`body`](crate::body) and
//! [`grpc`](crate::grpc).
//!
//! ```
//! use chaos_net::HttpCall;
//! let request = http::Request::get("http://shop.test:8080/cart/7?full=1").body(())?;
//! let call = HttpCall::of(&request);
//! assert_eq!((call.path(), call.host()), ("/cart/7", Some("shop.test")));
//! assert!(call.query().any(|(key, value)| key == "full" && value == "1"));
//! # Ok::<(), http::Error>(())
//! ```

mod answer;
mod effect;
mod headers;
mod view;
mod wire;

use chaos_core::Operation;
use chaos_core::point::Abilities;

pub use answer::Answer;
pub use effect::HttpEffect;
pub use headers::HeaderEdit;
pub use view::HttpCall;
pub use wire::HttpMeans;

pub(crate) use answer::status_code;
pub(crate) use effect::Effect;
pub(crate) use headers::{header_name, header_value};

/// One HTTP exchange: a request and its response. Matchers see the request as [`HttpCall`].
#[derive(Debug, Clone, Copy)]
pub enum Http {}

impl Operation for Http {
    const NAME: &'static str = "http request";
    type View<'a> = HttpCall<'a>;
    type Effect = HttpEffect;

    fn describe(effect: &HttpEffect) -> String {
        effect.to_string()
    }

    fn needs(effect: &HttpEffect) -> Abilities {
        match effect.0 {
            Effect::Error(_) | Effect::LoseResponse(_) => Abilities::ERROR,
            _ => Abilities::NONE,
        }
    }

    #[cfg(feature = "rules")]
    fn parse_matcher(when: &serde_json::Value) -> chaos_core::Result<chaos_core::Matcher<Self>> {
        crate::data::matcher(when)
    }

    #[cfg(feature = "rules")]
    fn parse_effect(effect: &serde_json::Value) -> chaos_core::Result<HttpEffect> {
        crate::data::effect(effect)
    }
}
