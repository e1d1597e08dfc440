//! [`Injection`]: a fault in force, and the guard that takes it back.
//!
//! An experiment holds its injections itself. Outside of one, [`Chaos::inject`](crate::Chaos::inject) gives the guard
//! to hold:
//!
//! ```
//! use chaos_core::{BlastRadius, Chaos, Delay, point::{Step, step}, units::ms};
//!
//! struct Commit;
//! impl Step for Commit { const NAME: &'static str = "commit"; type Error = std::io::Error; }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let chaos = Chaos::seeded(7);
//! let commits = chaos.point::<Commit>("commit")?;
//! let slow = step::latency(Delay::fixed(ms(2))).at(commits.clone());
//! let injection = chaos.inject(slow, BlastRadius::percent(50)?).begin().await?;
//! for _ in 0..10 {
//!     commits.pass(&Commit).await?;
//! }
//! assert_eq!(injection.stats()[0].hits, 5);          // asked for all, allowed half
//! injection.revert().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod following;
mod item;
mod journal;
mod listed;
mod put_back;
mod turn;
mod work;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

pub use following::Following;
pub(crate) use item::Item;
pub(crate) use journal::Journal;
pub(crate) use put_back::{Begun, Leftover, Way};
pub(crate) use turn::{Came, Followed, Turn, Went};
pub use work::On;
use work::{AT_ONCE, joined};
pub(crate) use work::{Looked, Picked, Ready, Work};

use crate::chaos::Chaos;
use crate::error::{Error, Result};
use crate::experiment::{Step, Stop};
use crate::fault::Observed;
use crate::point::RuleStats;
use crate::target::{BlastRadius, Occupancy, Population};
use crate::units::secs;

/// How long a dropped guard waits for its revert.
const DROP_TIMEOUT: Duration = secs(10);

/// How long after its end a fault ends by itself that nobody has taken back, where its effect can: 5 s, or half of the
/// guardian's own margin, so that the guardian comes after it.
pub const MARGIN: Duration = secs(5);

/// A fault about to be injected; see [`Chaos::inject`](crate::Chaos::inject).
#[must_use = "nothing is injected until `begin` is awaited"]
pub struct Inject {
    chaos: Chaos,
    step: Step,
    radius: BlastRadius,
    journal: Journal,
}

impl Inject {
    pub(crate) fn new(chaos: Chaos, step: Step, radius: BlastRadius) -> Self {
        Self { chaos, step, radius, journal: Journal::default() }
    }

    /// Writes undos to `ledger` before the first effect. Needed for every fault that outlives this process.
    #[cfg(all(feature = "ledger", unix))]
    pub fn ledger(mut self, ledger: impl Into<Arc<crate::ledger::Ledger>>) -> Self {
        self.journal.ledger = Some(ledger.into());
        self
    }

    /// Arms `guardian` before the first effect: it takes the fault back when this process dies, or when the fault was
    /// not reverted [a margin](crate::Guardian::margin) after it has lasted `lasting`. Needed for every fault whose plan
    /// names the guardian as its owner.
    #[cfg(all(feature = "guardian", unix))]
    pub fn guardian(mut self, guardian: crate::Guardian, lasting: Duration) -> Self {
        self.journal.guardian = Some((guardian, lasting));
        self
    }

    /// Looks, approves, records, injects and observes.
    ///
    /// # Errors
    /// A fault that follows its selection; what the world or the blast radius forbids (nothing was touched); an inject that failed or was not seen in
    /// force (it was taken back before this returns, or the error says what is left).
    pub async fn begin(mut self) -> Result<Injection> {
        if self.step.work.following().is_some() {
            return Err(Error::invalid(
                "a fault that follows its selection is one of an experiment: held by hand, nobody looks",
            ));
        }
        let occupancy = Arc::new(Occupancy::new(self.radius, self.chaos.dice()));
        let lasting = self.step.lasting.or_else(|| self.journal.guarded_for());
        if let Some(lasting) = lasting {
            self.journal.guard_for(lasting);
        }
        let way = Way { journal: self.journal, occupancy, clock: self.chaos.clock().clone(), lasting };
        let (_, mut injection) = Injection::begin(&*self.step.work, way, &Stop::default()).await?;
        let absent = injection
            .observe()
            .await
            .into_iter()
            .find(|(_, seen)| !seen.as_ref().is_ok_and(Observed::is_in_force));
        if let Some((name, seen)) = absent {
            let seen = seen.map_or_else(|error| error.chain(), |seen| seen.detail().to_owned());
            injection.put_back().await?;
            return Err(Error::failed(format!("{name}: injected, but not seen in force: {seen}")));
        }
        Ok(injection)
    }
}

