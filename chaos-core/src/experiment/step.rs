//! [`Step`]: a fault of an experiment, with its place in time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::fault::Fault;
use crate::injection::{On, Work};
use crate::point::{At, Operation};

/// A fault of an experiment: when it starts within its stage, and how long it lasts.
///
/// Made from a rule at a point ([`Rule::at`](crate::Rule::at)) or a stateful fault on its targets ([`Fault::on`]).
#[derive(Clone)]
#[must_use = "give it to an experiment"]
pub struct Step {
    pub(crate) work: Arc<dyn Work>,
    pub(crate) after: Duration,
    pub(crate) lasting: Option<Duration>,
}

impl Step {
    fn new(work: impl Work + 'static) -> Self {
        Self { work: Arc::new(work), after: Duration::ZERO, lasting: None }
    }

    /// Starts this long after its stage does; at once unless said otherwise.
    pub fn after(mut self, delay: Duration) -> Self {
        self.after = delay;
        self
    }

    /// Lasts this long; as long as the experiment says unless said otherwise. Held by hand
    /// ([`Chaos::inject`](crate::Chaos::inject)) it is to be taken back by then; [a margin](crate::injection::MARGIN) later
    /// it ends by itself, where its effect can.
    pub fn lasting(mut self, duration: Duration) -> Self {
        self.lasting = Some(duration);
        self
    }
}

impl<Op: Operation + 'static> From<At<Op>> for Step {
    fn from(at: At<Op>) -> Self {
        Self::new(at)
    }
}

impl<F: Fault> From<On<F>> for Step {
    fn from(on: On<F>) -> Self {
        Self::new(on)
    }
}

impl<Op: Operation + 'static> At<Op> {
    /// Starts this long after its stage does.
    pub fn after(self, delay: Duration) -> Step {
        Step::from(self).after(delay)
    }

    /// Lasts this long.
    pub fn lasting(self, duration: Duration) -> Step {
        Step::from(self).lasting(duration)
    }
}

impl<F: Fault> On<F> {
    /// Starts this long after its stage does.
    pub fn after(self, delay: Duration) -> Step {
        Step::from(self).after(delay)
    }

    /// Lasts this long.
    pub fn lasting(self, duration: Duration) -> Step {
        Step::from(self).lasting(duration)
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step")
            .field("fault", &self.work.title())
            .field("after", &self.after)
            .field("lasting", &self.lasting)
            .finish()
    }
}
