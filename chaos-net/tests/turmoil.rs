//! The layer inside a turmoil simulation: the same seed gives the same trace, another seed another.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use chaos_core::units::{ms, secs};
use chaos_core::{Chaos, Delay};
use chaos_net::{ChaosLayer, InjectedError, InjectedKind, body, request};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};

const CALLS: u32 = 40;

/// When each call ended, in simulated time, and how.
type Trace = Vec<(Duration, String)>;

async fn serve() -> turmoil::Result {
    let listener = turmoil::net::TcpListener::bind((IpAddr::from(Ipv4Addr::UNSPECIFIED), 80)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let service = hyper::service::service_fn(|_: Request<Incoming>| async {
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("charged")))
        });
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
        );
    }
}

async fn send(request: Request<Empty<Bytes>>) -> Result<Response<Incoming>, BoxError> {
    let stream = turmoil::net::TcpStream::connect(("shop", 80)).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?)
}

fn run(seed: u64) -> Trace {
    let trace = Arc::new(Mutex::new(Trace::new()));
    // One seed for the network's latencies and our dice.
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .simulation_duration(secs(60))
        .min_message_latency(ms(1))
        .max_message_latency(ms(10))
        .build();
    sim.host("shop", serve);
    let seen = Arc::clone(&trace);
    sim.client("checkout", async move {
        let point = Chaos::seeded(seed).point("shop")?;
        let mut client = ServiceBuilder::new()
            .layer(ChaosLayer::http(point.clone()).error_from())
            .service(service_fn(send));
        let _slow = point.arm(request::latency(Delay::fixed(ms(150))).probability(0.3)?)?;
        let _down = point.arm(request::error(InjectedKind::Reset).probability(0.2)?)?;
        let _cut = point.arm(body::cut(3).probability(0.2)?)?;
        for _ in 0..CALLS {
            let request = Request::get("/charge").header("host", "shop").body(Empty::new())?;
            let outcome = match client.ready().await.map_err(|err| err.to_string())?.call(request).await {
                Ok(response) => match response.into_body().collect().await {
                    Ok(body) => format!("{:?}", body.to_bytes()),
                    Err(error) => error.to_string(),
                },
                Err(error) => InjectedError::find(&*error).ok_or("a fault of nobody's")?.to_string(),
            };
            seen.lock().unwrap().push((turmoil::elapsed(), outcome));
        }
        Ok(())
    });
    sim.run().unwrap();
    std::mem::take(&mut trace.lock().unwrap())
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let first = run(7);
    assert_eq!(first.len(), CALLS as usize);
    assert_eq!(first, run(7));
    let count = |what: &str| first.iter().filter(|(_, outcome)| outcome.contains(what)).count();
    assert!(
        count("charged") > 0 && count("error: connection reset") > 0 && count("cut after") > 0,
        "{first:?}"
    );
    assert_ne!(first, run(8));
    let outcomes = |trace: &Trace| trace.iter().map(|(_, outcome)| outcome.clone()).collect::<Vec<_>>();
    assert_ne!(outcomes(&first), outcomes(&run(9)));
}
