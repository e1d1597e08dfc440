//! The supervisor of a run: plan, steady state, stages, revert, recovery, verdict.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::builder::{Setup, Stage};
use super::follow::Follower;
use super::hypothesis::Hypothesis;
use super::plan::ExperimentPlan;
use super::record::Record;
use super::stop::Reason;
use crate::error::{Error, Result};
use crate::fault::Observed;
use crate::injection::{Injection, Way};
use crate::probe::Verdict;
use crate::report::{FaultWindow, Outcome, Report};
use crate::target::Occupancy;
use crate::units::ms;

/// How often progress is told.
const TICK: Duration = ms(250);

pub(crate) async fn supervise(setup: Setup) -> Report {
    let clock = setup.chaos.clock().clone();
    let radius = setup.radius.as_ref().map(ToString::to_string).unwrap_or_default();
    let record =
        Record::new(&setup.title, setup.chaos.seed(), radius, &setup.probes, &clock, setup.watcher.clone());
    #[cfg(all(feature = "signals", unix))]
    let signals = setup.reverts_on_signals.then(|| super::signals::Signals::watch(&setup.stop));
    let (outcome, reason) = Run { setup: &setup, record: &record }.run().await;
    let replay = match &setup.replay {
        Some(command) => command.replace("{seed}", &setup.chaos.seed().to_string()),
        None => format!("Chaos::seeded({})", setup.chaos.seed()),
    };
    #[allow(unused_mut, reason = "the timeline comes with the feature `measure`")]
    let mut report = record.finish(outcome, reason, replay);
    #[cfg(feature = "measure")]
    if let Some(recorder) = &setup.recorder {
        let mut timeline = recorder.timeline(record.begun(), clock.now());
        timeline.windows = windows(&report);
        report.timeline = Some(timeline);
    }
    record.tell_end(outcome);
    #[cfg(all(feature = "signals", unix))]
    if let Some(signals) = signals {
        signals.raise_again();
    }
    report
}

/// When which fault was in force.
#[cfg_attr(not(feature = "measure"), allow(dead_code))]
fn windows(report: &Report) -> Vec<FaultWindow> {
    report
        .steps
        .iter()
        .filter_map(|step| {
            let from = step.in_force_from?;
            Some(FaultWindow::new(&step.name, from, step.in_force_until.unwrap_or(report.elapsed)))
        })
        .collect()
}

struct Run<'a> {
    setup: &'a Setup,
    record: &'a Record,
}

/// What is due when, within a stage. The order of the variants settles ties: an end comes before a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Revert(usize),
    Inject(usize),
}

