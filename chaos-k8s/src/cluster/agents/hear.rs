//! [`hear`]: listens to an agent or a guardian until it has ended: its container's state, and the lines of its log.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chaos_core::units::ms;
use chaos_core::{Error, Result};
use tokio::sync::watch;

use super::speaker::{Speaker, State};
use crate::agent::status::{Beat, Heard as News, ItemState, Reader, Said};
use crate::cluster::Cluster;
use crate::cluster::api::{ObjectRef, Request};

/// How often the state of a container is read that has no log yet.
const LOOK_EVERY: Duration = ms(300);
/// The same of one that had a log, and is to be started again.
const AGAIN: Duration = Duration::from_secs(1);
/// How long nothing may come out of a log before its stream is opened anew.
const SILENT: Duration = Duration::from_secs(10);
/// How long without a word it is said of an agent that it is not heard: some of its heartbeats.
const UNHEARD: Duration = Duration::from_secs(7);

/// The state of one that was just heard.
const RUNS: &str = "it runs";

/// What was heard of an agent.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard {
    pub(super) items: BTreeMap<u32, ItemState>,
    /// Answers to orders by their numbers: nothing, or why it was refused.
    pub(super) orders: BTreeMap<u64, Option<String>>,
    /// Its last heartbeat since all items came to their turn, and when it came.
    beat: Option<(Beat, Instant)>,
    /// When the last word came.
    last: Option<Instant>,
    /// Where it is, for who waits.
    pub(super) state: String,
    /// Why it is over with it, if it is.
    over: Option<String>,
}

impl Heard {
    /// Whether these items have come to something: in force, or not.
    pub(super) fn settled(&self, numbers: &[u32]) -> Option<Result<()>> {
        let mut waits = false;
        for number in numbers {
            match self.items.get(number) {
                Some(ItemState::InForce { .. }) => {}
                Some(ItemState::Failed { error } | ItemState::Left { error }) => {
                    return Some(Err(Error::failed(error.clone())));
                }
                Some(ItemState::Absent { detail }) => {
                    return Some(Err(Error::failed(format!("it is not in force: {detail}"))));
                }
                Some(ItemState::Skipped { why }) => return Some(Err(Error::failed(why.clone()))),
                // Once is enough for what happens once.
                Some(ItemState::Reverted { .. }) => {}
                Some(ItemState::Prepared { .. }) | None => waits = true,
            }
        }
        match (&self.over, waits) {
            (_, false) => Some(Ok(())),
            (Some(why), true) => Some(Err(Error::failed(why.clone()))),
            (None, true) => None,
        }
    }

    /// Takes note of a line that the reader has read.
    fn note(&mut self, said: Said, reader: &Reader, now: Instant) {
        match said {
            Said::Order { n: Some(n), refused, .. } => drop(self.orders.insert(n, refused)),
            Said::Beat(beat) if have_all_come(reader) => self.beat = Some((beat, now)),
            _ => {}
        }
        self.last = Some(now);
        self.state = RUNS.to_owned();
        // It was started again.
        self.over = None;
        self.items = reader.items().into_iter().map(|(number, state)| (number, state.clone())).collect();
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.is_some()
    }

    /// Why it is over with it, if it is.
    pub(super) fn over(&self) -> Option<&str> {
        self.over.as_deref()
    }

    /// Why nothing is heard of one that it is not over with, if that is so.
    pub(super) fn silence(&self, now: Instant) -> Option<String> {
        if self.is_over() {
            return None;
        }
        match self.last.map(|last| now.saturating_duration_since(last)) {
            Some(silence) if silence > UNHEARD => Some(format!(
                "its agent is not heard since {} s: its node, its kubelet or the API server may be cut off",
                silence.as_secs()
            )),
            Some(_) => None,
            None => Some("its agent was not heard yet".to_owned()),
        }
    }

    /// What is wrong with one that was heard, if something is.
    pub(super) fn trouble(&self, now: Instant) -> Option<String> {
        match self.over() {
            Some(why) => Some(why.to_owned()),
            None if self.state == RUNS => self.silence(now),
            None => Some(self.state.clone()),
        }
    }

    pub(super) fn left(&self, now: Instant) -> Option<Duration> {
        let (beat, then) = self.beat.as_ref()?;
        Some(Duration::from_millis(beat.left_ms).saturating_sub(now.saturating_duration_since(*then)))
    }
}

/// Listens until it is over with whom it listens to.
pub(super) async fn hear(cluster: Cluster, speaker: Speaker, to: watch::Sender<Heard>) {
    let clock = cluster.api().clock().clone();
    let mut reader = Reader::default();
    let mut speaks: Option<ObjectRef> = None;
    loop {
        let mut wait = LOOK_EVERY;
        match speaker.find(&cluster).await {
            Ok(found) => {
                if let Some(pod) = found.as_ref().map(Speaker::object) {
                    if speaks.as_ref().is_some_and(|before| *before != pod) {
                        // Starts are told apart by their machine's clock, and this one may be another machine's.
                        reader = Reader::default();
                    }
                    speaks = Some(pod);
                }
                let state = speaker.state_of(found.as_ref(), speaks.is_some());
                if let (Some(pod), false) = (&speaks, matches!(state, State::Waits(_))) {
                    // Its last lines come before it is said that it is over.
                    read_log(&cluster, pod, speaker.container(), &mut reader, &to).await;
                }
                match state {
                    State::Runs => {}
                    State::Waits(what) => to.send_modify(|heard| heard.state = what),
                    State::Ended(why) => {
                        to.send_modify(|heard| heard.over = Some(why));
                        wait = AGAIN;
                    }
                    State::Over(why) => {
                        to.send_modify(|heard| heard.over = Some(why));
                        return;
                    }
                }
            }
            Err(error) => to.send_modify(|heard| heard.state = error.chain()),
        }
        clock.sleep(wait).await;
    }
}

