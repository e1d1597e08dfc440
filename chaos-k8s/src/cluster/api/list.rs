//! Lists, page by page: what is kept of each object is decided while its page is at hand.

use chaos_core::Error;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Api;
use super::kind::Kind;
use super::request::Request;
use super::trouble::Trouble;

/// Objects on one page: what `kubectl` asks for as well.
const PAGE: u32 = 500;
/// More pages than a cluster can have: 150,000 pods are the most that Kubernetes is made for.
const MOST_PAGES: usize = 2_000;
/// How often a list is begun anew when its pages expire on the way.
const RESTARTS: usize = 3;

/// What is asked of a list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    pub(crate) labels: Option<String>,
    pub(crate) fields: Option<String>,
    pub(crate) metadata_only: bool,
}

impl Query {
    pub(crate) fn metadata() -> Self {
        Self { metadata_only: true, ..Self::default() }
    }

    pub(crate) fn labels(mut self, labels: impl Into<String>) -> Self {
        self.labels = Some(labels.into());
        self
    }

    pub(crate) fn fields(mut self, fields: impl Into<String>) -> Self {
        self.fields = Some(fields.into());
        self
    }
}

#[derive(Deserialize)]
struct Page<T> {
    #[serde(default)]
    metadata: PageMeta,
    // A real server says null of a list that has none.
    items: Option<Vec<T>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PageMeta {
    r#continue: Option<String>,
}

impl Api {
    /// Lists `kind` in one namespace or in all, and keeps what `keep` makes of each object.
    pub(crate) async fn list<T, U>(
        &self,
        kind: Kind,
        namespace: Option<&str>,
        query: &Query,
        mut keep: impl FnMut(T) -> Option<U>,
    ) -> Result<Vec<U>, Trouble>
    where
        T: DeserializeOwned,
    {
        let mut restarts = 0;
        let mut kept = Vec::new();
        let mut next: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let page: Result<Page<T>, Trouble> =
                self.send(request(kind, namespace, query, next.as_deref())).await;
            match page {
                Ok(page) => {
                    kept.extend(page.items.into_iter().flatten().filter_map(&mut keep));
                    next = page.metadata.r#continue.filter(|token| !token.is_empty());
                    if next.is_none() {
                        return Ok(kept);
                    }
                }
                // The server forgets old versions: half of an old list and half of a new one would be neither.
                Err(trouble) if trouble.is_expired() && restarts < RESTARTS => {
                    restarts += 1;
                    kept.clear();
                    next = None;
                }
                Err(trouble) => return Err(trouble),
            }
        }
        Err(Trouble::Failed(Error::failed(format!(
            "the list of {kind} has no end: stopped after {MOST_PAGES} pages"
        ))))
    }
}

fn request(kind: Kind, namespace: Option<&str>, query: &Query, next: Option<&str>) -> Request {
    let mut request = Request::list(kind, namespace).query("limit", PAGE.to_string());
    if let Some(labels) = &query.labels {
        request = request.query("labelSelector", labels);
    }
    if let Some(fields) = &query.fields {
        request = request.query("fieldSelector", fields);
    }
    if let Some(token) = next {
        request = request.query("continue", token);
    }
    if query.metadata_only { request.metadata_only() } else { request }
}
