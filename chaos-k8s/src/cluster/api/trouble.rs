//! [`Trouble`]: what the API server refused, and what did not reach it.

use std::time::Duration;

use chaos_core::Error;
use serde::Deserialize;

use crate::cluster::rights::Right;

/// Why a request gave nothing.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The API server answered, and said no.
    Refused(Box<Refusal>),
    /// It gave no answer that can be used.
    Failed(Error),
}

/// A `Status` of the API server, with the code of the answer that carried it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Refusal {
    #[serde(skip)]
    right: String,
    #[serde(skip)]
    pub(crate) code: u16,
    pub(crate) reason: String,
    pub(crate) message: String,
    details: Details,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Details {
    causes: Vec<Cause>,
    retry_after_seconds: u64,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Cause {
    reason: String,
    message: String,
}

impl Refusal {
    /// From an answer that is no success; its body need not be a `Status`: proxies answer too.
    pub(super) fn read(right: &Right, code: u16, body: &[u8]) -> Self {
        let mut refusal: Self = serde_json::from_slice(body).unwrap_or_else(|_| {
            let text: String = String::from_utf8_lossy(body).chars().take(200).collect();
            Self { message: text, ..Self::default() }
        });
        refusal.right = right.to_string();
        refusal.code = code;
        refusal
    }

    /// How long the server asks us to wait.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        let seconds = self.details.retry_after_seconds;
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }

    /// What a disruption budget says against an eviction, if it is one that does.
    pub(crate) fn budget(&self) -> Option<String> {
        let cause = self.details.causes.iter().find(|cause| cause.reason == "DisruptionBudget");
        match cause {
            Some(cause) if !cause.message.is_empty() => Some(one_line(&cause.message)),
            Some(_) => Some(one_line(&self.message)),
            None => None,
        }
    }

    /// Whether another try may go better. A budget says no for as long as it does.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self.code, 429 | 500 | 502 | 503 | 504) && self.budget().is_none()
    }
}

impl Trouble {
    fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Failed(_) => None,
        }
    }

    fn has(&self, code: u16) -> bool {
        self.refusal().is_some_and(|refusal| refusal.code == code)
    }

    pub(crate) fn is_not_found(&self) -> bool {
        self.has(404)
    }

    /// The object changed since it was read, or another has its name.
    pub(crate) fn is_conflict(&self) -> bool {
        self.has(409) && !self.is_there_already()
    }

    /// An object of that name exists.
    pub(crate) fn is_there_already(&self) -> bool {
        self.refusal().is_some_and(|refusal| refusal.reason == "AlreadyExists")
    }

    /// The page of a list is no longer kept.
    pub(super) fn is_expired(&self) -> bool {
        self.has(410)
    }

    /// What a disruption budget says against an eviction.
    pub(crate) fn budget(&self) -> Option<String> {
        self.refusal().and_then(Refusal::budget)
    }
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        let refusal = match trouble {
            Trouble::Failed(error) => return error,
            Trouble::Refused(refusal) => refusal,
        };
        let right = &refusal.right;
        match refusal.code {
            401 => Self::refused(format!(
                "the API server does not accept our credentials ({}): check the kubeconfig or the service account",
                one_line(&refusal.message)
            )),
            403 if is_of_admission(&refusal.message) => {
                Self::refused(format!("not allowed: {right}: {}", one_line(&refusal.message)))
            }
            403 => Self::refused(format!("missing right: {right} ({})", one_line(&refusal.message))),
            404 => Self::failed(format!("{right}: not found ({})", one_line(&refusal.message))),
            code => {
                Self::failed(format!("{right}: {code} {}: {}", refusal.reason, one_line(&refusal.message)))
            }
        }
    }
}

/// Whether it was not a right that was missing: what admissions say begins with these words of theirs, and their code and
/// reason are the same as for rights.
fn is_of_admission(message: &str) -> bool {
    ["violates PodSecurity", "exceeded quota", "admission webhook", "ValidatingAdmissionPolicy"]
        .iter()
        .any(|words| message.contains(words))
}

/// What the server says, for a message of one line: some of its messages hold a whole object.
fn one_line(text: &str) -> String {
    const MOST: usize = 400;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}
