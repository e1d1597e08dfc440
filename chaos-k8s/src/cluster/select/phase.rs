//! [`PodPhase`]: where in its life a pod is.

use std::fmt;

use chaos_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// Where in its life a pod is, as the API server says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PodPhase {
    /// Accepted, and not all containers were started yet.
    Pending,
    /// On a node, and at least one container runs, starts or restarts.
    Running,
    /// All containers ended well, and none is started again.
    Succeeded,
    /// All containers ended, one of them badly, and none is started again.
    Failed,
    /// The node gives no word.
    Unknown,
}

impl PodPhase {
    const ALL: [Self; 5] = [Self::Pending, Self::Running, Self::Succeeded, Self::Failed, Self::Unknown];

    pub(crate) fn read(text: &str) -> Self {
        Self::ALL.into_iter().find(|phase| phase.to_string() == text).unwrap_or(Self::Unknown)
    }

    /// Whether nothing of it runs any more.
    pub(crate) fn has_ended(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

impl fmt::Display for PodPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A phase that is asked for, or `!Phase` for one that is not wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct PhaseTerm {
    pub(crate) is: bool,
    pub(crate) phase: PodPhase,
}

/// Whether a pod in `phase` is meant: one of those asked for, if any is, and none of the unwanted. Where nothing is said,
/// one that has not ended.
pub(crate) fn selects(terms: &[PhaseTerm], phase: PodPhase) -> bool {
    if terms.is_empty() {
        return !phase.has_ended();
    }
    let asked = terms.iter().filter(|term| term.is);
    let any_asked = terms.iter().any(|term| term.is);
    let unwanted = terms.iter().any(|term| !term.is && term.phase == phase);
    !unwanted && (!any_asked || asked.into_iter().any(|term| term.phase == phase))
}

impl fmt::Display for PhaseTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.is { "" } else { "!" }, self.phase)
    }
}

impl From<PhaseTerm> for String {
    fn from(term: PhaseTerm) -> Self {
        term.to_string()
    }
}

impl TryFrom<String> for PhaseTerm {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        let (is, name) = text.strip_prefix('!').map_or((true, text.as_str()), |name| (false, name));
        let phase = PodPhase::ALL.into_iter().find(|phase| phase.to_string() == name);
        let unknown = || {
            let known = PodPhase::ALL.map(|phase| phase.to_string()).join(", ");
            Error::invalid(format!("{name:?} is not a phase of a pod: use one of {known}"))
        };
        Ok(Self { is, phase: phase.ok_or_else(unknown)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_asked_for_or_not_wanted() {
        let terms = |texts: &[&str]| -> Vec<PhaseTerm> {
            texts.iter().map(|text| PhaseTerm::try_from((*text).to_owned()).unwrap()).collect()
        };
        let selected = |texts: &[&str]| -> Vec<PodPhase> {
            PodPhase::ALL.into_iter().filter(|phase| selects(&terms(texts), *phase)).collect()
        };
        use PodPhase::{Failed, Pending, Running, Succeeded, Unknown};
        assert_eq!(selected(&[]), [Pending, Running, Unknown]);
        assert_eq!(selected(&["Running", "Failed"]), [Running, Failed]);
        assert_eq!(selected(&["!Running"]), [Pending, Succeeded, Failed, Unknown]);
        assert_eq!(selected(&["Running", "Pending", "!Pending"]), [Running]);
        assert!(PhaseTerm::try_from("running".to_owned()).unwrap_err().is_invalid());
    }
}
