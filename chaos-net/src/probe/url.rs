//! [`Url`]: where an http probe asks.

use std::fmt;

use chaos_core::{Error, Result};
use http::uri::{InvalidUri, PathAndQuery, Scheme};
use http::{HeaderValue, Uri};

use super::address::Address;

/// A checked `http://` URL in the parts that a request needs.
#[derive(Clone)]
pub(super) struct Url {
    pub(super) address: Address,
    /// Host, and port unless it is 80: what the `host` header says.
    pub(super) host: HeaderValue,
    pub(super) path_and_query: PathAndQuery,
    /// For people; without the query, which may hold a secret.
    pub(super) shown: String,
}

impl Url {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| Error::invalid(format!("{text:?} is not a URL to probe: {why}"));
        let uri: Uri = text.parse().map_err(|source: InvalidUri| {
            wrong("write it as \"http://127.0.0.1:8080/health\"").with_source(source)
        })?;
        match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => {}
            Some(scheme) if *scheme == Scheme::HTTPS => {
                return Err(wrong(
                    "https is not spoken here, use your own client in probe::check(name, closure)",
                ));
            }
            Some(_) => return Err(wrong("only http:// is spoken here")),
            None => return Err(wrong("begin it with http://")),
        }
        let authority = uri.authority().ok_or_else(|| wrong("it has no host"))?;
        if authority.as_str().contains('@') {
            // Not shown: it is a secret.
            return Err(Error::invalid(
                "a URL to probe has a user in it: send credentials by .header(\"authorization\", ..)",
            ));
        }
        if authority.host().is_empty() {
            return Err(wrong("it has no host"));
        }
        let port = match authority.as_str()[authority.host().len()..].strip_prefix(':') {
            None => 80,
            Some(port) => match port.parse() {
                Ok(port @ 1..) => port,
                _ => return Err(wrong("its port is not in 1..=65535")),
            },
        };
        let address = Address::new(authority.host(), port);
        let host = match port {
            80 => authority.host().to_owned(),
            _ => format!("{}:{port}", authority.host()),
        };
        let shown = format!("http://{host}{}", uri.path());
        let host = HeaderValue::try_from(host).map_err(|source| wrong("see its host").with_source(source))?;
        let path_and_query = match uri.path_and_query() {
            None => PathAndQuery::from_static("/"),
            // "?b=c" alone is no request target.
            Some(bare) if !bare.as_str().starts_with('/') => format!("/{}", bare.as_str())
                .parse()
                .map_err(|source: InvalidUri| wrong("see its path").with_source(source))?,
            Some(whole) => whole.clone(),
        };
        Ok(Self { address, host, path_and_query, shown })
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shown, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_parts_are_what_a_request_needs() {
        for (text, address, host, path, shown) in [
            ("http://shop.test", "shop.test:80", "shop.test", "/", "http://shop.test/"),
            ("http://shop.test:80/a", "shop.test:80", "shop.test", "/a", "http://shop.test/a"),
            (
                "HTTP://shop.test:8080/a?b=c#d",
                "shop.test:8080",
                "shop.test:8080",
                "/a?b=c",
                "http://shop.test:8080/a",
            ),
            ("http://shop.test?b=c", "shop.test:80", "shop.test", "/?b=c", "http://shop.test/"),
            ("http://[::1]:81/", "[::1]:81", "[::1]:81", "/", "http://[::1]:81/"),
            ("http://[::1]/", "[::1]:80", "[::1]", "/", "http://[::1]/"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!(url.address.to_string(), address, "{text}");
            assert_eq!(url.host, host, "{text}");
            assert_eq!(url.path_and_query, path, "{text}");
            assert_eq!(url.shown, shown, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_asked_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "write it as"),
            ("/health", "begin it with http://"),
            ("127.0.0.1:8080", "begin it with http://"),
            ("127.0.0.1:8080/health", "write it as"),
            ("http://", "write it as"),
            ("http:///health", "write it as"),
            ("http://:80/", "it has no host"),
            ("http://a b/", "write it as"),
            ("https://shop.test/", "use your own client in probe::check"),
            ("ftp://shop.test/", "only http://"),
            ("http://shop.test:0/", "its port is not in 1..=65535"),
            ("http://shop.test:65536/", "its port is not in 1..=65535"),
            ("http://shop.test:/", "its port is not in 1..=65535"),
            ("http://shop.test:http/", "its port is not in 1..=65535"),
        ] {
            let error = Url::parse(text).unwrap_err();
            assert!(error.is_invalid() && error.to_string().contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn credentials_are_refused_and_not_shown() {
        let error = Url::parse("http://alice:secret@shop.test/").unwrap_err();
        assert!(error.is_invalid() && !error.chain().contains("secret"), "{}", error.chain());
    }
}
