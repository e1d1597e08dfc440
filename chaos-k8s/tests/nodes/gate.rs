//! [`Gate`]: what each request passes on its way to the API server.

use std::pin::Pin;
use std::task::{Context, Poll};

use chaos_k8s::cluster::kube::Client;
use chaos_k8s::cluster::kube::client::Body;
use http::request::Parts;
use http::{Request, Response};
use tower_service::Service;

pub(crate) trait Gate: Clone + Send + Sync + 'static {
    /// What is sent in the place of this body.
    fn pass(&self, request: &Parts, body: Vec<u8>) -> Vec<u8>;

    /// The answer is there, and was not given on yet.
    fn answered(&self, request: &Parts) {
        let _ = request;
    }
}

/// The API server behind a gate.
pub(crate) fn behind(gate: impl Gate, client: &Client) -> Client {
    Client::new(Gated { gate, client: client.clone() }, "default")
}

#[derive(Clone)]
struct Gated<G> {
    gate: G,
    client: Client,
}

type Error = Box<dyn std::error::Error + Send + Sync>;

impl<G: Gate> Service<Request<Body>> for Gated<G> {
    type Response = Response<Body>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = this.gate.pass(&parts, body.collect_bytes().await?.to_vec());
            let answer = this.client.send(Request::from_parts(parts.clone(), Body::from(body))).await?;
            this.gate.answered(&parts);
            Ok(answer)
        })
    }
}
