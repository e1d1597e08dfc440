//! [`MeterService`] and its layer.

use std::task::{Context, Poll};

use chaos_core::measure::Recorder;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use super::classify::Classify;
use super::future::MeterFuture;

/// Measures services into one meter; made by [`Meter::layer`](super::Meter::layer).
#[derive(Debug, Clone)]
pub struct MeterLayer<C> {
    recorder: Recorder,
    classify: C,
}

impl<C> MeterLayer<C> {
    pub(super) fn new(recorder: Recorder, classify: C) -> Self {
        Self { recorder, classify }
    }
}

impl<S, C: Clone> Layer<S> for MeterLayer<C> {
    type Service = MeterService<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        MeterService { inner, recorder: self.recorder.clone(), classify: self.classify.clone() }
    }
}

/// A measured service.
#[derive(Debug, Clone)]
pub struct MeterService<S, C> {
    inner: S,
    recorder: Recorder,
    classify: C,
}

impl<S, C> MeterService<S, C> {
    /// The service that is measured.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service that is measured.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Takes the meter away again.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, C, Req> Service<Req> for MeterService<S, C>
where
    S: Service<Req>,
    C: Classify<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = MeterFuture<S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let call = self.recorder.start(Instant::now());
        MeterFuture::new(self.inner.call(request), call, self.classify.clone())
    }
}
