//! [`Custom`]: a packet fault that is made anew for each siding.

use std::fmt;
use std::sync::Arc;

use chaos_core::{Error, Result};

use super::{NetemFault, PacketFault};
use crate::node::net::Netem;

/// A packet fault of your own and its name, made anew for each device that it acts on: each device has its own packets in
/// its own order.
///
/// ```
/// use chaos_core::units::ms;
/// use chaos_k8s::node::net::Netem;
/// use chaos_k8s::node::net::own::Custom;
/// let slow = Custom::netem(Netem { delay: ms(40), ..Netem::default() })?;
/// assert_eq!(slow.to_string(), "delay 40ms");
/// # let _ = slow.make();
/// # Ok::<(), chaos_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Custom {
    name: String,
    make: Arc<dyn Fn() -> Box<dyn PacketFault> + Send + Sync>,
}

impl Custom {
    /// The faults that `make` makes, by this name in plans and reports.
    pub fn new<F: PacketFault>(
        name: impl Into<String>,
        make: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), make: Arc::new(move || Box::new(make())) }
    }

    /// What netem would do.
    ///
    /// # Errors
    /// As [`Netem::check`].
    pub fn netem(netem: Netem) -> Result<Self> {
        let fault = NetemFault::try_new(netem)?;
        Ok(Self::new(fault.to_string(), move || fault.anew()))
    }

    /// Refuses a name that is none.
    ///
    /// # Errors
    /// An empty name, and one that is no single line.
    pub fn check(&self) -> Result<()> {
        if self.name.trim().is_empty() {
            return Err(Error::invalid("a packet fault without a name: say what it does to packets"));
        }
        if self.name.contains(char::is_control) {
            return Err(Error::invalid(format!(
                "the name of a packet fault is one line for plans and reports, not {:?}",
                self.name
            )));
        }
        Ok(())
    }

    /// One more of them.
    pub fn make(&self) -> Box<dyn PacketFault> {
        (self.make)()
    }
}

/// Those that were made together are the same.
impl PartialEq for Custom {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && Arc::ptr_eq(&self.make, &other.make)
    }
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Custom").field(&self.name).finish()
    }
}

impl fmt::Display for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
