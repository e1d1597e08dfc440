//! [`Duty`]: what a guardian pod is given, as data.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chaos_core::ledger::RunId;
use chaos_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::entrusted::Entrusted;
use super::grant::Grants;
use crate::cluster::mark::Deadline;

/// What a guardian pod is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Duty {
    /// The release that wrote it: the image is of the same.
    pub(super) version: String,
    /// The guardian's own run.
    pub(super) guardian: RunId,
    /// Where its pod is.
    pub(super) namespace: String,
    /// What is not in force by then is not to come any more.
    pub(super) by: Deadline,
    /// How many seconds the API server's clock is ahead of the one that writes deadlines.
    pub(super) server_ahead: i64,
    pub(super) undos: Vec<Task>,
}

/// One undo, and the words for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Task {
    pub(super) target: String,
    pub(super) undo: Entrusted,
}

impl Duty {
    /// The environment variable that it is read from; what does not fit is in those with `_2` and so on behind the name.
    pub(super) const VARIABLE: &'static str = "CHAOS_GUARDIAN_DUTY";
    /// The longest part: the kernel takes 128 KiB for a variable with its name (execve(2), `MAX_ARG_STRLEN`).
    const LONGEST: usize = (128 << 10) - Self::VARIABLE.len() - 8;
    /// How many parts there may be: etcd takes 1.5 MiB for an object.
    const MOST: usize = 6;

    pub(super) const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    pub(super) fn grants(&self) -> Grants {
        let undos = self.undos.iter().map(|task| &task.undo);
        Grants::of(undos, &self.namespace, &name_of(self.guardian))
    }

    /// In base64 of JSON, as variables with their names.
    pub(super) fn encode(&self) -> Result<Vec<(String, String)>> {
        let json = serde_json::to_vec(self)
            .map_err(|source| Error::invalid("the undos cannot be written as JSON").with_source(source))?;
        let text = STANDARD.encode(json);
        if text.len() > Self::LONGEST * Self::MOST {
            return Err(Error::refused(format!(
                "the undos of {} targets are {} bytes, and a guardian pod takes {}: inject fewer at a time",
                self.undos.len(),
                text.len(),
                Self::LONGEST * Self::MOST
            )));
        }
        let parts =
            text.as_bytes().chunks(Self::LONGEST).map(|part| String::from_utf8_lossy(part).into_owned());
        Ok(parts.enumerate().map(|(index, part)| (variable(index), part)).collect())
    }

    /// From the environment.
    pub(super) fn read(variables: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let parts: Vec<String> = (0..Self::MOST).map_while(|index| variables(&variable(index))).collect();
        if parts.is_empty() {
            return Err(Error::invalid(format!(
                "no duty: give one in {}, in base64 of JSON",
                Self::VARIABLE
            )));
        }
        Self::decode(&parts.concat())
    }

    fn decode(text: &str) -> Result<Self> {
        let wrong = |source| {
            Error::invalid("no duty of this release: use the image of the same release").with_source(source)
        };
        let json = STANDARD.decode(text.trim()).map_err(|source| {
            Error::invalid("the duty is no base64: give base64 of JSON").with_source(source)
        })?;
        let duty: Self = serde_json::from_slice(&json).map_err(wrong)?;
        if duty.version != Self::VERSION {
            return Err(Error::invalid(format!(
                "a duty of release {}, and this is {}: use the image of the same release",
                duty.version,
                Self::VERSION
            )));
        }
        Ok(duty)
    }
}

fn variable(index: usize) -> String {
    match index {
        0 => Duty::VARIABLE.to_owned(),
        _ => format!("{}_{}", Duty::VARIABLE, index + 1),
    }
}

/// What everything is called that is made for this guardian.
pub(super) fn name_of(guardian: RunId) -> String {
    format!("chaos-guardian-{guardian}")
}
