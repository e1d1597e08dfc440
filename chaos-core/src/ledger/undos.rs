//! [`Undos`]: which kinds of undo a program can revert.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::entry::Entry;
use crate::error::{Error, Result};
use crate::fault::Undo;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The kinds of undo a program can revert: a value, made once, shared by ledger, guardian and sweep. There is no
/// global list: what is not in here is not run, whatever a file says.
///
/// ```
/// # use chaos_core::Result;
/// # #[derive(Debug, serde::Serialize, serde::Deserialize)]
/// # struct FileAway { path: String }
/// # impl chaos_core::Undo for FileAway {
/// #     const KIND: &'static str = "example.org/file-away/1";
/// #     type Via = ();
/// #     async fn revert(&self, (): &()) -> Result<()> { Ok(()) }
/// #     async fn is_gone(&self, (): &()) -> Result<bool> { Ok(true) }
/// # }
/// use chaos_core::Undos;
/// let undos = Undos::none().with::<FileAway>(())?;
/// assert!(undos.knows("example.org/file-away/1"));
/// assert!(undos.with::<FileAway>(()).unwrap_err().is_conflict());
/// # Ok::<(), chaos_core::Error>(())
/// ```
#[derive(Clone, Default)]
#[must_use = "a list of undos does nothing until a ledger or a sweep gets it"]
pub struct Undos {
    known: Arc<BTreeMap<&'static str, Arc<dyn Reverter>>>,
}

impl Undos {
    /// No kind at all.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds the kind `U`, reverted through `via`.
    ///
    /// # Errors
    /// [`conflict`](Error::is_conflict) when the kind is there already; [`invalid`](Error::is_invalid) when its name
    /// is empty or holds spaces or control characters.
    pub fn with<U: Undo>(mut self, via: U::Via) -> Result<Self> {
        let kind = U::KIND;
        if kind.is_empty() || kind.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(Error::invalid(format!(
                "{kind:?} is not an undo kind: name it like example.org/name/1"
            )));
        }
        if self.knows(kind) {
            return Err(Error::conflict(format!(
                "undo kind {kind} is registered twice: give each its own name"
            )));
        }
        let typed = Typed::<U> { via, undo: PhantomData };
        Arc::make_mut(&mut self.known).insert(kind, Arc::new(typed));
        Ok(self)
    }

    /// Whether `kind` can be reverted.
    pub fn knows(&self, kind: &str) -> bool {
        self.known.contains_key(kind)
    }

    /// The kinds, sorted.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.known.keys().copied()
    }

    /// Restores what the entry says was found. A panic of the undo is an error here, so that it does not keep others
    /// from being reverted.
    ///
    /// # Errors
    /// [`refused`](Error::is_refused) for an unknown kind, [`invalid`](Error::is_invalid) when the data is not that
    /// kind's, [`failed`](Error::is_failed) for a panic, and what [`Undo::revert`] returns.
    pub async fn revert(&self, entry: &Entry) -> Result<()> {
        let reverter = self.reverter(entry)?;
        caught(entry.kind(), || reverter.revert(entry)).await
    }

    /// Whether nothing of the entry's fault is left, by a look at the world.
    ///
    /// # Errors
    /// As [`revert`](Undos::revert), with what [`Undo::is_gone`] returns.
    pub async fn is_gone(&self, entry: &Entry) -> Result<bool> {
        let reverter = self.reverter(entry)?;
        caught(entry.kind(), || reverter.is_gone(entry)).await
    }

    /// The one path by which normal end, abort and sweep take a fault back: revert, then look whether it is gone,
    /// each within `limit` of tokio's clock. Striking it from the ledger is the caller's next step.
    ///
    /// # Errors
    /// [`timeout`](Error::is_timeout) past the limit, [`leftover`](Error::is_leftover) when the revert says it
    /// worked and the world says otherwise, and those of the two steps.
    ///
    /// # Panics
    /// Outside a tokio runtime with time enabled.
    pub async fn put_back(&self, entry: &Entry, limit: Duration) -> Result<()> {
        within(limit, "the revert", self.revert(entry)).await?;
        if within(limit, "the look after the revert", self.is_gone(entry)).await? {
            return Ok(());
        }
        Err(Error::leftover(format!(
            "{} {} is reverted and still changed: look at it",
            entry.unit(),
            entry.target()
        )))
    }

    /// Whether the entry's kind is known and its data is that kind's: what could be reverted, as far as can be told
    /// without looking at the world.
    ///
    /// # Errors
    /// [`refused`](Error::is_refused) for an unknown kind, [`invalid`](Error::is_invalid) when the data is not that
    /// kind's.
    pub fn check(&self, entry: &Entry) -> Result<()> {
        self.reverter(entry)?.check(entry)
    }

    pub(super) fn reverter(&self, entry: &Entry) -> Result<&dyn Reverter> {
        let kind = entry.kind();
        self.known.get(kind).map(|known| &**known).ok_or_else(|| {
            Error::refused(format!(
                "undo kind {kind} is not registered: add it to the ledger's undos with `with`"
            ))
        })
    }
}

impl fmt::Debug for Undos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.kinds()).finish()
    }
}

/// One kind, with its type erased.
pub(super) trait Reverter: Send + Sync {
    fn check(&self, entry: &Entry) -> Result<()>;
    fn revert<'a>(&'a self, entry: &'a Entry) -> BoxFuture<'a, Result<()>>;
    fn is_gone<'a>(&'a self, entry: &'a Entry) -> BoxFuture<'a, Result<bool>>;
}

struct Typed<U: Undo> {
    via: U::Via,
    undo: PhantomData<fn() -> U>,
}

impl<U: Undo> Reverter for Typed<U> {
    fn check(&self, entry: &Entry) -> Result<()> {
        parse::<U>(entry).map(drop)
    }

    fn revert<'a>(&'a self, entry: &'a Entry) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { parse::<U>(entry)?.revert(&self.via).await })
    }

    fn is_gone<'a>(&'a self, entry: &'a Entry) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move { parse::<U>(entry)?.is_gone(&self.via).await })
    }
}

fn parse<U: Undo>(entry: &Entry) -> Result<U> {
    serde_json::from_str(entry.undo_json()).map_err(|err| {
        let kind = U::KIND;
        Error::invalid(format!("the data is not that of {kind}: a changed shape needs a new kind"))
            .with_source(err)
    })
}

async fn within<T>(limit: Duration, what: &str, step: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(limit, step).await.unwrap_or_else(|_| {
        let limit = humantime::format_duration(limit);
        Err(Error::timeout(format!("{what} took longer than {limit}: sweep again or allow more")))
    })
}

async fn caught<'a, T>(kind: &str, step: impl FnOnce() -> BoxFuture<'a, Result<T>>) -> Result<T> {
    let panicked = |_| Err(Error::failed(format!("undo {kind} panicked: its revert must return errors")));
    // After a panic the future is dropped and never polled again, and nothing of it is looked at.
    let mut future = match catch_unwind(AssertUnwindSafe(step)) {
        Ok(future) => future,
        Err(panic) => return panicked(panic),
    };
    std::future::poll_fn(|cx| {
        catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)))
            .unwrap_or_else(|panic| Poll::Ready(panicked(panic)))
    })
    .await
}
