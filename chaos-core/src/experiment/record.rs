//! [`Record`]: what happened so far, shared by the supervisor and the probes; the report is made from it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::progress::{Progress, Watcher};
use crate::clock::Clock;
use crate::injection::{Item, Looked};
use crate::probe::{Probe, Taken, Verdict};
use crate::report::{
    Outcome, Phase, ProbeReport, Protected, Reading, Report, StepReport, TargetReport, TargetState,
};

#[derive(Clone)]
pub(crate) struct Record {
    inner: Arc<Mutex<Inner>>,
    clock: Clock,
    begun: Instant,
    watcher: Option<Watcher>,
}

struct Inner {
    report: Report,
    phase: &'static str,
    last: BTreeMap<usize, (String, bool)>,
    // Readings of each probe while faults were in force that gave a verdict.
    verdicts: Vec<u64>,
    steps: Vec<StepRecord>,
    broken: Option<String>,
}

#[derive(Default)]
struct StepRecord {
    items: Vec<Arc<dyn Item>>,
    /// Where each target is in the report, by its identity; the last time, where it was hit more than once.
    places: HashMap<String, usize>,
    in_force: usize,
    seen_in_force: usize,
}

impl StepRecord {
    fn add(&mut self, report: &mut StepReport, items: Vec<Arc<dyn Item>>, seen: &[(bool, String)]) {
        for (item, (in_force, detail)) in items.iter().zip(seen) {
            // Until it is seen gone it counts as left behind.
            let state = match (in_force, item.is_reversible()) {
                (true, true) => TargetState::Leftover,
                (true, false) => TargetState::Irreversible,
                (false, _) => TargetState::Unseen,
            };
            self.places.insert(item.id(), report.targets.len());
            let target = TargetReport::new(item.name(), item.id(), item.change(), state);
            report.targets.push(target.with_detail(detail.clone()));
        }
        let in_force = seen.iter().filter(|(in_force, _)| *in_force).count();
        self.in_force += in_force;
        self.seen_in_force += in_force;
        self.items.extend(items);
    }
}

impl Record {
    pub(crate) fn new(
        title: &str,
        seed: u64,
        radius: String,
        probes: &[Probe],
        clock: &Clock,
        watcher: Option<Watcher>,
    ) -> Self {
        let mut report = Report::new(title, Outcome::Inconclusive, seed, SystemTime::now());
        report.blast_radius = radius;
        report.probes =
            probes.iter().map(|probe| ProbeReport::new(probe.name(), probe.tolerance())).collect();
        let inner = Inner {
            report,
            phase: "planning",
            last: BTreeMap::new(),
            verdicts: vec![0; probes.len()],
            steps: Vec::new(),
            broken: None,
        };
        Self { inner: Arc::new(Mutex::new(inner)), clock: clock.clone(), begun: clock.now(), watcher }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(feature = "measure")]
    pub(crate) fn begun(&self) -> Instant {
        self.begun
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.clock.now().saturating_duration_since(self.begun)
    }

    pub(crate) fn phase(&self, phase: &'static str) {
        self.lock().phase = phase;
        self.tell(None);
    }

    pub(crate) fn mark(&self, text: impl Into<String>) {
        let (at, text) = (self.elapsed(), text.into());
        tracing::info!(target: "chaos", "{text}");
        self.lock().report.mark(at, text.clone());
        self.tell(Some(text));
    }

    pub(crate) fn note(&self, text: impl Into<String>) {
        let text = text.into();
        let mut inner = self.lock();
        if !inner.report.notes.contains(&text) {
            inner.report.notes.push(text);
        }
    }

    /// Tells the watcher how it goes.
    pub(crate) fn tell(&self, mark: Option<String>) {
        let Some(watcher) = &self.watcher else { return };
        let progress = {
            let inner = self.lock();
            Progress {
                elapsed: self.elapsed(),
                phase: inner.phase,
                in_force: inner.steps.iter().filter(|step| step.in_force > 0).count(),
                hits: inner
                    .steps
                    .iter()
                    .flat_map(|step| &step.items)
                    .filter_map(|item| item.stats())
                    .map(|s| s.hits)
                    .sum(),
                probes: inner
                    .last
                    .iter()
                    .map(|(probe, (text, ok))| (inner.report.probes[*probe].name.clone(), text.clone(), *ok))
                    .collect(),
                mark,
                outcome: None,
            }
        };
        watcher(&progress);
    }

