//! [`HttpCall`]: what matchers see of a request.

use std::borrow::Cow;

use http::{Extensions, HeaderMap, Method, Request, Uri, Version, header};

/// What matchers see of a request: all but its body.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct HttpCall<'a> {
    /// The method.
    pub method: &'a Method,
    /// The target.
    pub uri: &'a Uri,
    /// The protocol version.
    pub version: Version,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// What middleware has put beside the request.
    pub extensions: &'a Extensions,
}

impl<'a> HttpCall<'a> {
    /// The view of `request`.
    #[inline]
    pub fn of<B>(request: &'a Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            version: request.version(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }

    /// The path as it is on the wire, percent-encoding and all.
    pub fn path(self) -> &'a str {
        self.uri.path()
    }

    /// The host without its port: the target's, or the `host` header's.
    pub fn host(self) -> Option<&'a str> {
        if let Some(host) = self.uri.host() {
            return Some(host);
        }
        let host = self.headers.get(header::HOST)?.to_str().ok()?;
        // An IPv6 address in brackets has colons of its own.
        let end = host.find(']').map_or(0, |bracket| bracket + 1);
        let port = host[end..].find(':').map_or(host.len(), |colon| end + colon);
        Some(&host[..port])
    }

    /// The pairs of the query, decoded, in their order.
    pub fn query(self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> {
        form_urlencoded::parse(self.uri.query().unwrap_or_default().as_bytes())
    }

    /// The value of a header, if it has one that is text.
    pub fn header(self, name: &str) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host_of(header: &str) -> Option<String> {
        let request = Request::get("/").header("host", header).body(()).unwrap();
        HttpCall::of(&request).host().map(str::to_owned)
    }

    #[test]
    fn host_comes_without_its_port() {
        assert_eq!(host_of("shop.test:8080").as_deref(), Some("shop.test"));
        assert_eq!(host_of("shop.test").as_deref(), Some("shop.test"));
        assert_eq!(host_of("[::1]:8080").as_deref(), Some("[::1]"));
        assert_eq!(host_of("[::1]").as_deref(), Some("[::1]"));
        let target = Request::get("http://a.test:1/").header("host", "b.test").body(()).unwrap();
        assert_eq!(HttpCall::of(&target).host(), Some("a.test"));
        let none = Request::get("/").body(()).unwrap();
        assert_eq!(HttpCall::of(&none).host(), None);
    }
}