/// Reads its log until the stream ends or is silent.
async fn read_log(
    cluster: &Cluster,
    pod: &ObjectRef,
    container: &str,
    reader: &mut Reader,
    to: &watch::Sender<Heard>,
) {
    let clock = cluster.api().clock().clone();
    // All of it each time: the reader knows what it has read.
    let request = Request::follow_log(pod, container);
    let Ok(mut lines) = cluster.api().lines(request).await else { return };
    while let Ok(Some(line)) = clock.timeout(SILENT, lines.next()).await {
        let now = Instant::now();
        let news = match reader.read(&line, now) {
            News::News(line) => line,
            News::Again | News::Noise => continue,
        };
        to.send_modify(|heard| heard.note(news.said, reader, now));
    }
}

/// Whether all of its items have come to their turn: until then a heartbeat has the time for that in it.
fn have_all_come(reader: &Reader) -> bool {
    let Some(hello) = reader.hello() else { return false };
    let come = reader.items().into_values().filter(|state| !matches!(state, ItemState::Prepared { .. }));
    come.count() >= usize::try_from(hello.items).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use chaos_core::units::secs;

    use super::*;
    use crate::agent::status::{ItemStatus, Line};

    fn heard(items: &[(u32, ItemState)], over: Option<&str>) -> Heard {
        Heard { items: items.iter().cloned().collect(), over: over.map(str::to_owned), ..Heard::default() }
    }

    #[test]
    fn all_items_of_a_target_must_be_in_force() {
        let fine = || ItemState::InForce { detail: "drop".to_owned() };
        let bad = ItemState::Failed { error: "no such device".to_owned() };
        assert!(heard(&[(0, fine())], None).settled(&[0, 1]).is_none());
        heard(&[(0, fine()), (1, fine())], None).settled(&[0, 1]).unwrap().unwrap();
        let error = heard(&[(1, bad)], None).settled(&[0, 1]).unwrap().unwrap_err();
        assert!(error.to_string().contains("no such device"), "{error}");
        let error = heard(&[(0, fine())], Some("evicted")).settled(&[0, 1]).unwrap().unwrap_err();
        assert!(error.to_string().contains("evicted"), "{error}");
    }

    #[test]
    fn a_heartbeat_tells_how_long_it_lasts_once_all_items_have_come_to_their_turn() {
        let (mut reader, mut heard, now) = (Reader::default(), Heard::default(), Instant::now());
        let (start, mut n) = (chaos_core::ledger::RunId::fresh(), 0);
        let mut left_after = |said: Said| {
            n += 1;
            let line = Line { start, n, ms: 7, said };
            let News::News(line) = reader.read(&serde_json::to_string(&line).unwrap(), now) else { panic!() };
            heard.note(line.said, &reader, now);
            heard.left(now)
        };
        let beat = |left_ms| Said::Beat(Beat { left_ms, in_force: 1 });
        let item = |number, state| Said::Item(ItemStatus { number, state });
        let hello = serde_json::json!({"hello": {
            "agent": "0.1.0", "run": start, "items": 2, "left-ms": 39_000, "seed": 1, "restarts": 0, "kernel": "6.18",
            "works": [], "missing": {},
        }});
        assert_eq!(left_after(serde_json::from_value(hello).unwrap()), None);
        assert_eq!(left_after(item(0, ItemState::InForce { detail: "drop".to_owned() })), None);
        assert_eq!(left_after(beat(38_000)), None, "the time for starting is in it");
        assert_eq!(left_after(item(1, ItemState::Failed { error: "no such device".to_owned() })), None);
        assert_eq!(left_after(beat(9_000)), Some(secs(9)));
    }

    #[test]
    fn silence_is_said() {
        let now = Instant::now();
        let mut heard = Heard::default();
        assert!(heard.silence(now).unwrap().contains("not heard yet"));
        heard.last = Some(now);
        assert!(heard.silence(now + secs(3)).is_none());
        assert!(heard.silence(now + secs(8)).unwrap().contains("since 8 s"));
        heard.state = RUNS.to_owned();
        assert!(heard.trouble(now + secs(3)).is_none() && heard.trouble(now + secs(8)).is_some());
        heard.state = "its pod is gone".to_owned();
        assert_eq!(heard.trouble(now + secs(3)).unwrap(), "its pod is gone");
        heard.over = Some("evicted".to_owned());
        assert!(heard.silence(now + secs(8)).is_none(), "that it is over is known");
        heard.beat = Some((Beat { left_ms: 9000, in_force: 1 }, now));
        assert_eq!(heard.left(now + secs(2)), Some(secs(7)));
    }
}
