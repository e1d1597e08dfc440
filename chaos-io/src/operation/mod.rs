//! [`Io`]: one I/O operation, what matchers see of it, and what can happen to it.
//!
//! Wrappers and mounts pass their operations through a [`Point<Io>`](chaos_core::Point). Rules are made by the functions
//! of [`effect`](crate::effect), all of them at the root of this crate, and limited by matchers:
//!
//! ```
//! use chaos_io::{IoKind, errno, kind, length, offset, path_glob};
//! let _rule = errno(5)?                                           // EIO
//!     .when(kind(IoKind::Read) & offset(4096..8192)? & !length(..512)?)
//!     .when(path_glob("/var/lib/**/*.wal")?)
//!     .probability(0.01)?;
//! # Ok::<(), chaos_core::Error>(())
//! ```

mod call;
mod kind;
mod matcher;
mod path;

use chaos_core::point::Abilities;
use chaos_core::{Matcher, Operation};

use crate::effect::IoEffect;

pub use call::IoCall;
pub use kind::IoKind;
pub use matcher::{kind, kinds, length, matching, offset};
pub use path::{path, path_glob};

/// One I/O operation: a read, a write, a flush, a rename. Matchers see it as [`IoCall`].
#[derive(Debug, Clone, Copy)]
pub enum Io {}

/// A wrapper: it can say `Pending`, give bytes twice, and move where a seek lands.
pub(crate) const WRAPPER: Abilities = Abilities::ERROR.and(Abilities::own(0));
/// A mount: it can show other attributes.
#[cfg(all(feature = "mount", target_os = "linux"))]
pub(crate) const MOUNT: Abilities = Abilities::ERROR.and(Abilities::own(1));

impl Operation for Io {
    const NAME: &'static str = "i/o operation";
    type View<'a> = IoCall<'a>;
    type Effect = IoEffect;

    fn describe(effect: &IoEffect) -> String {
        effect.to_string()
    }

    fn happens_to(effect: &IoEffect) -> Option<Matcher<Self>> {
        let kinds = effect.0.kinds()?;
        let names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
        Some(Matcher::<Self>::new(names.join(" or "), |call| kinds.contains(&call.kind)))
    }

    fn needs(IoEffect(effect): &IoEffect) -> Abilities {
        effect.needs()
    }

    #[cfg(feature = "rules")]
    fn parse_matcher(when: &serde_json::Value) -> chaos_core::Result<Matcher<Self>> {
        crate::data::matcher(when)
    }

    #[cfg(feature = "rules")]
    fn parse_effect(effect: &serde_json::Value) -> chaos_core::Result<IoEffect> {
        crate::data::effect(effect)
    }
}
