//! [`Live`]: a guardian pod as the process sees it that made it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use chaos_core::ledger::RunId;
use chaos_core::units::duration::brief;
use chaos_core::{Error, Result};
use tokio::sync::{OnceCell, watch};
use tokio::task::AbortHandle;

use super::super::hear::{Heard, hear};
use super::super::live::STARTS_WITHIN;
use super::make::Made;
use crate::agent::status::ItemState;
use crate::cluster::Cluster;

/// A guardian pod that this process makes.
#[derive(Debug)]
pub(super) struct Live {
    cluster: Cluster,
    made: Made,
    /// When it is over with it, whatever comes of it.
    ends: Instant,
    armed: OnceCell<Result<(), String>>,
    heard: watch::Sender<Heard>,
    hearing: OnceLock<AbortHandle>,
    watched: Mutex<Watched>,
    dismissed: tokio::sync::Mutex<bool>,
}

/// The faults that it watches over.
#[derive(Debug, Default)]
struct Watched {
    /// Those whose inject was begun and that were not taken back.
    begun: BTreeSet<RunId>,
    /// Those of them that were let through.
    released: BTreeSet<RunId>,
    is_over: bool,
}

impl Live {
    pub(super) fn new(cluster: &Cluster, made: Made) -> Self {
        Self {
            cluster: cluster.clone(),
            ends: Instant::now() + made.serves(),
            made,
            armed: OnceCell::new(),
            heard: watch::Sender::new(Heard::default()),
            hearing: OnceLock::new(),
            watched: Mutex::default(),
            dismissed: tokio::sync::Mutex::new(false),
        }
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the inject of this fault through as soon as the guardian is armed.
    ///
    /// # Errors
    /// Refused where it cannot be had; nothing of it is left then.
    pub(super) async fn watch_over(self: &Arc<Self>, claim: RunId) -> Result<()> {
        {
            let mut watched = self.watched();
            if watched.is_over {
                return Err(Error::refused(
                    "its guardian pod was dismissed already: plan and inject it anew",
                ));
            }
            watched.begun.insert(claim);
        }
        // In a task of its own: whoever waits may be cut off, and what was made must not be lost with it.
        let this = Arc::clone(self);
        let armed = tokio::spawn(async move { this.armed.get_or_init(|| this.arm()).await.clone() });
        let armed = armed
            .await
            .map_err(|panic| Error::failed(format!("making the guardian pod panicked: {panic}")))?;
        armed.map_err(Error::refused)?;
        self.watched().released.insert(claim);
        Ok(())
    }

    async fn arm(&self) -> Result<(), String> {
        let armed = match self.made.make(&self.cluster).await {
            Ok(()) => {
                let hearing = hear(self.cluster.clone(), self.made.speaker(), self.heard.clone());
                let _ = self.hearing.set(tokio::spawn(hearing).abort_handle());
                self.is_armed().await
            }
            Err(error) => Err(error),
        };
        let Err(error) = armed else { return Ok(()) };
        let mut words = format!("{}: {}", self.made, error.chain());
        if let Err(left) = self.dismiss().await {
            words.push_str(&format!("; and it could not be taken away: {}", left.chain()));
        }
        Err(words)
    }

    /// Waits until it has said of every undo that it is ready for it.
    async fn is_armed(&self) -> Result<()> {
        let mut heard = self.heard.subscribe();
        let waiting = async {
            loop {
                if let Some(armed) = armed(&heard.borrow_and_update(), self.made.tasks()) {
                    return armed;
                }
                if heard.changed().await.is_err() {
                    return Err(Error::failed("nobody listens to it"));
                }
            }
        };
        let clock = self.cluster.api().clock().clone();
        clock.timeout(STARTS_WITHIN, waiting).await.unwrap_or_else(|_| {
            let state = self.heard.borrow().state.clone();
            Err(Error::timeout(format!("it was not armed after {}: {state}", brief(STARTS_WITHIN))))
        })
    }

    /// Whether the inject of this fault was let through.
    pub(super) fn is_released(&self, claim: RunId) -> bool {
        self.watched().released.contains(&claim)
    }

    /// This fault was taken back. With the last one it is over with the guardian, which is said.
    pub(super) async fn let_go(&self, claim: RunId) -> Result<bool> {
        {
            let mut watched = self.watched();
            watched.begun.remove(&claim);
            if !watched.begun.is_empty() {
                return Ok(false);
            }
            watched.is_over = true;
        }
        // What is being made is made, and then taken away.
        let _ =
            self.armed.get_or_init(|| async { Err("it was dismissed before it was made".to_owned()) }).await;
        self.dismiss().await?;
        Ok(true)
    }

    async fn dismiss(&self) -> Result<()> {
        let mut dismissed = self.dismissed.lock().await;
        if !*dismissed {
            self.made.take_away(&self.cluster).await.map_err(|error| error.context(&self.made))?;
            if let Some(hearing) = self.hearing.get() {
                hearing.abort();
            }
            *dismissed = true;
        }
        Ok(())
    }

    /// Whether it serves until then.
    pub(super) fn must_serve_until(&self, then: Instant) -> Result<()> {
        if then <= self.ends {
            return Ok(());
        }
        Err(Error::refused(format!(
            "{} serves for {} in all, and no longer: say `lasting_at_most` of the cluster before",
            self.made,
            brief(self.made.serves())
        )))
    }

    /// What is to be said of it: nothing, as long as it is heard.
    pub(super) fn trouble(&self) -> Option<String> {
        let why = self.heard.borrow().trouble(Instant::now());
        why.map(|why| format!("{}: {why}", self.made))
    }
}

/// Whether it is ready for so many undos, or why it will not be.
fn armed(heard: &Heard, tasks: u32) -> Option<Result<()>> {
    let failed = heard.items.values().find_map(|state| match state {
        ItemState::Failed { error } => Some(error.clone()),
        _ => None,
    });
    if let Some(error) = failed {
        return Some(Err(Error::refused(error)));
    }
    let is_ready =
        |state: &ItemState| matches!(state, ItemState::Prepared { .. } | ItemState::InForce { .. });
    if (0..tasks).all(|number| heard.items.get(&number).is_some_and(is_ready)) {
        return Some(Ok(()));
    }
    heard.over().map(|why| Err(Error::failed(why.to_owned())))
}

#[cfg(test)]
mod tests {
    use chaos_core::Owner;

    use super::*;

    #[test]
    fn it_is_armed_when_it_is_ready_for_every_undo_and_not_before() {
        let ready =
            || ItemState::Prepared { target: "n1".into(), plan: String::new(), owner: Owner::Deadline };
        let with = |items: &[(u32, ItemState)]| {
            let mut heard = Heard::default();
            heard.items.extend(items.iter().cloned());
            heard
        };
        assert!(armed(&with(&[(0, ready())]), 2).is_none());
        armed(&with(&[(0, ready()), (1, ready())]), 2).unwrap().unwrap();
        let failed = ItemState::Failed { error: "missing right: patch nodes".to_owned() };
        let error = armed(&with(&[(0, ready()), (1, failed)]), 2).unwrap().unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("patch nodes"), "{error}");
    }
}
