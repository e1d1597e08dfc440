//! Points and rules: named places where operations pass, and the faults armed there.

#[allow(clippy::module_inception)]
mod point;

mod armed;
mod at;
mod attachment;
mod gate;
mod hit;
mod live;
mod matcher;
mod operation;
mod release;
mod rule;
mod stats;
pub mod step;

pub use armed::Armed;
pub use at::{At, Disarm};
pub use attachment::Attachment;
pub use gate::Cap;
pub use hit::{Hit, Watch};
pub use matcher::Matcher;
pub use operation::{Abilities, Operation};
pub use point::Point;
pub use rule::{Place, Rule};
pub use stats::RuleStats;
pub use step::{Step, StepEffect};

pub(crate) use live::Live;
pub(crate) use rule::valid_name;
