//! Taking the probes: before, during and after.

use std::time::Duration;

use tokio::task::JoinSet;

use super::record::Record;
use super::stop::{Reason, Stop};
use crate::clock::Clock;
use crate::probe::{Phases, Probe, Taken, Verdict};
use crate::report::Phase;
use crate::units::{ms, secs};

/// How long a probe may have nothing to measure before the faults.
const WARM_UP: Duration = secs(5);

pub(crate) struct Hypothesis<'a> {
    pub(crate) probes: &'a [Probe],
    pub(crate) record: &'a Record,
    pub(crate) clock: &'a Clock,
    pub(crate) stop: &'a Stop,
}

impl Hypothesis<'_> {
    fn of(&self, phase: impl Fn(Phases) -> bool) -> impl Iterator<Item = (usize, &Probe)> {
        self.probes.iter().enumerate().filter(move |(_, probe)| phase(probe.phases()))
    }

    /// The steady state before the faults: why it does not hold, if it does not.
    pub(crate) async fn before(&self) -> Option<String> {
        for (index, probe) in self.of(|phases| phases.before) {
            let patience = |taken: &Taken| taken.verdict == Verdict::NoData;
            let taken = self.take_patiently(index, probe, Phase::Before, WARM_UP, patience).await;
            if taken.verdict != Verdict::Holds {
                return Some(format!("{}: {} (tolerated: {})", probe.name(), taken.text, probe.tolerance()));
            }
            if self.stop.is_set() {
                return None;
            }
        }
        None
    }

    /// Takes the probes on their intervals until the set is dropped.
    pub(crate) fn during(&self, stops_when_broken: bool) -> JoinSet<()> {
        let mut watching = JoinSet::new();
        for (index, probe) in self.of(|phases| phases.during) {
            let (probe, record, clock, stop) =
                (probe.clone(), self.record.clone(), self.clock.clone(), self.stop.clone());
            watching.spawn(async move {
                loop {
                    let taken = probe.take(&clock).await;
                    record.reading(index, Phase::During, &taken);
                    if taken.verdict == Verdict::Broken {
                        let broken =
                            format!("{}: {} (tolerated: {})", probe.name(), taken.text, probe.tolerance());
                        record.broke(broken.clone());
                        if stops_when_broken {
                            stop.set(Reason::Broken(broken));
                        }
                    }
                    clock.sleep(probe.interval()).await;
                }
            });
        }
        watching
    }

    /// Whether there is anything to measure after the faults.
    pub(crate) fn is_taken_after(&self) -> bool {
        self.of(|phases| phases.after).next().is_some()
    }

    /// The steady state after the faults; each probe has until `bound` to hold again. Why it did not, if it did not,
    /// and whether that was for want of data.
    pub(crate) async fn after(&self, bound: Duration) -> Option<(String, Verdict)> {
        let since = self.clock.now();
        for (index, probe) in self.of(|phases| phases.after) {
            let left = bound.saturating_sub(self.clock.now().saturating_duration_since(since));
            let taken = self.take_patiently(index, probe, Phase::After, left, |_| true).await;
            if taken.verdict != Verdict::Holds {
                let text = format!(
                    "{} did not come back within {bound:?}: {} (tolerated: {})",
                    probe.name(),
                    taken.text,
                    probe.tolerance()
                );
                return Some((text, taken.verdict));
            }
        }
        None
    }

    /// Takes a probe until it holds, or `patience` ends, or there is no reason for more of it.
    async fn take_patiently(
        &self,
        index: usize,
        probe: &Probe,
        phase: Phase,
        patience: Duration,
        is_worth_it: impl Fn(&Taken) -> bool,
    ) -> Taken {
        let since = self.clock.now();
        let held = self.record.holds(index);
        loop {
            let taken = probe.take(self.clock).await;
            self.record.reading(index, phase, &taken);
            if held && taken.verdict == Verdict::Holds {
                self.record.forgive(index);
            }
            let waited = self.clock.now().saturating_duration_since(since);
            if taken.verdict == Verdict::Holds || !is_worth_it(&taken) || waited >= patience {
                return taken;
            }
            self.clock.sleep(probe.interval().min(ms(200))).await;
        }
    }
}
