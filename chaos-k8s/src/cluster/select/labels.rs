//! [`LabelSelector`]: which labels, in the syntax of `kubectl -l`, read and checked here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use chaos_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{names, parse};

/// Which labels: requirements that must all hold; never none.
///
/// | text | holds for labels |
/// |---|---|
/// | `app=cart`, `app==cart` | with this value |
/// | `app!=cart` | with another value, or without the key |
/// | `app in (cart, shop)` | with one of these values |
/// | `app notin (cart, shop)` | with none of these values, or without the key |
/// | `app`, `!app` | with the key, without it |
/// | `tier>2`, `tier<5` | with a whole number as value that is larger, smaller |
///
/// ```
/// use chaos_k8s::cluster::LabelSelector;
/// let labels: LabelSelector = "app in (cart, shop), tier!=db, !canary".parse()?;
/// assert_eq!(labels.to_string(), "app in (cart,shop),tier!=db,!canary");
/// assert!("app in ()".parse::<LabelSelector>().is_ok());                  // the value that is empty
/// assert!("".parse::<LabelSelector>().unwrap_err().is_invalid());
/// # Ok::<(), chaos_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LabelSelector {
    all: Vec<Requirement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Requirement {
    In(String, BTreeSet<String>),
    NotIn(String, BTreeSet<String>),
    Exists(String),
    Absent(String),
    Above(String, i64),
    Below(String, i64),
}

impl LabelSelector {
    /// Those whose label `key` has this value.
    ///
    /// # Errors
    /// What Kubernetes does not take for a key or a value.
    pub fn equals(key: impl Into<String>, value: impl Into<String>) -> Result<Self> {
        Self::is_in(key, [value])
    }

    /// Those whose label `key` has one of these values.
    ///
    /// # Errors
    /// What Kubernetes does not take for a key or a value, or no value.
    pub fn is_in<V: Into<String>>(
        key: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Result<Self> {
        Self::one(Requirement::In(key.into(), values.into_iter().map(Into::into).collect()))
    }

    /// Those whose label `key` has none of these values, or that do not have it.
    ///
    /// # Errors
    /// As [`is_in`](Self::is_in).
    pub fn is_not_in<V: Into<String>>(
        key: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Result<Self> {
        Self::one(Requirement::NotIn(key.into(), values.into_iter().map(Into::into).collect()))
    }

    /// Those that have the label `key`.
    ///
    /// # Errors
    /// What Kubernetes does not take for a key.
    pub fn exists(key: impl Into<String>) -> Result<Self> {
        Self::one(Requirement::Exists(key.into()))
    }

    /// Those that do not have the label `key`.
    ///
    /// # Errors
    /// What Kubernetes does not take for a key.
    pub fn is_absent(key: impl Into<String>) -> Result<Self> {
        Self::one(Requirement::Absent(key.into()))
    }

    fn one(requirement: Requirement) -> Result<Self> {
        requirement.check()?;
        Ok(Self { all: vec![requirement] })
    }

    /// Those that `other` selects as well.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for requirement in other.all {
            if !self.all.contains(&requirement) {
                self.all.push(requirement);
            }
        }
        self
    }

    /// Whether these labels hold every requirement.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.all.iter().all(|requirement| requirement.holds(labels))
    }

    /// Whether something in it must be there: `app!=x` alone is nearly everything.
    pub(super) fn narrows(&self) -> bool {
        self.all
            .iter()
            .any(|requirement| !matches!(requirement, Requirement::NotIn(..) | Requirement::Absent(_)))
    }
}

impl Requirement {
    pub(super) fn check(&self) -> Result<()> {
        let (key, values) = match self {
            Self::In(key, values) | Self::NotIn(key, values) => (key, Some(values)),
            Self::Exists(key) | Self::Absent(key) | Self::Above(key, _) | Self::Below(key, _) => (key, None),
        };
        names::key("label", key)?;
        let Some(values) = values else { return Ok(()) };
        if values.is_empty() {
            return Err(Error::invalid(format!("label {key}: give at least one value")));
        }
        values.iter().try_for_each(|value| names::value(&format!("label {key}:"), value))
    }

