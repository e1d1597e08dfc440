//! [`NamePattern`]: which names.

use std::fmt;
use std::str::FromStr;

use chaos_core::{Error, Result};
use glob::{MatchOptions, Pattern};
use serde::{Deserialize, Serialize};

/// Letters of a name, and of a label between two dots (RFC 1035, section 2.3.4; without the trailing dot).
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: false,
    require_literal_leading_dot: false,
};

/// A pattern of domain names. `*` stands for any letters, dots too, and `?` for one; upper and lower case are the same, and a
/// trailing dot says nothing. So `*.example.com` is every name below `example.com`, but not `example.com` itself.
///
/// It is compared with the name that is asked on the wire: a short name such as `db` is asked with the search domains of
/// `resolv.conf`, in a pod as `db.shop.svc.cluster.local`.
///
/// ```
/// use chaos_k8s::node::net::NamePattern;
/// let below = NamePattern::try_new("*.Example.com.")?;
/// assert!(below.matches("a.b.EXAMPLE.com") && !below.matches("example.com"));
/// assert!(NamePattern::try_new("two words").is_err());
/// # Ok::<(), chaos_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NamePattern {
    text: String,
    glob: Pattern,
}

impl NamePattern {
    /// A pattern of letters, digits, `-`, `_`, dots, `*` and `?`.
    ///
    /// # Errors
    /// Nothing, an empty label, another letter (write names of other scripts as `xn--...`), or what is longer than a name
    /// can be.
    pub fn try_new(pattern: &str) -> Result<Self> {
        let text = pattern.strip_suffix('.').unwrap_or(pattern).to_ascii_lowercase();
        let wrong = |why: &str| Err(Error::invalid(format!("{pattern:?} is no pattern of names: {why}")));
        if text.is_empty() {
            return wrong("it is empty; for all names write *");
        }
        if text.len() > LONGEST_NAME {
            return wrong("a name has at most 253 letters");
        }
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.*?".contains(&b)) {
            return wrong("use letters, digits, - _ . * and ?, and xn-- for other scripts");
        }
        for label in text.split('.') {
            if label.is_empty() {
                return wrong("there is nothing between two dots");
            }
            if label.len() > LONGEST_LABEL {
                return wrong("between two dots are at most 63 letters");
            }
        }
        // `**` would be the glob's own, and says no more than `*`.
        let mut glob = text.clone();
        while glob.contains("**") {
            glob = glob.replace("**", "*");
        }
        let glob = Pattern::new(&glob).map_err(|source| {
            Error::invalid(format!("{pattern:?} is no pattern of names")).with_source(source)
        })?;
        Ok(Self { text, glob })
    }

    /// Whether it stands for this name.
    pub fn matches(&self, name: &str) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        self.glob.matches_with(&name, OPTIONS)
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for NamePattern {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::try_new(text)
    }
}

impl TryFrom<String> for NamePattern {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        Self::try_new(&text)
    }
}

impl From<NamePattern> for String {
    fn from(pattern: NamePattern) -> Self {
        pattern.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_names() {
        for (pattern, yes, no) in [
            ("example.com", "Example.COM.", "www.example.com"),
            ("*.example.com", "a.b.example.com", "example.com"),
            ("*.example.com", "www.example.com", "www.example.com.evil.org"),
            ("api-?.shop", "api-1.shop", "api-10.shop"),
            ("*", "anything.at.all", ""),
            ("_sip._tcp.*", "_sip._tcp.example.com", "sip.tcp.example.com"),
            ("a**b", "a.x.b", "ba"),
        ] {
            let pattern = NamePattern::try_new(pattern).unwrap();
            assert!(pattern.matches(yes), "{pattern} {yes}");
            assert!(no.is_empty() || !pattern.matches(no), "{pattern} {no}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        let long = "a.".repeat(150);
        let label = "a".repeat(64);
        for wrong in
            ["", ".", " ", "two words", "a..b", ".a", "b\u{fc}cher.de", "[ab].c", "a\nb", &long, &label]
        {
            let error = NamePattern::try_new(wrong).unwrap_err();
            assert!(error.is_invalid() && !error.to_string().contains('\n'), "{error}");
        }
        assert!(serde_json::from_str::<NamePattern>(r#""a b""#).is_err());
    }
}
