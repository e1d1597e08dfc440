//! [`Chaos`]: the handle. It owns seed, clock and points; nothing is global, nothing is on.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use crate::dice::Dice;
use crate::error::{Error, Result};
use crate::event::{Events, Hub};
use crate::experiment::Step;
use crate::injection::Inject;
use crate::point::{Operation, Point, RuleStats, valid_name};
use crate::target::BlastRadius;

/// The handle to everything: seed, clock and points by name. Clones are the same handle; two handles never see each
/// other.
///
/// ```
/// use chaos_core::{Chaos, point::Step};
/// struct Commit;
/// impl Step for Commit { const NAME: &'static str = "commit"; type Error = std::io::Error; }
///
/// let (one, two) = (Chaos::seeded(7), Chaos::seeded(7));
/// let here = one.point::<Commit>("orders")?;
/// let _slow = here.arm(chaos_core::point::step::panic("never"))?;
/// assert!(two.point::<Commit>("orders")?.is_off());
/// # Ok::<(), chaos_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Chaos {
    shared: Arc<Shared>,
    points: Arc<Mutex<BTreeMap<String, Arc<dyn AnyPoint>>>>,
}

/// What points share with their handle.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) dice: Dice,
    pub(crate) clock: Clock,
    pub(crate) hub: Hub,
}

impl Chaos {
    /// A handle whose every draw follows from `seed`.
    pub fn seeded(seed: u64) -> Self {
        Self::with_clock(seed, Clock::auto())
    }

    /// A handle with a seed from the operating system's randomness; [`seed`](Chaos::seed) and every report tell it.
    pub fn random() -> Self {
        use std::hash::{BuildHasher, Hasher, RandomState};
        Self::seeded(RandomState::new().build_hasher().finish())
    }

    /// A handle with a clock of choice.
    pub fn with_clock(seed: u64, clock: Clock) -> Self {
        let shared = Shared { dice: Dice::seeded(seed), clock, hub: Hub::default() };
        Self { shared: Arc::new(shared), points: Arc::default() }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.shared.dice.seed()
    }

    /// The dice, for draws of a fault of one's own.
    pub fn dice(&self) -> Dice {
        self.shared.dice
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// The point of this name, made at the first call.
    ///
    /// # Errors
    /// An empty or unprintable name, or a name that is taken by a point for another kind of operation.
    pub fn point<Op: Operation + 'static>(&self, name: &str) -> Result<Point<Op>> {
        let name = valid_name("point", name.to_owned())?;
        let mut points = self.lock();
        let point = points
            .entry(name.clone())
            .or_insert_with(|| Arc::new(Point::<Op>::new(&name, Arc::clone(&self.shared))));
        point.as_any().downcast_ref::<Point<Op>>().cloned().ok_or_else(|| {
            Error::conflict(format!(
                "point {name:?} is for a {}, not for a {}: use another name",
                point.operation(),
                Op::NAME
            ))
        })
    }

    /// What is at each point now: its name and its rules' counters.
    pub fn points(&self) -> Vec<(String, Vec<RuleStats>)> {
        self.lock().iter().map(|(name, point)| (name.clone(), point.stats())).collect()
    }

    /// Reverts every rule at every point, whoever armed it.
    pub fn revert_all(&self) {
        let points: Vec<_> = self.lock().values().cloned().collect();
        points.iter().for_each(|point| point.revert_all());
    }

    /// Injects one fault outside an experiment, under a blast radius; see [`injection`](crate::injection).
    pub fn inject(&self, fault: impl Into<Step>, radius: BlastRadius) -> Inject {
        Inject::new(self.clone(), fault.into(), radius)
    }

    /// Events as they happen, through a channel that holds `capacity` of them and loses, counted, what does not fit.
    ///
    /// # Errors
    /// A capacity of zero, or more than a channel can hold.
    pub fn subscribe(&self, capacity: usize) -> Result<Events> {
        self.shared.hub.subscribe(capacity)
    }

    #[cfg(feature = "rules")]
    pub(crate) fn any_point(&self, name: &str) -> Option<Arc<dyn AnyPoint>> {
        self.lock().get(name).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<dyn AnyPoint>>> {
        self.points.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Chaos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chaos").field("seed", &self.seed()).field("points", &self.points()).finish()
    }
}

/// A point whose operation is not known.
pub(crate) trait AnyPoint: Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn operation(&self) -> &'static str;
    fn stats(&self) -> Vec<RuleStats>;
    fn revert_all(&self);
    /// The rule that `entry` says, checked against this point and not armed.
    #[cfg(feature = "rules")]
    fn ready(&self, entry: &crate::rules::Entry) -> Result<Box<dyn crate::rules::ReadyRule>>;
}

impl<Op: Operation + 'static> AnyPoint for Point<Op> {
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn operation(&self) -> &'static str {
        Op::NAME
    }
    fn stats(&self) -> Vec<RuleStats> {
        Point::stats(self)
    }
    fn revert_all(&self) {
        Point::revert_all(self);
    }
    #[cfg(feature = "rules")]
    fn ready(&self, entry: &crate::rules::Entry) -> Result<Box<dyn crate::rules::ReadyRule>> {
        Point::ready(self, entry)
    }
}
