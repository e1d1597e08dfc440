//! Matchers from data.

use chaos_core::{Error, Matcher, Result};
use serde::Deserialize;
use serde_json::Value;

use super::read;
use crate::exchange::Http;
use crate::{grpc, request};

/// A matcher as data; everything said must hold.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    method: Option<String>,
    path: Option<String>,
    path_prefix: Option<String>,
    path_glob: Option<String>,
    path_regex: Option<String>,
    host: Option<String>,
    header: Option<Header>,
    query: Option<Query>,
    grpc_method: Option<String>,
    grpc_service: Option<String>,
    all: Option<Vec<Data>>,
    any: Option<Vec<Data>>,
    not: Option<Box<Data>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    name: String,
    value: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    key: String,
    value: String,
}

pub(crate) fn matcher(when: &Value) -> Result<Matcher<Http>> {
    read::<Data>(when)?.build("")
}

impl Data {
    /// `at` is where this stands, with a dot behind it unless it is the whole.
    fn build(self, at: &str) -> Result<Matcher<Http>> {
        let mut parts = Vec::new();
        let mut add = |field: &str, part: Option<Result<Matcher<Http>>>| -> Result<()> {
            if let Some(part) = part {
                parts.push(part.map_err(|err| err.context(format!("{at}{field}")))?);
            }
            Ok(())
        };
        add("method", self.method.map(|method| request::method(&method)))?;
        add("path", self.path.map(|path| request::path(&path)))?;
        add("path_prefix", self.path_prefix.map(|prefix| request::path_prefix(&prefix)))?;
        add("path_glob", self.path_glob.map(|glob| request::path_glob(&glob)))?;
        add("path_regex", self.path_regex.map(|regex| path_regex(&regex)))?;
        add("host", self.host.map(|host| request::host(&host)))?;
        add(
            "header",
            self.header.map(|header| match header.value {
                Some(value) => request::header(&header.name, &value),
                None => request::header_exists(&header.name),
            }),
        )?;
        add("query", self.query.map(|query| request::query(&query.key, &query.value)))?;
        add("grpc_method", self.grpc_method.map(|method| grpc::method(&method)))?;
        add("grpc_service", self.grpc_service.map(|service| grpc::service(&service)))?;
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

fn fold(
    matchers: Vec<Data>,
    at: &str,
    join: fn(Matcher<Http>, Matcher<Http>) -> Matcher<Http>,
) -> Result<Matcher<Http>> {
    let mut parts = Vec::with_capacity(matchers.len());
    for (n, data) in matchers.into_iter().enumerate() {
        parts.push(data.build(&format!("{at}[{n}]."))?);
    }
    parts.into_iter().reduce(join).ok_or_else(|| nothing(at))
}

/// An empty matcher is not "every request": that is a matcher left out.
fn nothing(at: &str) -> Error {
    let error = Error::invalid("says nothing: name what is to match, or leave it out for every request");
    if at.is_empty() { error.context("a matcher") } else { error.context(at.to_owned()) }
}

#[cfg(feature = "regex")]
fn path_regex(expression: &str) -> Result<Matcher<Http>> {
    request::path_regex(expression)
}

#[cfg(not(feature = "regex"))]
fn path_regex(_: &str) -> Result<Matcher<Http>> {
    Err(Error::invalid("needs feature `regex` of chaos-net: switch it on or use a glob"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HttpCall;
    use serde_json::json;

    fn matches(when: &Value, uri: &str) -> bool {
        let request = http::Request::post(uri).header("x-chaos", "alice").body(()).unwrap();
        matcher(when).unwrap().matches(HttpCall::of(&request))
    }

    #[test]
    fn everything_said_must_hold() {
        let when = json!({
            "method": "POST", "path_prefix": "/charge", "header": {"name": "x-chaos", "value": "alice"},
            "not": {"query": {"key": "dry", "value": "1"}}
        });
        assert!(matches(&when, "http://a.test/charge/7"));
        assert!(!matches(&when, "http://a.test/charge/7?dry=1"));
        assert!(!matches(&when, "http://a.test/refund"));
        let any = json!({"any": [{"path": "/a"}, {"all": [{"path_glob": "/b/*"}, {"host": "b.test"}]}]});
        assert!(matches(&any, "http://c.test/a"));
        assert!(matches(&any, "http://b.test/b/1"));
        assert!(!matches(&any, "http://c.test/b/1"));
        assert!(matches(&json!({"grpc_service": "shop.Cart"}), "http://a.test/shop.Cart/Add"));
        assert!(matches(&json!({"grpc_method": "shop.Cart/Add"}), "http://a.test/shop.Cart/Add"));
        assert!(matches(&json!({"header": {"name": "x-chaos"}}), "/"));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let wrong = |when: Value| matcher(&when).unwrap_err().to_string();
        assert_eq!(
            wrong(json!({"all": [{"path": "/a"}, {"path": "b"}]})),
            "all[1].path: path \"b\" does not start with /: no request would match"
        );
        assert_eq!(
            wrong(json!({})),
            "a matcher: says nothing: name what is to match, or leave it out for every request"
        );
        assert_eq!(
            wrong(json!({"any": []})),
            "any: says nothing: name what is to match, or leave it out for every request"
        );
        assert_eq!(
            wrong(json!({"not": {"any": [{"header": {"name": "a b"}}]}})),
            "not.any[0].header: \"a b\" is not a header name: use letters, digits and dashes"
        );
        let unknown = wrong(json!({"not": {"pathh": "/a"}}));
        assert!(unknown.starts_with("not.pathh: unknown field `pathh`"), "{unknown}");
        let kind = wrong(json!({"any": [{"path": 7}]}));
        assert!(kind.starts_with("any[0].path: invalid type"), "{kind}");
    }

    #[cfg(feature = "regex")]
    #[test]
    fn regular_expressions() {
        assert!(matches(&json!({"path_regex": "^/v[0-9]+/"}), "/v12/x"));
        let err = matcher(&json!({"path_regex": "("})).unwrap_err();
        assert_eq!(err.to_string(), "path_regex: \"(\" is not a regular expression: see the cause");
        assert!(std::error::Error::source(&err).is_some());
    }

    #[cfg(not(feature = "regex"))]
    #[test]
    fn regular_expressions_need_their_feature() {
        let err = matcher(&json!({"path_regex": "a"})).unwrap_err();
        assert!(err.to_string().contains("feature `regex`"), "{err}");
    }
}