impl Run<'_> {
    async fn run(&self) -> (Outcome, Option<String>) {
        let Setup { stop, probes, .. } = self.setup;
        let plan = ExperimentPlan::of(self.setup).await;
        self.record.planned(&plan.steps);
        if let Some(reason) = plan.refusal() {
            return (Outcome::Refused, Some(reason.to_owned()));
        }
        for step in plan.steps.iter().filter(|step| !step.is_reversible()) {
            self.record.note(format!("{:?} cannot be undone", step.title));
        }
        let hypothesis = Hypothesis { probes, record: self.record, clock: self.setup.chaos.clock(), stop };
        self.record.phase("steady state");
        if let Some(reason) = hypothesis.before().await {
            let reason = format!("the steady state did not hold before any fault: {reason}");
            return (Outcome::Refused, Some(reason));
        }
        if !probes.is_empty() && !stop.is_set() {
            self.record.mark("steady state holds");
        }
        let stages = self.stages(&hypothesis).await;
        if let Err(leftover) = stages.cleanup {
            return (Outcome::CleanupFailed, Some(leftover.chain()));
        }
        if let Some(error) = stages.failed {
            return (Outcome::Aborted, Some(format!("{}; everything was reverted", error.chain())));
        }
        if let Some(Reason::Aborted(reason)) = stop.reason() {
            return (Outcome::Aborted, Some(reason));
        }
        // Also after a broken hypothesis: whether and when the system comes back is worth knowing.
        self.record.phase("recovery");
        let after = hypothesis.after(self.setup.recovering_within).await;
        match &after {
            None if hypothesis.is_taken_after() => self.record.mark("steady state holds again"),
            None => {}
            Some((reason, _)) => self.record.mark(reason.clone()),
        }
        if let Some(broken) = self.record.first_broken() {
            return (Outcome::Broken, Some(broken));
        }
        match after {
            Some((reason, Verdict::NoData)) => return (Outcome::Inconclusive, Some(reason)),
            Some((reason, _)) => return (Outcome::Broken, Some(reason)),
            None => {}
        }
        self.verdict()
    }

    /// Held, unless nothing was hit or nothing was measured.
    fn verdict(&self) -> (Outcome, Option<String>) {
        let inert = self.record.inert();
        if !inert.is_empty() {
            return (Outcome::Inconclusive, Some(inert.join("; ")));
        }
        if self.setup.probes.is_empty() {
            let reason = "no steady state was given, so there was nothing to hold: add `.steady_state(...)`";
            return (Outcome::Inconclusive, Some(reason.to_owned()));
        }
        let probes = self.setup.probes.iter().zip(self.record.verdicts());
        let mut watched = probes.filter(|(probe, _)| probe.phases().during).peekable();
        if watched.peek().is_none() {
            return (Outcome::Held, None);
        }
        for (probe, verdicts) in watched {
            if verdicts == 0 {
                let reason = format!("{}: gave no verdict while faults were in force", probe.name());
                return (Outcome::Inconclusive, Some(reason));
            }
        }
        (Outcome::Held, None)
    }

    async fn stages(&self, hypothesis: &Hypothesis<'_>) -> StagesEnd {
        let mut end = StagesEnd { cleanup: Ok(()), failed: None };
        let Some(radius) = &self.setup.radius else { return end };
        let way = Way {
            journal: self.setup.journal.clone(),
            occupancy: Arc::new(Occupancy::new(radius.clone(), self.setup.chaos.dice())),
            clock: self.setup.chaos.clock().clone(),
            lasting: None,
        };
        let mut first = 0;
        let mut probing = None;
        for stage in &self.setup.stages {
            if !stage.pause.is_zero() {
                self.wait_until(way.clock.now() + stage.pause).await;
            }
            if self.setup.stop.is_set() {
                break;
            }
            let mut run = StageRun { run: self, way: &way, first, stage, active: BTreeMap::new() };
            let failed = run.until_over(hypothesis, &mut probing).await;
            // The hypothesis is about the time with faults: what the revert itself does to it is not judged.
            if self.is_last(stage) || failed.is_err() || self.setup.stop.is_set() {
                drop(probing.take());
            }
            self.record.phase("reverting");
            end.cleanup = run.revert_all().await;
            match failed {
                Err(leftover) if leftover.is_leftover() => end.cleanup = Err(leftover),
                Err(error) => end.failed = Some(error),
                Ok(()) => {}
            }
            if end.cleanup.is_err() || end.failed.is_some() {
                break;
            }
            first += stage.steps.len();
        }
        end
    }

    fn is_last(&self, stage: &Stage) -> bool {
        self.setup.stages.last().is_some_and(|last| std::ptr::eq(last, stage))
    }

    /// Waits until `then`, telling progress; true when the run was stopped.
    async fn wait_until(&self, then: Instant) -> bool {
        let clock = self.setup.chaos.clock();
        loop {
            let left = then.saturating_duration_since(clock.now());
            if self.setup.stop.is_set() || left.is_zero() {
                return self.setup.stop.is_set();
            }
            let slice = if clock.is_paused() { left } else { left.min(TICK) };
            if clock.timeout(slice, self.setup.stop.wait()).await.is_ok() {
                return true;
            }
            self.record.tell(None);
        }
    }
}

struct StagesEnd {
    cleanup: Result<()>,
    failed: Option<Error>,
}

struct StageRun<'a> {
    run: &'a Run<'a>,
    way: &'a Way,
    // The number of this stage's first step in the whole experiment.
    first: usize,
    stage: &'a Stage,
    active: BTreeMap<usize, Active>,
}

/// A fault in force, and whether it follows its selection.
enum Active {
    Still(Injection),
    Following(Follower),
}