impl fmt::Debug for Inject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inject").field("step", &self.step).field("radius", &self.radius).finish()
    }
}

/// A fault in force at its targets.
///
/// [`revert`](Injection::revert) takes it back and says whether that worked. Dropping it is the last resort: rules are
/// reverted at once, everything else on a thread of its own with a runtime of its own, which the drop waits for (10 s
/// at the most), so that it works outside a runtime, in one that is shutting down, and during a panic.
#[must_use = "dropping this takes the fault back, and blocks while it does"]
pub struct Injection {
    begun: Vec<Begun>,
    way: Way,
    /// What was picked from the last time, where the selection may be followed.
    population: Option<Population>,
}

impl Injection {
    /// Approves, records and injects. On an error everything is taken back.
    pub(crate) async fn begin(work: &dyn Work, way: Way, stop: &Stop) -> Result<(Looked, Self)> {
        let Ready { looked, items, population } = work.approve(&way.occupancy, way.at_most()).await?;
        let mut injection = Self { begun: Vec::new(), way, population };
        let recorded = (|| {
            injection.way.journal.must_do_for(&looked)?;
            injection.way.journal.record(&items)
        })();
        let written = match recorded {
            Ok(written) => written,
            Err(error) => {
                for item in items {
                    injection.way.occupancy.release(item.unit(), &item.id());
                }
                return Err(error);
            }
        };
        // From here on the guard owns the undo of every target, injected or not.
        injection.begun =
            items.into_iter().zip(written).map(|(item, written)| Begun { item, written }).collect();
        let since = injection.way.clock.now();
        let mut injected = injection.inject_all(stop).await;
        if let (Ok(()), Some(lasting)) = (&injected, injection.way.lasting) {
            // Those that were injected first have been in force for a while.
            let took = injection.way.clock.now() - since;
            injected = match took > injection.way.journal.margin() / 2 {
                true => injection.extend(lasting).await,
                false => injection.extend_guardian(lasting),
            };
        }
        match injected {
            Ok(()) => Ok((looked, injection)),
            Err(error) => match injection.put_back().await {
                Ok(()) => Err(error),
                Err(leftover) => Err(leftover.context(error.chain())),
            },
        }
    }

    async fn inject_all(&self, stop: &Stop) -> Result<()> {
        self.at_each(|item| async move { item.inject().await }, stop).await
    }

