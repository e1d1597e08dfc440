//! Our layer around a service that is ready at once and answers at once.

use std::error::Error;
use std::future::{Ready, ready};
use std::io;
use std::time::Duration;

use bytes::Bytes;
use chaos_core::{Chaos, Delay, Rule};
use chaos_net::call::{self, Call};
use chaos_net::{ChaosLayer, request};
use http::{Request, Response, Uri};
use http_body_util::Empty;
use tower::util::BoxCloneService;
use tower::{Layer, Service, service_fn};

use crate::drive::calls;
use crate::{Case, Worker};

type Number = Call<u64, u64, io::Error>;
type Result<T = Vec<Worker>> = std::result::Result<T, Box<dyn Error>>;

/// Too small to come up in any run, so that dice are thrown and fall against the rule.
pub(crate) const NEVER: f64 = 1e-9;

pub(super) const CASES: &[Case] = &[
    Case { name: "bare", limit: None, allocates: false, start: |n| Ok(calls(&bare(), number, (), n)) },
    Case {
        name: "BoxCloneService",
        limit: None,
        allocates: true,
        start: |n| Ok(calls(&BoxCloneService::new(bare()), number, (), n)),
    },
    Case { name: "chaos: off", limit: Some(36), allocates: false, start: |n| with(vec![], n) },
    Case {
        name: "chaos: armed, not matching",
        limit: Some(120),
        allocates: false,
        start: |n| with(vec![not_matching()], n),
    },
    Case {
        name: "chaos: 4 armed, not matching",
        limit: None,
        allocates: false,
        start: |n| with((0..4).map(|_| not_matching()).collect(), n),
    },
    Case {
        name: "chaos: matching, dice against it",
        limit: Some(200),
        allocates: false,
        start: |n| {
            with(
                vec![
                    call::latency(Delay::fixed(Duration::ZERO))
                        .matching(|n| *n < u64::MAX)
                        .probability(NEVER)?,
                ],
                n,
            )
        },
    },
    Case {
        name: "chaos: hit, zero delay",
        limit: Some(250),
        allocates: false,
        start: |n| with(vec![call::latency(Delay::fixed(Duration::ZERO))], n),
    },
    Case {
        name: "chaos: hit, zero delay, counted at once",
        limit: Some(700),
        allocates: true,
        start: |n| with(vec![call::latency(Delay::fixed(Duration::ZERO)).at_once(1_000)?], n),
    },
    Case {
        name: "chaos: hit, error",
        limit: Some(700),
        allocates: true,
        start: |n| with(vec![call::error(|_: &u64| io::ErrorKind::ConnectionReset.into())], n),
    },
];

pub(super) const HTTP: &[Case] = &[
    Case { name: "http: bare", limit: None, allocates: false, start: |n| Ok(calls(&web(), get, (), n)) },
    Case { name: "http: off", limit: None, allocates: false, start: |n| with_http(vec![], n) },
    Case {
        name: "http: armed, other path",
        limit: None,
        allocates: false,
        start: |n| {
            with_http(vec![request::latency(Delay::fixed(Duration::ZERO)).when(request::path("/charge")?)], n)
        },
    },
];

/// The service in the middle of it all.
pub(crate) fn bare() -> impl Service<u64, Response = u64, Error = io::Error, Future = Ready<io::Result<u64>>>
+ Clone
+ Send
+ Sync
+ 'static {
    service_fn(|n: u64| ready(Ok(n)))
}

pub(crate) fn number(n: u64) -> u64 {
    n
}

fn not_matching() -> Rule<Number> {
    call::latency(Delay::fixed(Duration::ZERO)).matching(|n: &u64| *n == u64::MAX)
}

fn with(rules: Vec<Rule<Number>>, workers: usize) -> Result {
    let point = Chaos::seeded(7).point("bench")?;
    let armed = super::arm(&point, rules)?;
    Ok(calls(&ChaosLayer::call(point).layer(bare()), number, armed, workers))
}

fn web() -> impl Service<Request<()>, Response = Response<Empty<Bytes>>, Error = io::Error, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static {
    service_fn(|_: Request<()>| ready(Ok(Response::new(Empty::new()))))
}

fn get(_: u64) -> Request<()> {
    let mut request = Request::new(());
    *request.uri_mut() = Uri::from_static("/cart");
    request
}

fn with_http(rules: Vec<Rule<chaos_net::Http>>, workers: usize) -> Result {
    let point = Chaos::seeded(7).point("bench")?;
    let armed = super::arm(&point, rules)?;
    Ok(calls(&ChaosLayer::http(point).error_from().layer(web()), get, armed, workers))
}
