//! [`Engine`]: the resolvers of one [`Node`](crate::Node), one for each namespace with DNS faults.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use chaos_core::ledger::RunId;
use chaos_core::{Error, Observed, Result};
use tokio::sync::Mutex;

use super::resolver::{Resolver, Rule};
use crate::node::Namespace;
use crate::node::netns::NetnsId;

/// A resolver, or the place for one. Locked for a change, so that a new one never meets the end of the one before.
type Place = Arc<Mutex<Option<Resolver>>>;

/// The DNS faults of one [`Node`](crate::Node).
#[derive(Debug)]
pub(crate) struct Engine {
    run: RunId,
    rules: AtomicU64,
    places: StdMutex<HashMap<NetnsId, Place>>,
}

impl Engine {
    pub(crate) fn new(run: RunId) -> Self {
        Self { run, rules: AtomicU64::new(1), places: StdMutex::default() }
    }

    /// A number that no rule had.
    pub(super) fn fresh_rule(&self) -> u64 {
        self.rules.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) async fn add(&self, namespace: &Namespace, rule: Arc<Rule>) -> Result<()> {
        let place = self.place(namespace.netns());
        let mut resolver = place.lock().await;
        let running = match resolver.take().filter(|resolver| !resolver.has_ended()) {
            Some(running) => running,
            None => Resolver::start(namespace.file(), self.run, namespace.node().chaos().clock().clone())?,
        };
        // Kept before the wait, which may be given up: then the revert finds it.
        resolver.insert(running).add(rule).await
    }

    pub(super) async fn extend(&self, netns: NetnsId, rule: u64, lasting: Option<Duration>) -> Result<()> {
        let place = self.place(netns);
        let resolver = place.lock().await;
        match resolver.as_ref().filter(|resolver| !resolver.has_ended()) {
            Some(running) => running.extend(rule, lasting).await,
            None => Err(Error::failed("no resolver of ours runs there")),
        }
    }

    pub(super) async fn remove(&self, netns: NetnsId, rule: u64) -> Result<()> {
        let place = self.place(netns);
        let mut resolver = place.lock().await;
        let Some(running) = resolver.as_ref().filter(|resolver| !resolver.has_ended()) else { return Ok(()) };
        running.remove(rule).await?;
        if running.has_ended() {
            *resolver = None;
        }
        Ok(())
    }

    /// Whether the rule is in force, seen from inside; none if there is no resolver.
    pub(super) async fn observe(&self, netns: NetnsId, rule: u64) -> Result<Option<Observed>> {
        let place = self.place(netns);
        let resolver = place.lock().await;
        match resolver.as_ref().filter(|resolver| !resolver.has_ended()) {
            Some(running) => running.observe(rule).await.map(Some),
            None => Ok(None),
        }
    }

    /// Whether a resolver has the rule; none if there is no resolver.
    pub(super) async fn has(&self, netns: NetnsId, rule: u64) -> Result<Option<bool>> {
        let place = self.place(netns);
        let resolver = place.lock().await;
        match resolver.as_ref().filter(|resolver| !resolver.has_ended()) {
            Some(running) => running.has(rule).await.map(Some),
            None => Ok(None),
        }
    }

    fn place(&self, netns: NetnsId) -> Place {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        // Those of namespaces that have no resolver, and that nobody is about to give one.
        places.retain(|_, place| {
            Arc::strong_count(place) > 1 || place.try_lock().is_ok_and(|resolver| resolver.is_some())
        });
        Arc::clone(places.entry(netns).or_default())
    }
}