    /// Does `act` at every target, some at the same time; the first error.
    async fn at_each<F>(&self, act: impl Fn(Arc<dyn Item>) -> F, stop: &Stop) -> Result<()>
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let mut acting = JoinSet::new();
        let mut first_error = Ok(());
        let mut begun = self.begun.iter();
        loop {
            // Abort is looked at between targets; those under way are waited for, because their undo must come after.
            while acting.len() < AT_ONCE && first_error.is_ok() && !stop.is_set() {
                let Some(next) = begun.next() else { break };
                let (name, clock) = (next.item.name(), self.way.clock.clone());
                let (bound, act) = (next.item.takes_at_most(), act(Arc::clone(&next.item)));
                acting.spawn(async move {
                    let act = clock.timeout(bound, act).await;
                    act.and_then(|done| done).map_err(|error| error.context(name))
                });
            }
            let Some(done) = acting.join_next().await else { return first_error };
            if let (Err(error), true) = (joined(done), first_error.is_ok()) {
                first_error = Err(error);
            }
        }
    }

    /// The fault may last so long from now on, whatever was said before: for one that is held by hand. Told in time, it
    /// goes on without a gap. It is told to each target whose fault ends by itself, and to the guardian.
    ///
    /// # Errors
    /// When it had ended already at one of the targets, or could not be told: nothing was taken back.
    pub async fn extend(&self, lasting: Duration) -> Result<()> {
        self.extend_guardian(lasting)?;
        let at_most = lasting.saturating_add(self.way.journal.margin());
        self.at_each(move |item| async move { item.extend(at_most).await }, &Stop::default()).await
    }

    fn extend_guardian(&self, lasting: Duration) -> Result<()> {
        self.way.journal.lasts(self.begun.iter().map(|begun| &begun.written), lasting)
    }

    /// Looks at each target: is the fault in force?
    pub async fn observe(&self) -> Vec<(String, Result<Observed>)> {
        self.look(&self.begun).await
    }

    async fn look(&self, all: &[Begun]) -> Vec<(String, Result<Observed>)> {
        let mut seen = Vec::with_capacity(all.len());
        let mut looking = JoinSet::new();
        for (index, begun) in all.iter().enumerate() {
            if looking.len() == AT_ONCE {
                seen.extend(looking.join_next().await);
            }
            let (item, clock) = (Arc::clone(&begun.item), self.way.clock.clone());
            looking.spawn(async move {
                let look = clock.timeout(item.takes_at_most(), item.observe()).await;
                (index, look.and_then(|seen| seen))
            });
        }
        while let Some(look) = looking.join_next().await {
            seen.push(look);
        }
        let mut by_index: Vec<Option<Result<Observed>>> = all.iter().map(|_| None).collect();
        for (index, look) in seen.into_iter().flatten() {
            by_index[index] = Some(look);
        }
        let panicked = || Err(Error::failed("the fault's code panicked"));
        all.iter()
            .zip(by_index)
            .map(|(begun, look)| (begun.item.name(), look.unwrap_or_else(panicked)))
            .collect()
    }

    /// The counters of the rules in it.
    pub fn stats(&self) -> Vec<RuleStats> {
        self.begun.iter().filter_map(|begun| begun.item.stats()).collect()
    }

    /// Takes the fault back and looks whether it is gone.
    ///
    /// # Errors
    /// What could not be put back, after three tries each; it stays in the ledger for a sweep.
    pub async fn revert(mut self) -> Result<()> {
        self.put_back().await
    }

    pub(crate) fn items(&self) -> impl Iterator<Item = &Arc<dyn Item>> {
        self.begun.iter().map(|begun| &begun.item)
    }

    pub(crate) async fn put_back(&mut self) -> Result<()> {
        self.put_back_but_for().await.1
    }

    /// Puts everything back; the identities of what is left behind, and the error that says so.
    pub(crate) async fn put_back_but_for(&mut self) -> (Vec<String>, Result<()>) {
        // Not taken out before the await: a dropped future of this leaves the guard with everything it had.
        let leftovers = self.way.put_back(self.begun.clone()).await;
        self.begun.clear();
        (leftovers.iter().map(|leftover| leftover.begun.item.id()).collect(), say(&leftovers))
    }
}

fn say(leftovers: &[Leftover]) -> Result<()> {
    let [first, more @ ..] = leftovers else { return Ok(()) };
    let rest = if more.is_empty() { String::new() } else { format!(" (and {} more)", more.len()) };
    for leftover in leftovers {
        tracing::error!(
            target: "chaos", name = %leftover.begun.item.name(), error = %leftover.error.chain(), "left behind"
        );
    }
    Err(Error::leftover(format!("{}{rest}", first.error)))
}

impl Drop for Injection {
    fn drop(&mut self) {
        self.begun.retain(|begun| {
            let now = begun.item.revert_now();
            if now {
                self.way.occupancy.release(begun.item.unit(), &begun.item.id());
            }
            !now
        });
        if self.begun.is_empty() {
            return;
        }
        let (begun, way) = (std::mem::take(&mut self.begun), self.way.clone());
        let (done, wait) = std::sync::mpsc::channel();
        // A revert is asynchronous, and here there may be no runtime, or one that is shutting down.
        let thread = std::thread::Builder::new().name("chaos-revert".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let outcome = match runtime {
                Ok(runtime) => say(&runtime.block_on(way.put_back(begun))),
                Err(error) => {
                    Err(Error::leftover("no runtime could be made for the revert").with_source(error))
                }
            };
            // Nobody listens any more when the wait was too long.
            let _ = done.send(outcome);
        });
        let outcome = match thread {
            Ok(_) => wait.recv_timeout(DROP_TIMEOUT).unwrap_or_else(|_| {
                Err(Error::leftover(format!("the revert took longer than {DROP_TIMEOUT:?}")))
            }),
            Err(error) => Err(Error::leftover("no thread could be made for the revert").with_source(error)),
        };
        if let Err(error) = outcome {
            tracing::error!(target: "chaos", error = %error.chain(), "a dropped injection could not be reverted");
        }
    }
}

impl fmt::Debug for Injection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let targets: Vec<String> = self.items().map(|item| item.name()).collect();
        f.debug_struct("Injection").field("targets", &targets).finish()
    }
}
