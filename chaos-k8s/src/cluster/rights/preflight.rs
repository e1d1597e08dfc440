//! Whether the API server allows what a plan takes, asked before anything is touched.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chaos_core::units::secs;
use chaos_core::{Error, Result};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::{Right, Rights};
use crate::cluster::Cluster;
use crate::cluster::api::{Kind, Request};

/// How long an answer is believed: roles change, and a thousand targets ask the same.
const BELIEVED: Duration = secs(10);

/// What was asked, and what the answer was.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    known: Mutex<HashMap<Right, (Instant, bool)>>,
    /// One asks at a time: many targets that are looked at together want the same answers.
    asking: tokio::sync::Mutex<()>,
}

impl Answers {
    fn get(&self, right: &Right, now: Instant) -> Option<bool> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (then, allowed) = known.get(right)?;
        (now.saturating_duration_since(*then) < BELIEVED).then_some(*allowed)
    }

    fn put(&self, right: Right, now: Instant, allowed: bool) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(right, (now, allowed));
    }
}

#[derive(Deserialize)]
struct Review {
    status: ReviewStatus,
}

#[derive(Deserialize)]
struct ReviewStatus {
    allowed: bool,
}

impl Cluster {
    /// Which of `rights` the API server does not give us (by a SelfSubjectAccessReview for each).
    ///
    /// # Errors
    /// When the API server cannot be asked.
    pub async fn lacks(&self, rights: &Rights) -> Result<Rights> {
        let mut missing = Rights::default();
        for right in rights.iter() {
            if !self.allows(right).await? {
                missing.insert(right.clone());
            }
        }
        Ok(missing)
    }

    /// That the API server gives us all of `rights`. Every fault asks this for itself before it is injected.
    ///
    /// # Errors
    /// [`refused`](Error::is_refused) with the names of what is missing; when the API server cannot be asked.
    pub async fn require(&self, rights: &Rights) -> Result<()> {
        let missing = self.lacks(rights).await?;
        if missing.is_empty() {
            return Ok(());
        }
        Err(Error::refused(format!("missing rights: {missing} (the manifest of `rights_for` grants them)")))
    }

    async fn allows(&self, right: &Right) -> Result<bool> {
        let known = || self.answers().get(right, self.api().clock().now());
        if let Some(allowed) = known() {
            return Ok(allowed);
        }
        let _asking = self.answers().asking.lock().await;
        if let Some(allowed) = known() {
            return Ok(allowed);
        }
        let now = self.api().clock().now();
        let allowed = self.review(right, None).await?;
        self.answers().put(right.clone(), now, allowed);
        Ok(allowed)
    }

    /// Whether we may do this to the object with this name, asked anew each time.
    #[cfg(all(feature = "agents", target_os = "linux"))]
    pub(crate) async fn allows_on(&self, right: &Right, name: &str) -> Result<bool> {
        self.review(right, Some(name)).await
    }

    async fn review(&self, right: &Right, name: Option<&str>) -> Result<bool> {
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {
                "namespace": right.namespace,
                "verb": right.verb,
                "group": right.kind.group,
                "resource": right.kind.plural,
                "subresource": right.subresource,
                "name": name,
            }},
        });
        let request = Request::create(Kind::ACCESS_REVIEW, None, &review);
        let answer: Review = self.api().send(request).await.map_err(|trouble| {
            Error::from(trouble).context(format!("whether we may {right} could not be asked"))
        })?;
        Ok(answer.status.allowed)
    }
}
