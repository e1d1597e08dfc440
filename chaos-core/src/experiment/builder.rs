//! [`Experiment`]: the builder.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::plan::ExperimentPlan;
use super::progress::{Progress, Watcher};
use super::run;
use super::step::Step;
use super::stop::{Abort, Reason, Stop};
use super::typestate::{Given, HasBlastRadius, HasDuration, HasFault, Missing};
use crate::chaos::Chaos;
use crate::error::{Error, Result};
use crate::injection::Journal;
use crate::probe::Probe;
use crate::report::Report;
use crate::target::BlastRadius;
use crate::units::secs;

/// A hypothesis, the faults that try it, and the limits they keep; see the [module](super).
///
/// The type parameters say what has been given; [`run`](Experiment::run) asks for a fault, a blast radius and a
/// duration.
#[must_use = "an experiment does nothing until `run` is awaited"]
pub struct Experiment<F = Missing, C = Missing, D = Missing> {
    pub(crate) setup: Setup,
    given: PhantomData<(F, C, D)>,
}

/// Everything an experiment was told.
pub(crate) struct Setup {
    pub(crate) chaos: Chaos,
    pub(crate) title: String,
    pub(crate) probes: Vec<Probe>,
    pub(crate) stages: Vec<Stage>,
    pub(crate) radius: Option<BlastRadius>,
    pub(crate) lasting: Duration,
    pub(crate) recovering_within: Duration,
    pub(crate) stops_when_broken: bool,
    pub(crate) stop: Stop,
    pub(crate) journal: Journal,
    pub(crate) watcher: Option<Watcher>,
    pub(crate) replay: Option<String>,
    #[cfg(feature = "measure")]
    pub(crate) recorder: Option<crate::measure::Recorder>,
    #[cfg(all(feature = "signals", unix))]
    pub(crate) reverts_on_signals: bool,
}

/// Faults that run side by side.
pub(crate) struct Stage {
    pub(crate) pause: Duration,
    pub(crate) steps: Vec<Step>,
}

impl Experiment {
    /// An experiment that nothing has been said about yet. `title` is the hypothesis: "checkout survives a slow
    /// payment service".
    pub fn new(chaos: &Chaos, title: impl Into<String>) -> Self {
        let setup = Setup {
            chaos: chaos.clone(),
            title: title.into(),
            probes: Vec::new(),
            stages: vec![Stage { pause: Duration::ZERO, steps: Vec::new() }],
            radius: None,
            lasting: Duration::ZERO,
            recovering_within: secs(10),
            stops_when_broken: true,
            stop: Stop::default(),
            journal: Journal::default(),
            watcher: None,
            replay: None,
            #[cfg(feature = "measure")]
            recorder: None,
            #[cfg(all(feature = "signals", unix))]
            reverts_on_signals: false,
        };
        Self { setup, given: PhantomData }
    }
}

impl<F, C, D> Experiment<F, C, D> {
    fn with<F2, C2, D2>(self) -> Experiment<F2, C2, D2> {
        Experiment { setup: self.setup, given: PhantomData }
    }

    /// A probe of the steady state; said again, all must hold.
    pub fn steady_state(mut self, probe: impl Into<Probe>) -> Self {
        self.setup.probes.push(probe.into());
        self
    }

    /// A fault, side by side with the others of this stage.
    pub fn fault(mut self, step: impl Into<Step>) -> Experiment<Given, C, D> {
        if let Some(stage) = self.setup.stages.last_mut() {
            stage.steps.push(step.into());
        }
        self.with()
    }

    /// Begins a new stage: what follows starts `pause` after all faults so far are reverted.
    pub fn then(mut self, pause: Duration) -> Self {
        self.setup.stages.push(Stage { pause, steps: Vec::new() });
        self
    }

    /// The cap over everything.
    pub fn blast_radius(mut self, radius: BlastRadius) -> Experiment<F, Given, D> {
        self.setup.radius = Some(radius);
        self.with()
    }

    /// How long each fault lasts that does not say so itself.
    pub fn lasting(mut self, duration: Duration) -> Experiment<F, C, Given> {
        self.setup.lasting = duration;
        self.with()
    }

    /// How long the steady state may take to come back after the last revert; 10 s unless said otherwise.
    pub fn recovering_within(mut self, bound: Duration) -> Self {
        self.setup.recovering_within = bound;
        self
    }

    /// Goes on to the end when the hypothesis breaks. Unless this is said, a broken hypothesis reverts everything at
    /// once.
    pub fn go_on_when_broken(mut self) -> Self {
        self.setup.stops_when_broken = false;
        self
    }

    /// Writes undos to `ledger` before the first effect. Needed for every fault that outlives this process.
    #[cfg(all(feature = "ledger", unix))]
    pub fn ledger(mut self, ledger: impl Into<Arc<crate::ledger::Ledger>>) -> Self {
        self.setup.journal.ledger = Some(ledger.into());
        self
    }