    /// The plan of all steps, before anything is touched.
    pub(crate) fn planned(&self, steps: &[Looked]) {
        let mut inner = self.lock();
        inner.steps = steps.iter().map(|_| StepRecord::default()).collect();
        inner.report.steps = steps
            .iter()
            .map(|looked| {
                let mut step = StepReport::new(&looked.title, looked.unit, &looked.targets, looked.owner());
                step.population = looked.population;
                step.asked = looked.asked.clone();
                step.allowed = looked.allowed.clone();
                step.reversible = looked.is_reversible();
                step.achieved = "nothing: not injected".to_owned();
                step
            })
            .collect();
    }

    /// A step was injected at `items`.
    pub(crate) fn injected(
        &self,
        step: usize,
        looked: &Looked,
        items: Vec<Arc<dyn Item>>,
        seen: &[(bool, String)],
    ) {
        let at = self.elapsed();
        let mut inner = self.lock();
        let report = &mut inner.report.steps[step];
        report.population = looked.population;
        report.asked = looked.asked.clone();
        report.allowed = looked.allowed.clone();
        report.in_force_from = Some(at);
        report.targets.clear();
        report.protected =
            looked.protected.iter().map(|(name, id, reason)| Protected::new(name, id, reason)).collect();
        let mut record = StepRecord::default();
        record.add(report, items, seen);
        inner.steps[step] = record;
    }

    /// A step that follows its selection was injected at more.
    pub(crate) fn came(&self, step: usize, items: Vec<Arc<dyn Item>>, seen: &[(bool, String)]) {
        let mut inner = self.lock();
        let Inner { report, steps, .. } = &mut *inner;
        steps[step].add(&mut report.steps[step], items, seen);
    }

    /// A target of such a step was let go.
    pub(crate) fn went(&self, step: usize, id: &str, detail: String) {
        let mut inner = self.lock();
        let Inner { report, steps, .. } = &mut *inner;
        let Some(target) =
            steps[step].places.get(id).and_then(|nth| report.steps[step].targets.get_mut(*nth))
        else {
            return;
        };
        target.detail = detail;
        if target.state != TargetState::Unseen {
            steps[step].in_force = steps[step].in_force.saturating_sub(1);
        }
        if target.state == TargetState::Leftover {
            target.state = TargetState::Reverted;
        }
    }

    /// A step was reverted, but for what is `left` behind.
    pub(crate) fn reverted(&self, step: usize, left: &[String], last_seen: Vec<(String, String)>) {
        let at = self.elapsed();
        let mut inner = self.lock();
        let Inner { report, steps, .. } = &mut *inner;
        steps[step].in_force = 0;
        let report = &mut report.steps[step];
        report.in_force_until = Some(at);
        for (id, last_seen) in last_seen {
            let place = steps[step].places.get(&id).and_then(|nth| report.targets.get_mut(*nth));
            let Some(target) = place else { continue };
            target.detail = last_seen;
            if left.contains(&target.id) {
                target.state = TargetState::Leftover;
            } else if target.state == TargetState::Leftover {
                target.state = TargetState::Reverted;
            }
        }
    }

    /// The hypothesis broke; the first time is what counts.
    pub(crate) fn broke(&self, how: String) {
        let first = self.lock().broken.get_or_insert_with(|| how.clone()) == &how;
        if first {
            self.mark(format!("hypothesis broken: {how}"));
        }
    }

    /// How the hypothesis broke first, if it did.
    pub(crate) fn first_broken(&self) -> Option<String> {
        self.lock().broken.clone()
    }

