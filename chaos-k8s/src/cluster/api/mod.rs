//! The API server as it is spoken to here: bounded, counted, with the right that each request takes.

#[cfg(all(feature = "agents", target_os = "linux"))]
mod date;
mod kind;
#[cfg(all(feature = "agents", target_os = "linux"))]
mod lines;
mod list;
mod meta;
mod request;
mod trouble;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chaos_core::units::{ms, secs};
use chaos_core::{Clock, Error};
use serde::de::DeserializeOwned;

pub(crate) use kind::Kind;
pub(crate) use list::Query;
pub(crate) use meta::{Bare, Meta, ObjectRef, OwnerReference};
pub(crate) use request::Request;
pub(crate) use trouble::Trouble;

/// How long one try of a request may take.
const TRY_TIMEOUT: Duration = secs(10);
/// How often a request is sent when the server is overloaded, or its answer is lost.
const TRIES: u32 = 4;
/// The longest wait between two tries, whatever the server asks for.
const LONGEST_WAIT: Duration = secs(3);

/// The API server.
pub(crate) struct Api {
    client: kube::Client,
    clock: Clock,
    sent: AtomicU64,
    #[cfg(all(feature = "agents", target_os = "linux"))]
    dates: date::Dates,
}

impl Api {
    pub(crate) fn new(client: kube::Client) -> Self {
        Self {
            client,
            clock: Clock::auto(),
            sent: AtomicU64::new(0),
            #[cfg(all(feature = "agents", target_os = "linux"))]
            dates: date::Dates::default(),
        }
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    #[cfg(all(feature = "agents", target_os = "linux"))]
    fn client(&self) -> &kube::Client {
        &self.client
    }

    /// How many seconds the server's clock is ahead of this machine's, by its last answer; 0 before the first.
    #[cfg(all(feature = "agents", target_os = "linux"))]
    pub(crate) fn server_ahead(&self) -> i64 {
        self.dates.ahead()
    }

    fn count(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    /// How many requests were sent, tries included.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Sends `request`, again where that may help, and reads the answer.
    pub(crate) async fn send<T: DeserializeOwned>(&self, request: Request) -> Result<T, Trouble> {
        let mut wait = ms(50);
        for attempt in 1.. {
            let trouble = match self.send_once(&request).await {
                Ok(answer) => return Ok(answer),
                Err(trouble) => trouble,
            };
            let asked = match &trouble {
                Trouble::Refused(refusal) if refusal.is_passing() => refusal.retry_after(),
                Trouble::Failed(error) if error.is_failed() || error.is_timeout() => None,
                _ => return Err(trouble),
            };
            if attempt == TRIES {
                return Err(trouble);
            }
            self.clock.sleep(asked.unwrap_or(wait).min(LONGEST_WAIT)).await;
            wait *= 4;
        }
        unreachable!("the loop returns at its last try")
    }

    /// `None` where it is not there.
    pub(crate) async fn find<T: DeserializeOwned>(&self, request: Request) -> Result<Option<T>, Trouble> {
        match self.send(request).await {
            Ok(found) => Ok(Some(found)),
            Err(trouble) if trouble.is_not_found() => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// Whether the server has such a kind at all.
    pub(crate) async fn serves(&self, kind: Kind) -> Result<bool, Trouble> {
        if kind.is_built_in() {
            return Ok(true);
        }
        let group: Option<serde::de::IgnoredAny> = self.find(Request::group(kind)).await?;
        Ok(group.is_some())
    }

    async fn send_once<T: DeserializeOwned>(&self, request: &Request) -> Result<T, Trouble> {
        let http = request.to_http()?;
        self.count();
        let unreached = |error: kube::Error| {
            Trouble::Failed(Error::failed("the API server could not be reached").with_source(error))
        };
        let exchange = async {
            let response = self.client.send(http).await.map_err(unreached)?;
            let status = response.status();
            #[cfg(all(feature = "agents", target_os = "linux"))]
            self.dates.note(response.headers());
            let body = response.into_body().collect_bytes().await.map_err(unreached)?;
            Ok((status, body))
        };
        let (status, body) = self.clock.timeout(TRY_TIMEOUT, exchange).await.map_err(|_| {
            let bound = chaos_core::units::duration::brief(TRY_TIMEOUT);
            Trouble::Failed(Error::timeout(format!(
                "the API server gave no answer to {} in {bound}",
                request.right
            )))
        })??;
        if !status.is_success() {
            let refusal = trouble::Refusal::read(&request.right, status.as_u16(), &body);
            return Err(Trouble::Refused(Box::new(refusal)));
        }
        serde_json::from_slice(&body).map_err(|error| {
            // Not sent again: what the server says will not become what we expect.
            let text =
                format!("the answer to {} is not what the API server's documentation says", request.right);
            Trouble::Failed(Error::refused(text).with_source(error))
        })
    }
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("sent", &self.sent()).finish_non_exhaustive()
    }
}
