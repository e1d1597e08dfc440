//! [`Rights`]: what a plan takes from the API server, and nothing else.

use std::collections::BTreeSet;
use std::fmt;

use super::Right;

/// What a plan takes from the API server: no more and no less, and never a wildcard.
///
/// ```no_run
/// # async fn example() -> chaos_core::Result<()> {
/// use chaos_k8s::cluster::{Cluster, pods, rights::Subject};
/// let cluster = Cluster::connect().await?;
/// let carts = cluster.pods().in_namespace("shop").label("app", "cart")?;
/// let rights = carts.rights_for(&pods::kill());
/// println!("{}", rights.manifest("chaos-carts", &Subject::service_account("chaos", "runner")?)?);
/// cluster.require(&rights).await?;                // says what is missing, before anything is touched
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    all: BTreeSet<Right>,
}

impl Rights {
    /// These and those of `other`.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.extend(other);
        self
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Right> {
        self.all.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(crate) fn insert(&mut self, right: Right) {
        self.all.insert(right);
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<I: IntoIterator<Item = Right>>(rights: I) -> Self {
        Self { all: rights.into_iter().collect() }
    }
}

impl IntoIterator for Rights {
    type Item = Right;
    type IntoIter = std::collections::btree_set::IntoIter<Right>;
    fn into_iter(self) -> Self::IntoIter {
        self.all.into_iter()
    }
}

impl Extend<Right> for Rights {
    fn extend<I: IntoIterator<Item = Right>>(&mut self, rights: I) {
        self.all.extend(rights);
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, right) in self.all.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{right}")?;
        }
        Ok(())
    }
}