    /// What a probe said.
    pub(crate) fn reading(&self, probe: usize, phase: Phase, taken: &Taken) {
        let at = self.elapsed();
        let mut inner = self.lock();
        let holds = taken.verdict == Verdict::Holds;
        if phase == Phase::During && taken.verdict != Verdict::NoData {
            inner.verdicts[probe] += 1;
        }
        let mut reading = Reading::new(at, phase, holds, &taken.text);
        if let Some(value) = taken.value {
            reading = reading.with_value(value);
        }
        if taken.verdict == Verdict::NoData {
            reading = reading.with_detail("no data, so no verdict");
        }
        inner.last.insert(probe, (taken.text.clone(), holds));
        inner.report.probes[probe].push(reading);
    }

    /// Whether every reading of a probe has held so far.
    pub(crate) fn holds(&self, probe: usize) -> bool {
        self.lock().report.probes[probe].held
    }

    /// The last readings of a probe were given time, and it came to hold: they do not count against it.
    pub(crate) fn forgive(&self, probe: usize) {
        self.lock().report.probes[probe].held = true;
    }

    /// How many readings of each probe gave a verdict while faults were in force.
    pub(crate) fn verdicts(&self) -> Vec<u64> {
        self.lock().verdicts.clone()
    }

    /// Steps that hit nothing or were never seen in force, with why.
    pub(crate) fn inert(&self) -> Vec<String> {
        let inner = self.lock();
        let mut inert = Vec::new();
        for (step, report) in inner.steps.iter().zip(&inner.report.steps) {
            let stats: Vec<_> = step.items.iter().filter_map(|item| item.stats()).collect();
            if let Some(point) = step.items.iter().find_map(|item| item.unattached()) {
                inert.push(format!(
                    "{:?} hit nothing: nothing is attached to point {point:?}: a misspelt name?",
                    report.name
                ));
            } else if step.items.is_empty() || step.seen_in_force == 0 {
                inert.push(format!("{:?} was never seen in force", report.name));
            } else if !stats.is_empty() && stats.iter().all(|stats| stats.hits == 0) {
                let matching: u64 = stats.iter().map(|stats| stats.matching).sum();
                let capped: u64 = stats.iter().map(|stats| stats.capped).sum();
                let unsupported: u64 = stats.iter().map(|stats| stats.unsupported).sum();
                inert.push(format!(
                    "{:?} hit nothing: {matching} operations matched, {capped} were spared by a limit, {unsupported} could not be hit here",
                    report.name
                ));
            }
        }
        inert
    }

    /// Fills in the counters and makes the report.
    pub(crate) fn finish(&self, outcome: Outcome, reason: Option<String>, replay: String) -> Report {
        let elapsed = self.elapsed();
        let mut inner = self.lock();
        inner.phase = "done";
        let Inner { report, steps, .. } = &mut *inner;
        for item in steps.iter().flat_map(|step| &step.items) {
            if let Some(point) = item.unattached() {
                report.notes.push(format!("nothing is attached to point {point:?}: a misspelt name?"));
            }
        }
        for (step, report) in steps.iter().zip(&mut report.steps) {
            let mut rules = step.items.iter().filter_map(|item| item.stats()).peekable();
            if rules.peek().is_none() {
                if !step.items.is_empty() {
                    let (seen, all, unit) = (step.seen_in_force, step.items.len(), &report.unit);
                    report.hits = seen as u64;
                    report.achieved = format!("{seen} of {all} {unit}s seen in force");
                }
                continue;
            }
            for stats in rules {
                report.hits += stats.hits;
                report.matching += stats.matching;
                report.misses += stats.misses;
                report.capped += stats.capped;
                report.added_delay += stats.added;
                report.population = report.matching;
            }
            let share =
                if report.matching == 0 { 0.0 } else { 100.0 * report.hits as f64 / report.matching as f64 };
            report.achieved = format!("{share:.1} % of matching operations");
        }
        report.outcome = outcome;
        report.reason = reason;
        report.replay = replay;
        report.elapsed = elapsed;
        report.clone()
    }

    /// Tells the watcher how it ended.
    pub(crate) fn tell_end(&self, outcome: Outcome) {
        if let Some(watcher) = &self.watcher {
            let elapsed = self.elapsed();
            watcher(&Progress {
                elapsed,
                phase: "done",
                in_force: 0,
                hits: 0,
                probes: Vec::new(),
                mark: Some(format!("{outcome}")),
                outcome: Some(outcome),
            });
        }
    }
}
