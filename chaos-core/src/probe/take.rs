//! Taking a probe: bounded, retried, and safe from a panic in it.

use tokio::task::JoinSet;

use super::Probe;
use super::reading::{Finding, Reading};
use crate::clock::Clock;

/// What a probe said, judged.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) verdict: Verdict,
    pub(crate) value: Option<f64>,
    pub(crate) text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Holds,
    Broken,
    NoData,
}

impl Probe {
    /// One reading: the first attempt that holds, or the last one.
    pub(crate) async fn take(&self, clock: &Clock) -> Taken {
        let mut taken = self.attempt(clock).await;
        for _ in 0..self.retries {
            if taken.verdict == Verdict::Holds {
                break;
            }
            clock.sleep(self.pause).await;
            taken = self.attempt(clock).await;
        }
        taken
    }

    async fn attempt(&self, clock: &Clock) -> Taken {
        // In a task of its own, so that a panic in a user's closure is a reading that failed; dropping the set ends it.
        let mut task = JoinSet::new();
        task.spawn((self.measure)());
        match clock.timeout(self.timeout, task.join_next()).await {
            Err(_) => broken(format!("no answer within {:?}", self.timeout)),
            Ok(None) => broken("the probe's task was lost".to_owned()),
            Ok(Some(Err(panic))) => broken(format!("the probe panicked: {panic}")),
            Ok(Some(Ok(Err(error)))) => broken(error.chain()),
            Ok(Some(Ok(Ok(reading)))) => self.judge(reading),
        }
    }

    fn judge(&self, reading: Reading) -> Taken {
        let (verdict, value) = match reading.finding {
            Finding::Pass => (Verdict::Holds, None),
            Finding::Fail => (Verdict::Broken, None),
            Finding::NoData => (Verdict::NoData, None),
            Finding::Value(number) => {
                let holds = self.tolerance.is_none_or(|tolerance| tolerance.holds(number));
                (if holds { Verdict::Holds } else { Verdict::Broken }, Some(number))
            }
        };
        Taken { verdict, value, text: reading.text }
    }
}

fn broken(text: String) -> Taken {
    Taken { verdict: Verdict::Broken, value: None, text }
}