    /// Arms `guardian` before the first effect of each fault that outlives this process: it takes the fault back when
    /// this process dies, or when the fault was not reverted [a margin](crate::Guardian::margin) after its end. Needed
    /// for every fault whose plan names the guardian as its owner.
    #[cfg(all(feature = "guardian", unix))]
    pub fn guardian(mut self, guardian: crate::Guardian) -> Self {
        // How long is known when a fault begins.
        self.setup.journal.guardian = Some((guardian, Duration::ZERO));
        self
    }

    /// Puts what `recorder` measured on the report's timeline.
    #[cfg(feature = "measure")]
    pub fn measuring(mut self, recorder: &crate::measure::Recorder) -> Self {
        self.setup.recorder = Some(recorder.clone());
        self
    }

    /// Tells `watcher` how it goes, a few times a second; [`LiveLine`](super::LiveLine) is a ready-made one.
    pub fn progress(mut self, watcher: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        self.setup.watcher = Some(Arc::new(watcher));
        self
    }

    /// The command that replays this experiment, for the report; `{seed}` in it becomes the seed.
    pub fn replay(mut self, command: impl Into<String>) -> Self {
        self.setup.replay = Some(command.into());
        self
    }

    /// Ctrl-C and SIGTERM abort: everything is reverted, the report is made, and the signal is raised again, so that
    /// the process ends as it would have.
    #[cfg(all(feature = "signals", unix))]
    pub fn revert_on_signals(mut self) -> Self {
        self.setup.reverts_on_signals = true;
        self
    }

    /// Ends the experiment early, from any task.
    pub fn abort_handle(&self) -> Abort {
        Abort(self.setup.stop.clone())
    }

    /// What a run would do now: the exact targets, their changes, caps and who takes them back. Touches nothing.
    ///
    /// # Errors
    /// A wrong argument. What the world forbids is said in the plan.
    pub async fn plan(&self) -> Result<ExperimentPlan>
    where
        F: HasFault,
        C: HasBlastRadius,
    {
        self.setup.check()?;
        Ok(ExperimentPlan::of(&self.setup).await)
    }

    /// Runs it, and returns only when everything is reverted.
    ///
    /// The work is done in a task of its own: dropping this future aborts, and the revert still runs to its end.
    ///
    /// # Errors
    /// A wrong argument, before anything is looked at. What a look at the world forbids is the outcome refused, and
    /// every other end is an outcome too.
    pub async fn run(self) -> Result<Report>
    where
        F: HasFault,
        C: HasBlastRadius,
        D: HasDuration,
    {
        let setup = self.setup;
        setup.check()?;
        setup.check_durations()?;
        let runtime = tokio::runtime::Handle::try_current()
            .map_err(|error| Error::invalid("an experiment runs in a tokio runtime").with_source(error))?;
        let dropped = AbortWhenDropped(setup.stop.clone());
        let report = runtime.spawn(run::supervise(setup)).await;
        std::mem::forget(dropped);
        report.map_err(|panic| {
            Error::failed("the experiment panicked; its faults were reverted").with_source(panic)
        })
    }
}

struct AbortWhenDropped(Stop);

impl Drop for AbortWhenDropped {
    fn drop(&mut self) {
        self.0.set(Reason::Aborted("the future of the run was dropped".to_owned()));
    }
}

impl Setup {
    /// All steps, in the order they were given.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &Step> {
        self.stages.iter().flat_map(|stage| &stage.steps)
    }

    /// How long `step` lasts.
    pub(crate) fn duration_of(&self, step: &Step) -> Duration {
        step.lasting.unwrap_or(self.lasting)
    }

    fn check(&self) -> Result<()> {
        if self.title.trim().is_empty() {
            return Err(Error::invalid("an experiment needs a title that is not empty: its hypothesis"));
        }
        if self.stages.iter().any(|stage| stage.steps.is_empty()) {
            return Err(Error::invalid("a stage has no fault: put `.fault(...)` after each `.then(...)`"));
        }
        self.probes.iter().try_for_each(Probe::check_settings)
    }

    fn check_durations(&self) -> Result<()> {
        if self.steps().any(|step| self.duration_of(step).is_zero()) {
            return Err(Error::invalid(
                "a fault that lasts for zero time cannot be seen: give it a longer duration",
            ));
        }
        Ok(())
    }
}

impl<F, C, D> fmt::Debug for Experiment<F, C, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: Vec<&Step> = self.setup.steps().collect();
        f.debug_struct("Experiment")
            .field("title", &self.setup.title)
            .field("probes", &self.setup.probes)
            .field("steps", &steps)
            .field("blast_radius", &self.setup.radius)
            .finish_non_exhaustive()
    }
}
