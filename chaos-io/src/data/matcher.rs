//! Matchers from data.

use std::ops::Bound;

use chaos_core::{Error, Matcher, Result};
use serde::Deserialize;
use serde_json::Value;

use super::read;
use crate::operation::{self, Io, IoKind};

/// A matcher as data; everything said must hold.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    kind: Option<OneOrMore>,
    path: Option<String>,
    path_glob: Option<String>,
    offset: Option<Range>,
    length: Option<Range>,
    all: Option<Vec<Data>>,
    any: Option<Vec<Data>>,
    not: Option<Box<Data>>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "neither a kind of i/o nor a list of kinds")]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

/// From the first number, to before the end.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    from: Option<u64>,
    until: Option<u64>,
}

pub(crate) fn matcher(when: &Value) -> Result<Matcher<Io>> {
    read::<Data>(when)?.build("")
}

impl Data {
    /// `at` is where this stands, with a dot behind it unless it is the whole.
    fn build(self, at: &str) -> Result<Matcher<Io>> {
        let mut parts = Vec::new();
        let mut add = |field: &str, part: Option<Result<Matcher<Io>>>| -> Result<()> {
            if let Some(part) = part {
                parts.push(part.map_err(|err| err.context(format!("{at}{field}")))?);
            }
            Ok(())
        };
        add("kind", self.kind.map(OneOrMore::build))?;
        add("path", self.path.map(operation::path))?;
        add("path_glob", self.path_glob.map(|glob| operation::path_glob(&glob)))?;
        add("offset", self.offset.map(|range| operation::offset(range.bounds())))?;
        add("length", self.length.map(|range| operation::length(range.bounds())))?;
        if let Some(all) = self.all {
            parts.push(fold(all, &format!("{at}all"), Matcher::and)?);
        }
        if let Some(any) = self.any {
            parts.push(fold(any, &format!("{at}any"), Matcher::or)?);
        }
        if let Some(not) = self.not {
            parts.push(!not.build(&format!("{at}not."))?);
        }
        parts.into_iter().reduce(Matcher::and).ok_or_else(|| nothing(at.trim_end_matches('.')))
    }
}

impl OneOrMore {
    fn build(self) -> Result<Matcher<Io>> {
        let names = match self {
            Self::One(name) => vec![name],
            Self::More(names) => names,
        };
        let kinds = names.iter().map(|name| name.parse()).collect::<Result<Vec<IoKind>>>()?;
        operation::kinds(kinds)
    }
}

impl Range {
    fn bounds(&self) -> (Bound<u64>, Bound<u64>) {
        let from = self.from.map_or(Bound::Unbounded, Bound::Included);
        (from, self.until.map_or(Bound::Unbounded, Bound::Excluded))
    }
}

fn fold(
    matchers: Vec<Data>,
    at: &str,
    join: fn(Matcher<Io>, Matcher<Io>) -> Matcher<Io>,
) -> Result<Matcher<Io>> {
    let mut parts = Vec::with_capacity(matchers.len());
    for (n, data) in matchers.into_iter().enumerate() {
        parts.push(data.build(&format!("{at}[{n}]."))?);
    }
    parts.into_iter().reduce(join).ok_or_else(|| nothing(at))
}

/// An empty matcher is not "every operation": that is a matcher left out.
fn nothing(at: &str) -> Error {
    let error = Error::invalid("says nothing: name what is to match, or leave it out for every operation");
    if at.is_empty() { error.context("a matcher") } else { error.context(at.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IoCall;
    use serde_json::json;
    use std::path::Path;

    #[test]
    fn everything_said_must_hold() {
        let when = json!({
            "kind": ["read", "write"], "path_glob": "/var/**", "offset": {"from": 10, "until": 20},
            "not": {"length": {"from": 8}}
        });
        let matcher = matcher(&when).unwrap();
        let call = IoCall::new(IoKind::Read).at(19).of_len(4).on(Path::new("/var/db/a"));
        assert!(matcher.matches(call));
        assert!(!matcher.matches(call.at(20)));
        assert!(!matcher.matches(call.of_len(8)));
        assert!(!matcher.matches(call.on(Path::new("/tmp/a"))));
        assert!(!matcher.matches(IoCall { kind: IoKind::Flush, ..call }));
        let any = super::matcher(&json!({"any": [{"path": "/a"}, {"all": [{"kind": "sync"}]}]})).unwrap();
        assert!(any.matches(IoCall::new(IoKind::Sync)));
        assert!(any.matches(IoCall::new(IoKind::Stat).on(Path::new("/a"))));
        assert!(!any.matches(call));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (when, says) in [
            (json!({}), "a matcher: says nothing"),
            (json!({"not": {}}), "not: says nothing"),
            (json!({"any": []}), "any: says nothing"),
            (json!({"any": [{"kind": "reed"}]}), "any[0].kind: i/o kind \"reed\" is not one of open,"),
            (json!({"kind": []}), "kind: no i/o kinds are no operations"),
            (json!({"kind": 3}), "kind: neither a kind of i/o nor a list of kinds"),
            (json!({"path": ""}), "path: an empty path is no file"),
            (json!({"path_glob": "["}), "path_glob: \"[\" is not a glob at character"),
            (json!({"offset": {"from": 9, "until": 9}}), "offset: the offset range has no number in it"),
            (json!({"offset": {"form": 9}}), "offset.form: unknown field `form`"),
            (json!({"length": {"until": 0}}), "length: the length range has no number in it"),
        ] {
            let err = matcher(&when).unwrap_err();
            assert!(err.is_invalid());
            assert!(err.to_string().starts_with(says), "{when}: {err}");
        }
    }
}
