//! Faults on nodes, through the API alone.

mod cordon;
mod delete;
mod drain;
mod taint;

pub use cordon::{Cordon, cordon};
pub use delete::{DeleteNode, NodeBack, delete};
pub(crate) use drain::Drains;
pub use drain::{Drain, Drained, drain};
pub use taint::{Taint, TaintEffect, taint};

use super::api::Kind;
use super::rights::Place;

/// Where faults on nodes act.
const PLACE: Place<'static> = Place::new(Kind::NODE, None);
