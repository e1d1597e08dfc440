//! [`FieldSelector`]: which fields of a pod, in the syntax of `kubectl --field-selector`.

use std::fmt;
use std::str::FromStr;

use chaos_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// The fields of a pod that the API server selects by.
const FIELDS: [&str; 10] = [
    "metadata.name",
    "metadata.namespace",
    "spec.hostNetwork",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "status.nominatedNodeName",
    "status.phase",
    "status.podIP",
];

/// Which fields of a pod: comparisons that must all hold; never none. The API server evaluates it.
///
/// ```
/// use chaos_k8s::cluster::FieldSelector;
/// let fields: FieldSelector = "status.phase=Running,spec.nodeName!=n1".parse()?;
/// assert_eq!(fields.to_string(), "status.phase=Running,spec.nodeName!=n1");
/// let error = "spec.image=x".parse::<FieldSelector>().unwrap_err();
/// assert!(error.to_string().contains("spec.nodeName"), "{error}");       // says what there is
/// # Ok::<(), chaos_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FieldSelector {
    all: Vec<Comparison>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Comparison {
    field: &'static str,
    is: bool,
    value: String,
}

impl FieldSelector {
    /// Those that `other` selects as well.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.all.extend(other.all);
        self
    }

    pub(super) fn narrows(&self) -> bool {
        self.all.iter().any(|comparison| comparison.is)
    }
}

fn comparison(text: &str) -> Result<Comparison> {
    let (field, is, value) = if let Some((field, value)) = text.split_once("!=") {
        (field, false, value)
    } else if let Some((field, value)) = text.split_once("==") {
        (field, true, value)
    } else if let Some((field, value)) = text.split_once('=') {
        (field, true, value)
    } else {
        return Err(Error::invalid(format!(
            "field selector {text:?}: expected a comparison, as in status.phase=Running"
        )));
    };
    let (name, value) = (field.trim(), value.trim());
    let Some(field) = FIELDS.into_iter().find(|known| *known == name) else {
        return Err(Error::invalid(format!(
            "field selector {text:?}: the API server does not select by {name:?}: use one of {}",
            FIELDS.join(", ")
        )));
    };
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
    {
        return Err(Error::invalid(format!("field selector {text:?}: {value:?} is not a value of {field}")));
    }
    Ok(Comparison { field, is, value: value.to_owned() })
}

impl FromStr for FieldSelector {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        if text.trim().is_empty() {
            return Err(Error::invalid(
                "a selector by fields is empty: say which, as in status.phase=Running",
            ));
        }
        Ok(Self { all: text.split(',').map(comparison).collect::<Result<_>>()? })
    }
}

impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Comparison { field, is, value }) in self.all.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let operator = if *is { "=" } else { "!=" };
            write!(f, "{comma}{field}{operator}{value}")?;
        }
        Ok(())
    }
}

impl TryFrom<String> for FieldSelector {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<FieldSelector> for String {
    fn from(selector: FieldSelector) -> Self {
        selector.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_selector_is_an_error() {
        for text in [
            "",
            ",",
            "a",
            "status.phase",
            "status.phase=",
            "=x",
            "status.phase=a,,",
            "spec.x=1",
            "status.phase=a\nb",
        ] {
            assert!(text.parse::<FieldSelector>().unwrap_err().is_invalid(), "{text:?}");
        }
    }
}
