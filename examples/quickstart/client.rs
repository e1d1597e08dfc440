//! The client under test: hyper behind a timeout, and retries where they are asked for.
//!
//! From the caller down: meter, retries, timeout, faults, hyper. The faults stand where the network does, so retries
//! and timeouts see them.

use std::fmt;
use std::net::SocketAddr;

use bytes::Bytes;
use chaos_core::units::ms;
use chaos_core::{Chaos, Clock, Point};
use chaos_net::{ChaosLayer, Http, HttpMeter};
use http::{Request, Response};
use http_body_util::Full;
use hyper_util::client::legacy::Client as Hyper;
use hyper_util::rt::TokioExecutor;
use tower::retry::Policy;
use tower::util::BoxCloneService;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt};

type Charge = Request<Full<Bytes>>;

/// How often a failed call is tried again.
#[derive(Debug, Clone, Copy)]
pub enum Retries {
    None,
    Three,
}

impl fmt::Display for Retries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "no retries",
            Self::Three => "three retries",
        })
    }
}

#[derive(Clone)]
pub struct Client {
    service: BoxCloneService<Charge, (), BoxError>,
    server: SocketAddr,
    clock: Clock,
}

impl Client {
    pub fn new(
        server: SocketAddr,
        chaos: &Chaos,
        payments: Point<Http>,
        meter: &HttpMeter,
        retries: Retries,
    ) -> Self {
        let again = Again {
            left: matches!(retries, Retries::Three).then_some(3).unwrap_or(0),
            clock: chaos.clock().clone(),
        };
        let service = ServiceBuilder::new()
            .map_response(drop)
            .layer(meter.layer())
            .retry(again)
            .timeout(ms(150))
            .layer(ChaosLayer::http(payments))
            .map_err(BoxError::from)
            .service(Hyper::builder(TokioExecutor::new()).build_http());
        Self { service: BoxCloneService::new(service), server, clock: chaos.clock().clone() }
    }

    pub async fn call_for_ever(mut self) {
        loop {
            let charge = Request::post(format!("http://{}/charge", self.server)).body(Full::default());
            if let (Ok(charge), Ok(ready)) = (charge, self.service.ready().await) {
                // How it went is the meter's to say.
                let _ = ready.call(charge).await;
            }
            self.clock.sleep(ms(20)).await;
        }
    }
}

/// Tries again after an error or a 5xx answer, a little later each time.
#[derive(Clone)]
struct Again {
    left: u32,
    clock: Clock,
}

impl<B> Policy<Charge, Response<B>, BoxError> for Again {
    type Future = chaos_core::clock::Sleep;

    fn retry(&mut self, _: &mut Charge, result: &mut Result<Response<B>, BoxError>) -> Option<Self::Future> {
        let failed = result.as_ref().map_or(true, |response| response.status().is_server_error());
        if !failed || self.left == 0 {
            return None;
        }
        self.left -= 1;
        Some(self.clock.sleep(ms(10)))
    }

    fn clone_request(&mut self, request: &Charge) -> Option<Charge> {
        Some(request.clone())
    }
}