impl StageRun<'_> {
    /// Injects and reverts what is due, until all is over or the run is stopped.
    async fn until_over(
        &mut self,
        hypothesis: &Hypothesis<'_>,
        probing: &mut Option<JoinSet<()>>,
    ) -> Result<()> {
        let now = self.way.clock.now();
        let mut agenda: BinaryHeap<Reverse<(Instant, Due)>> = self
            .stage
            .steps
            .iter()
            .enumerate()
            .map(|(index, step)| Reverse((now + step.after, Due::Inject(index))))
            .collect();
        while let Some(Reverse((at, due))) = agenda.pop() {
            if self.run.wait_until(at).await {
                return Ok(());
            }
            match due {
                Due::Inject(index) => {
                    let until = self.inject(index).await?;
                    agenda.push(Reverse((until, Due::Revert(index))));
                    self.run.record.phase("faults in force");
                    if probing.is_none() {
                        *probing = Some(hypothesis.during(self.run.setup.stops_when_broken));
                    }
                }
                Due::Revert(index) => {
                    let last = agenda.is_empty() && self.run.is_last(self.stage);
                    if last {
                        drop(probing.take());
                    }
                    self.revert(index).await?;
                }
            }
        }
        Ok(())
    }

    /// Injects a step; until when it is to last.
    async fn inject(&mut self, index: usize) -> Result<Instant> {
        let (record, stop) = (self.run.record, &self.run.setup.stop);
        let step = &self.stage.steps[index];
        let lasting = self.run.setup.duration_of(step);
        let mut way = Way { lasting: Some(lasting), ..self.way.clone() };
        way.journal.guard_for(lasting);
        let (looked, injection) = Injection::begin(&*step.work, way, stop).await?;
        let seen: Vec<(bool, String)> =
            injection.observe().await.into_iter().map(|(_, look)| tell(look)).collect();
        let items: Vec<_> = injection.items().cloned().collect();
        for (item, (in_force, detail)) in items.iter().zip(&seen) {
            if !in_force {
                record.note(format!("{}: injected, but not seen in force: {detail}", item.name()));
            }
        }
        record.injected(self.first + index, &looked, items, &seen);
        let until = self.way.clock.now() + lasting;
        let active = match step.work.following() {
            None => Active::Still(injection),
            Some(following) => {
                let number = self.first + index;
                let follower =
                    Follower::start(&step.work, following, injection, record, number, until, &self.way.clock);
                Active::Following(follower?)
            }
        };
        self.active.insert(index, active);
        record.mark(format!("injected {}", looked.title));
        Ok(until)
    }

    async fn revert(&mut self, index: usize) -> Result<()> {
        let mut injection = match self.active.remove(&index) {
            None => return Ok(()),
            Some(Active::Still(injection)) => injection,
            Some(Active::Following(follower)) => follower.end().await,
        };
        let title = self.stage.steps[index].work.title();
        let mut last_seen = Vec::new();
        let ids: Vec<String> = injection.items().map(|item| item.id()).collect();
        for (id, (name, look)) in ids.into_iter().zip(injection.observe().await) {
            let (in_force, detail) = tell(look);
            if !in_force {
                self.run.record.note(format!("{name}: {title} was no longer in force at its end: {detail}"));
            }
            last_seen.push((id, detail));
        }
        let (left, reverted) = injection.put_back_but_for().await;
        self.run.record.reverted(self.first + index, &left, last_seen);
        match &reverted {
            Ok(()) => self.run.record.mark(format!("reverted {title}")),
            Err(error) => self.run.record.mark(format!("could not revert {title}: {}", error.chain())),
        }
        reverted
    }

    /// Reverts what is still in force, the last injected first; all of it, whatever fails.
    async fn revert_all(&mut self) -> Result<()> {
        let mut first_error = Ok(());
        while let Some((&index, _)) = self.active.last_key_value() {
            let reverted = self.revert(index).await;
            if first_error.is_ok() {
                first_error = reverted;
            }
        }
        first_error
    }
}

pub(super) fn tell(look: Result<Observed>) -> (bool, String) {
    match look {
        Ok(seen) => (seen.is_in_force(), seen.detail().to_owned()),
        Err(error) => (false, error.chain()),
    }
}
