//! What cannot be is refused before anything is asked.

use std::time::Duration;

use chaos_core::units::ms;
use chaos_core::{Chaos, Error, Probe};
use chaos_net::probe::{HttpProbe, TcpProbe, http, tcp};

use super::world::experiment;

fn shop() -> HttpProbe {
    http("http://shop.test/health?token=secret").unwrap()
}

#[test]
fn arguments_that_cannot_be_are_errors_at_once() {
    for (error, why) in [
        (
            http("https://shop.test/").unwrap_err(),
            "https is not spoken here, use your own client in probe::check",
        ),
        (http("http://shop.test:0/").unwrap_err(), "its port is not in 1..=65535"),
        (tcp("shop.test:0").unwrap_err(), "its port is not in 1..=65535"),
        (shop().method("").unwrap_err(), "not a method"),
        (shop().method("G T").unwrap_err(), "not a method"),
        (shop().method("get").unwrap_err(), "use \"GET\""),
        (shop().method("CONNECT").unwrap_err(), "probe::tcp"),
        (shop().header("a b", "c").unwrap_err(), "not a header name"),
        (shop().header("a", "b\nc").unwrap_err(), "visible characters"),
        (shop().header("Content-Length", "3").unwrap_err(), "the probe's own"),
        (shop().header("transfer-encoding", "chunked").unwrap_err(), "the probe's own"),
        (shop().header("connection", "upgrade").unwrap_err(), "the probe's own"),
        (shop().status_in(300..300).unwrap_err(), "without a status"),
    ] {
        assert!(error.is_invalid() && error.to_string().contains(why), "{error} instead of {why}");
    }
}

async fn refused(probe: impl Into<Probe>) -> Error {
    experiment(&Chaos::seeded(7), probe).run().await.unwrap_err()
}

#[tokio::test]
async fn those_that_come_without_a_result_are_errors_of_the_run() {
    let tcp = || -> TcpProbe { tcp("127.0.0.1:1").unwrap() };
    for (error, why) in [
        (refused(shop().status(99)).await, "status 99 is not in 100..=999"),
        (refused(shop().status_in(..100).unwrap()).await, "status 0..=99 is not in 100..=999"),
        (refused(shop().body_contains("")).await, "an empty text is in every body"),
        (refused(shop().within(Duration::ZERO)).await, "nothing comes within 0s"),
        (refused(tcp().within(Duration::ZERO)).await, "nothing comes within 0s"),
        (refused(shop().timeout(Duration::ZERO)).await, "a timeout of zero"),
        (refused(tcp().timeout(Duration::ZERO)).await, "a timeout of zero"),
    ] {
        assert!(error.is_invalid() && error.to_string().contains(why), "{error} instead of {why}");
    }
}

#[test]
fn names_and_tolerances_are_in_words_without_secrets() {
    let probe = shop().header("authorization", "Bearer hidden").unwrap().within(ms(200));
    assert_eq!(probe.to_string(), "GET http://shop.test/health");
    let debugged = format!("{probe:?}");
    assert!(!debugged.contains("hidden") && !debugged.contains("secret"), "{debugged}");
    let probe = Probe::from(probe.method("POST").unwrap().body_contains("ok"));
    assert_eq!(probe.name(), "POST http://shop.test/health");
    assert_eq!(probe.tolerance(), "status 200..=299, body contains \"ok\", within 200ms");
    let db = Probe::from(tcp("[::1]:5432").unwrap().within(ms(50)));
    assert_eq!((db.name(), &*db.tolerance()), ("tcp [::1]:5432", "connects, within 50ms"));
    let latency = tcp("db.test:5432").unwrap().latency().at_most(20.0).unwrap();
    assert_eq!((latency.name(), &*latency.tolerance()), ("tcp db.test:5432: latency in ms", "at most 20"));
}
