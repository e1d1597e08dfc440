//! Which requests matchers match, and what they refuse.

use chaos_core::{Matcher, Result};
use http::Request;

use super::*;
use crate::exchange::{Http, HttpCall};

fn matches(matcher: &Matcher<Http>, request: http::request::Builder) -> bool {
    matcher.matches(HttpCall::of(&request.body(()).unwrap()))
}

fn on_path(matcher: Result<Matcher<Http>>, path: &str) -> bool {
    matches(&matcher.unwrap(), Request::get(path))
}

#[test]
fn paths() {
    assert!(on_path(path("/charge"), "http://a.test/charge?x=1"));
    assert!(!on_path(path("/charge"), "/charge/"));
    assert!(!on_path(path("/charge"), "/Charge"));
    assert!(on_path(path("/a%20b"), "/a%20b"));

    assert!(on_path(path_prefix("/api"), "/api"));
    assert!(on_path(path_prefix("/api"), "/api/x"));
    assert!(!on_path(path_prefix("/api"), "/apis"));
    assert!(on_path(path_prefix("/api/"), "/api/x"));
    assert!(!on_path(path_prefix("/api/"), "/api"));
    assert!(on_path(path_prefix("/"), "/anything"));
}

#[test]
fn globs() {
    assert!(on_path(path_glob("/users/*/cart"), "/users/7/cart"));
    assert!(!on_path(path_glob("/users/*/cart"), "/users/7/8/cart"));
    assert!(on_path(path_glob("/users/**"), "/users/7/8/cart"));
    assert!(on_path(path_glob("/users/**/cart"), "/users/cart"));
    assert!(on_path(path_glob("**/cart"), "/users/7/cart"));
    assert!(on_path(path_glob("/v[12]/x?"), "/v2/xy"));
    assert!(!on_path(path_glob("/v[12]/x?"), "/v3/xy"));
    assert!(on_path(path_glob("/.hidden/*"), "/.hidden/.too"));
}

#[cfg(feature = "regex")]
#[test]
fn regular_expressions() {
    assert!(on_path(path_regex("^/orders/[0-9]+$"), "/orders/12"));
    assert!(!on_path(path_regex("^/orders/[0-9]+$"), "/orders/12/x"));
    assert!(on_path(path_regex("orders"), "/my/orders/12"));
}

#[test]
fn method_host_headers_query() {
    assert!(matches(&method("POST").unwrap(), Request::post("/")));
    assert!(!matches(&method("POST").unwrap(), Request::get("/")));
    assert!(matches(&method("PURGE").unwrap(), Request::builder().method("PURGE").uri("/")));

    assert!(matches(&host("Shop.test").unwrap(), Request::get("http://shop.TEST:8080/")));
    assert!(matches(&host("shop.test").unwrap(), Request::get("/").header("host", "shop.test:80")));
    assert!(!matches(&host("shop.test").unwrap(), Request::get("/")));

    let alice = marked("x-chaos", "alice").unwrap();
    assert!(matches(&alice, Request::get("/").header("X-Chaos", "alice")));
    assert!(matches(&alice, Request::get("/").header("x-chaos", "bob").header("x-chaos", "alice")));
    assert!(!matches(&alice, Request::get("/").header("x-chaos", "bob")));
    assert!(!matches(&alice, Request::get("/")));
    assert!(matches(&header_exists("x-chaos").unwrap(), Request::get("/").header("x-chaos", "")));

    assert!(matches(&query("q", "a b&c").unwrap(), Request::get("/?x=1&q=a+b%26c")));
    assert!(!matches(&query("q", "a").unwrap(), Request::get("/?x=a")));
    assert!(!matches(&query("q", "a").unwrap(), Request::get("/")));
}

#[test]
fn they_combine() {
    let charges = method("POST").unwrap() & path_prefix("/charge").unwrap();
    let not_eu = charges & !host("eu.test").unwrap() | path("/always").unwrap();
    assert!(matches(&not_eu, Request::post("http://us.test/charge/1")));
    assert!(!matches(&not_eu, Request::post("http://eu.test/charge/1")));
    assert!(matches(&not_eu, Request::get("http://eu.test/always")));
    assert_eq!(
        not_eu.to_string(),
        "(((method POST and path below /charge) and not host eu.test) or path /always)"
    );
    let version = matching(|call| call.version == http::Version::HTTP_2);
    assert!(matches(&version, Request::get("/").version(http::Version::HTTP_2)));
    let extension = matching(|call| call.extensions.get::<u8>() == Some(&7));
    assert!(matches(&extension, Request::get("/").extension(7_u8)));
}

#[test]
fn bad_input_is_refused_with_a_reason() {
    let says = |matcher: Result<Matcher<Http>>| {
        let err = matcher.unwrap_err();
        assert!(err.is_invalid());
        err.to_string()
    };
    assert_eq!(says(path("")), "path \"\" does not start with /: no request would match");
    assert_eq!(says(path("charge")), "path \"charge\" does not start with /: no request would match");
    assert!(says(path("/a?b=1")).starts_with("path \"/a?b=1\" has a query or fragment"));
    assert!(says(path_prefix("api")).starts_with("path \"api\" does not start"));
    assert_eq!(says(path_glob("")), "path glob \"\" does not start with / or *: no request would match");
    assert!(says(path_glob("/a/***")).starts_with("\"/a/***\" is not a glob at character"));
    assert!(says(path_glob("/a/[")).starts_with("\"/a/[\" is not a glob at character"));
    assert_eq!(says(method("post")), "method \"post\" is not in capitals, as methods are: use \"POST\"");
    assert_eq!(says(method("")), "\"\" is not a method");
    assert!(says(host("http://a")).starts_with("\"http://a\" is not a host"));
    assert!(says(host("a:80")).starts_with("\"a:80\" is not a host"));
    assert!(says(header("a b", "c")).starts_with("\"a b\" is not a header name"));
    assert!(says(header("a", "b\n")).starts_with("\"b\\n\" is not a value for header a"));
    assert_eq!(says(query("", "x")), "a query pair needs a key that is not empty");
    assert!(says(crate::grpc::method("shop.Cart")).starts_with("gRPC method \"shop.Cart\" is not like"));
    assert!(says(crate::grpc::method("a/b/c")).contains("is not like package.Service/Method"));
    assert!(says(crate::grpc::service("a/b")).contains("is not like package.Service"));
    #[cfg(feature = "regex")]
    {
        assert!(says(path_regex("")).starts_with("an empty regular expression"));
        assert!(says(path_regex("(")).starts_with("\"(\" is not a regular expression"));
    }
    for code in [0, 99, 100, 101, 199, 1000] {
        assert!(status(code).unwrap_err().to_string().ends_with("use 200 to 999"), "{code}");
    }
    assert!(add_header("ü", "x").unwrap_err().is_invalid());
}