    fn holds(&self, labels: &BTreeMap<String, String>) -> bool {
        let number = |key: &String| labels.get(key).and_then(|value| value.parse::<i64>().ok());
        match self {
            Self::In(key, values) => labels.get(key).is_some_and(|value| values.contains(value)),
            Self::NotIn(key, values) => labels.get(key).is_none_or(|value| !values.contains(value)),
            Self::Exists(key) => labels.contains_key(key),
            Self::Absent(key) => !labels.contains_key(key),
            Self::Above(key, bound) => number(key).is_some_and(|value| value > *bound),
            Self::Below(key, bound) => number(key).is_some_and(|value| value < *bound),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list =
            |values: &BTreeSet<String>| values.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        match self {
            Self::In(key, values) if values.len() == 1 => write!(f, "{key}={}", list(values)),
            Self::In(key, values) => write!(f, "{key} in ({})", list(values)),
            Self::NotIn(key, values) if values.len() == 1 => write!(f, "{key}!={}", list(values)),
            Self::NotIn(key, values) => write!(f, "{key} notin ({})", list(values)),
            Self::Exists(key) => f.write_str(key),
            Self::Absent(key) => write!(f, "!{key}"),
            Self::Above(key, bound) => write!(f, "{key}>{bound}"),
            Self::Below(key, bound) => write!(f, "{key}<{bound}"),
        }
    }
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.all.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{requirement}")?;
        }
        Ok(())
    }
}

impl FromStr for LabelSelector {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Ok(Self { all: parse::requirements(text)? })
    }
}

impl TryFrom<String> for LabelSelector {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<LabelSelector> for String {
    fn from(selector: LabelSelector) -> Self {
        selector.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn each_operator_selects_as_kubernetes_says() {
        let none = labels(&[]);
        let cart = labels(&[("app", "cart"), ("tier", "3")]);
        let cases = [
            ("app=cart", true, false),
            ("app == cart", true, false),
            ("app!=cart", false, true),
            ("app in (shop,cart)", true, false),
            ("app notin (shop)", true, true),
            ("app", true, false),
            ("!app", false, true),
            ("tier>2", true, false),
            ("tier < 3", false, false),
            ("app>1", false, false),
            ("app=cart,tier=3", true, false),
            ("app=cart , tier!=3", false, false),
        ];
        for (text, on_cart, on_none) in cases {
            let selector: LabelSelector = text.parse().unwrap();
            assert_eq!((selector.matches(&cart), selector.matches(&none)), (on_cart, on_none), "{text}");
        }
    }

    #[test]
    fn words_of_the_syntax_can_be_keys_and_values() {
        let selector: LabelSelector = "in in (notin,in), notin=in".parse().unwrap();
        assert!(selector.matches(&labels(&[("in", "notin"), ("notin", "in")])));
        assert_eq!("a=".parse::<LabelSelector>().unwrap().to_string(), "a=");
    }

    #[test]
    fn what_is_no_selector_is_an_error() {
        let long = format!("app={}", "a".repeat(64));
        for text in [
            "",
            " ",
            ",",
            "a,",
            ",a",
            "a,,b",
            "=",
            "a=b=c",
            "a b",
            "a in",
            "a in b",
            "a in (b",
            "a in (b c)",
            "!",
            "!a=b",
            "a!b",
            "a>",
            "a>x",
            "a=-b",
            "a/b/c",
            "a=$(id)",
            "a=b\0",
            "ä=b",
            "a in (b))",
            &long,
        ] {
            let error = text.parse::<LabelSelector>().unwrap_err();
            assert!(error.is_invalid(), "{text}");
            assert!(!error.to_string().contains('\n'), "{text}");
        }
    }

    #[test]
    fn what_only_leaves_out_does_not_narrow() {
        for (text, narrows) in [("a!=b", false), ("!a,b notin (c)", false), ("!a,b", true), ("a>1", true)] {
            assert_eq!(text.parse::<LabelSelector>().unwrap().narrows(), narrows, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_text_of_a_selector_is_that_selector(text in "[a-c]{1,2}( in | notin |=|!=|>|<|)(\\(?)[a-c0-9,]{0,4}(\\)?)(,!?[a-c])?") {
            if let Ok(selector) = text.parse::<LabelSelector>() {
                let again: LabelSelector = selector.to_string().parse().unwrap();
                prop_assert_eq!(again, selector);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}") {
            let _ = text.parse::<LabelSelector>();
        }
    }
}
