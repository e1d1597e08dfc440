//! [`Selector`] and [`Targets`]: which targets. Never empty, never "everything" by accident.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::Target;
use crate::error::{Error, Result};

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Criterion<T> = dyn Fn(&T) -> bool + Send + Sync;
type List<T> = dyn Fn() -> BoxFuture<Result<Vec<T>>> + Send + Sync;

/// Which targets, by what they are called or look like. It cannot be empty: everything must be asked for by
/// [`Selector::all`].
///
/// ```
/// use chaos_core::target::{Selector, Target};
/// #[derive(Debug, Clone)]
/// struct Shard { name: String, zone: String }
/// impl Target for Shard {
///     const UNIT: &'static str = "shard";
///     fn id(&self) -> String { self.name.clone() }
///     fn label(&self, key: &str) -> Option<&str> { (key == "zone").then_some(self.zone.as_str()) }
/// }
/// let selector = Selector::<Shard>::label("zone", "a")?.but_not(Selector::named(["shard-0"])?);
/// assert!(selector.selects(&Shard { name: "shard-1".into(), zone: "a".into() }));
/// assert_eq!(selector.to_string(), "zone=a but not shard-0");
/// # Ok::<(), chaos_core::Error>(())
/// ```
pub struct Selector<T> {
    description: String,
    test: Arc<Criterion<T>>,
}

impl<T: Target> Selector<T> {
    /// Everything that is listed, said on purpose.
    pub fn all() -> Self {
        Self { description: format!("all {}s", T::UNIT), test: Arc::new(|_| true) }
    }

    /// Those with one of these names or identities.
    ///
    /// # Errors
    /// No name, or an empty one.
    pub fn named<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Result<Self> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        if names.is_empty() {
            return Err(Error::invalid("a selector by name needs at least one name"));
        }
        if names.iter().any(String::is_empty) {
            return Err(Error::invalid("a selector by name needs names that are not empty"));
        }
        Ok(Self {
            description: names.join(", "),
            test: Arc::new(move |target: &T| names.contains(&target.name()) || names.contains(&target.id())),
        })
    }

    /// Those whose label `key` has this value.
    ///
    /// # Errors
    /// An empty key.
    pub fn label(key: impl Into<String>, value: impl Into<String>) -> Result<Self> {
        let (key, value) = (key.into(), value.into());
        if key.is_empty() {
            return Err(Error::invalid("a selector by label needs a key that is not empty"));
        }
        Ok(Self {
            description: format!("{key}={value}"),
            test: Arc::new(move |target: &T| target.label(&key) == Some(value.as_str())),
        })
    }

    /// Those for which the closure says so; `description` is what plans and reports call it.
    pub fn matching(
        description: impl Into<String>,
        test: impl Fn(&T) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self { description: description.into(), test: Arc::new(test) }
    }

    /// Only those that `other` selects as well.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            description: format!("{} and {}", self.description, other.description),
            test: Arc::new(move |target| (self.test)(target) && (other.test)(target)),
        }
    }

    /// Only those that `other` does not select.
    #[must_use]
    pub fn but_not(self, other: Self) -> Self {
        Self {
            description: format!("{} but not {}", self.description, other.description),
            test: Arc::new(move |target| (self.test)(target) && !(other.test)(target)),
        }
    }

    /// Whether it selects `target`.
    pub fn selects(&self, target: &T) -> bool {
        (self.test)(target)
    }
}

impl<T> Clone for Selector<T> {
    fn clone(&self) -> Self {
        Self { description: self.description.clone(), test: Arc::clone(&self.test) }
    }
}

impl<T> fmt::Display for Selector<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.description)
    }
}

impl<T> fmt::Debug for Selector<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Selector({})", self.description)
    }
}

/// What a stateful fault acts on: looked up each time it is asked, so that what came or went in between is seen.
///
/// [`Targets`] is the ready-made one; a cluster's pods are another.
pub trait Select<T: Target>: Send + Sync + 'static {
    /// The selected targets as they are now.
    ///
    /// # Errors
    /// When the world could not be read.
    fn select(&self) -> impl Future<Output = Result<Vec<T>>> + Send;

    /// What plans and reports call the selection.
    fn describe(&self) -> String;
}

/// A list of targets, given or looked up, and a selector over it.
pub struct Targets<T> {
    list: Arc<List<T>>,
    from: String,
    selector: Option<Selector<T>>,
}

impl<T: Target> Targets<T> {
    /// These.
    ///
    /// # Errors
    /// An empty list.
    pub fn these(targets: impl IntoIterator<Item = T>) -> Result<Self> {
        let targets: Vec<T> = targets.into_iter().collect();
        if targets.is_empty() {
            return Err(Error::invalid(format!("the list of {}s is empty: name at least one", T::UNIT)));
        }
        let from = match targets.as_slice() {
            [one] => one.name(),
            many => format!("{} {}s", many.len(), T::UNIT),
        };
        let list = move || -> BoxFuture<Result<Vec<T>>> { Box::pin(std::future::ready(Ok(targets.clone()))) };
        Ok(Self { list: Arc::new(list), from, selector: None })
    }

    /// This one.
    pub fn one(target: T) -> Self {
        let from = target.name();
        let list =
            move || -> BoxFuture<Result<Vec<T>>> { Box::pin(std::future::ready(Ok(vec![target.clone()]))) };
        Self { list: Arc::new(list), from, selector: None }
    }

    /// Those that `list` finds whenever it is asked, narrowed by `selector`; `from` says where it looks.
    pub fn listed_by<F>(
        from: impl Into<String>,
        list: impl Fn() -> F + Send + Sync + 'static,
        selector: Selector<T>,
    ) -> Self
    where
        F: Future<Output = Result<Vec<T>>> + Send + 'static,
    {
        let list = move || -> BoxFuture<Result<Vec<T>>> { Box::pin(list()) };
        Self { list: Arc::new(list), from: from.into(), selector: Some(selector) }
    }

    /// Only those that `selector` selects as well.
    #[must_use]
    pub fn select(mut self, selector: Selector<T>) -> Self {
        self.selector = Some(match self.selector.take() {
            Some(already) => already.and(selector),
            None => selector,
        });
        self
    }
}

impl<T: Target> Select<T> for Targets<T> {
    async fn select(&self) -> Result<Vec<T>> {
        let mut targets = (self.list)().await?;
        if let Some(selector) = &self.selector {
            targets.retain(|target| selector.selects(target));
        }
        Ok(targets)
    }

    fn describe(&self) -> String {
        match &self.selector {
            Some(selector) => format!("{}: {selector}", self.from),
            None => self.from.clone(),
        }
    }
}

impl<T: Target> fmt::Debug for Targets<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Targets({})", self.describe())
    }
}
