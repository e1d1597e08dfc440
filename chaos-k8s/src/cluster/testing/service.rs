//! The server as the service that a client takes.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use kube::client::Body;
use tower_service::Service;

use super::FakeApi;
use super::world::Served;

pub(super) struct FakeService(pub(super) FakeApi);

type Error = Box<dyn std::error::Error + Send + Sync>;

impl Service<Request<Body>> for FakeService {
    type Response = Response<Body>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let api = self.0.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect_bytes().await?;
            // As over a network, a caller that gives up between asking and hearing does not know.
            tokio::task::yield_now().await;
            let served = api.serve(&parts, &body);
            tokio::task::yield_now().await;
            let answer = match served {
                Served::Answer(answer) => answer,
                Served::Lost => {
                    return Err(
                        io::Error::new(io::ErrorKind::ConnectionReset, "the connection was reset").into()
                    );
                }
                Served::Never => std::future::pending().await,
            };
            let response = Response::builder()
                .status(answer.code)
                .header("content-type", "application/json")
                .body(Body::from(answer.body))?;
            Ok(response)
        })
    }
}
