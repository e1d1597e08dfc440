//! What may be a name: checked before anything is asked.

use chaos_core::{Error, Result};

/// A DNS label (RFC 1123): names of namespaces and containers.
pub(crate) fn label(what: &str, name: &str) -> Result<()> {
    if is_label(name) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{what} {name:?}: give 1 to 63 lower-case letters, digits and dashes, with a letter or digit at both ends"
    )))
}

/// A DNS subdomain (RFC 1123): names of pods, nodes and most objects.
pub(crate) fn subdomain(what: &str, name: &str) -> Result<()> {
    if is_subdomain(name) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{what} {name:?}: give 1 to 253 lower-case letters, digits, dashes and dots, with a letter or digit at the ends"
    )))
}

/// The key of a label, an annotation or a taint: `[DNS subdomain/]name`.
pub(crate) fn key(what: &str, key: &str) -> Result<()> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if prefix.is_none_or(is_subdomain) && !name.is_empty() && is_value(name) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{what} {key:?} is not a key: give a name of at most 63 characters, after a domain and a slash if need be"
    )))
}

/// The value of a label: empty, or at most 63 characters.
pub(crate) fn value(what: &str, value: &str) -> Result<()> {
    if is_value(value) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{what} {value:?} is not a value of a label: give at most 63 letters, digits, dashes, underscores and dots, with a \
         letter or digit at both ends"
    )))
}

fn is_label(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let bytes = name.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes.iter().copied().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

fn is_subdomain(name: &str) -> bool {
    // Only the whole has a length: that a part may have more than 63 characters is Kubernetes' reading.
    let is_part = |part: &str| {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !part.is_empty() && part.bytes().all(inner) && !part.starts_with('-') && !part.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_part)
}

fn is_value(value: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let is_end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = value.as_bytes();
    bytes.is_empty()
        || (bytes.len() <= 63
            && bytes.iter().copied().all(inner)
            && is_end(bytes.first())
            && is_end(bytes.last()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_kubernetes() {
        let long = "a".repeat(64);
        for good in ["a", "0", "kube-system", &long[..63]] {
            assert!(label("namespace", good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a.b", "a/b", "../x", "a\n", "$(id)", "\u{202e}a", &long] {
            assert!(label("namespace", bad).unwrap_err().is_invalid(), "{bad}");
        }
        assert!(subdomain("pod", "a.b-c.d").is_ok() && subdomain("node", &long).is_ok());
        for bad in ["", ".", "a..b", "a.", ".a", "a_b", "a/b", &"a".repeat(254)] {
            assert!(subdomain("pod", bad).is_err(), "{bad}");
        }
        for good in ["app", "app.kubernetes.io/name", "a/B_c.d"] {
            assert!(key("label", good).is_ok(), "{good}");
        }
        for bad in ["", "/", "/a", "a/", "A.b/c", "a/b/c", "-a", "a b", &long] {
            assert!(key("label", bad).is_err(), "{bad}");
        }
        for good in ["", "v1.2_x", &long[..63]] {
            assert!(value("value", good).is_ok(), "{good}");
        }
        for bad in ["-a", "a-", "a/b", "a b", "ä", "a\0", &long] {
            assert!(value("value", bad).is_err(), "{bad}");
        }
    }
}
