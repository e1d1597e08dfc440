//! Carries the effects of [`Http`] out.

use chaos_core::Point;
use chaos_core::point::{Abilities, Hit};
use http::{Request, Response};
use http_body::Body;

use super::{Effect, Http, HttpCall};
use crate::body::FaultyBody;
use crate::injected::{InjectedError, InjectedKind};
use crate::injected_panic;
use crate::layer::{Act, MakeError, Means, Reply, Turn, Wire};

/// What a layer for HTTP was given: its point, which injected errors name, and a way to make the caller's error.
#[derive(Debug, Clone)]
pub struct HttpMeans<X> {
    pub(crate) point: Point<Http>,
    pub(crate) errors: X,
}

impl<X: Means> Means for HttpMeans<X> {
    const ABILITIES: Abilities = X::ABILITIES;
}

impl<X, B, RB, E> Wire<HttpMeans<X>, Request<B>, Response<RB>, E> for Http
where
    X: MakeError<E>,
    RB: Body,
{
    type Answer = Response<FaultyBody<RB>>;
    type Kept = ();

    #[inline]
    fn view(request: &Request<B>) -> HttpCall<'_> {
        HttpCall::of(request)
    }

    #[inline]
    fn pass(response: Response<RB>) -> Self::Answer {
        response.map(FaultyBody::new)
    }

    fn before(
        act: Act<'_, Self, HttpMeans<X>>,
        request: &mut Request<B>,
    ) -> Turn<(), Result<Self::Answer, E>> {
        match &act.effect.0 {
            Effect::Answer(answer) => Turn::Answer(Ok(answer.to(request.method()).map(FaultyBody::full))),
            Effect::Grpc(status) => Turn::Answer(Ok(status.response().map(FaultyBody::full))),
            Effect::Error(kind) => match injected(&act, *kind) {
                Some(error) => Turn::Answer(Err(error)),
                None => Turn::Call(()),
            },
            Effect::Hang => Turn::Hang,
            Effect::Panic(message) => injected_panic(message),
            Effect::RequestHeaders(edit) => {
                edit.apply(request.headers_mut());
                Turn::Call(())
            }
            Effect::ResponseStatus(_)
            | Effect::ResponseHeaders(_)
            | Effect::LoseResponse(_)
            | Effect::HangResponse
            | Effect::Body(_) => Turn::Call(()),
        }
    }

    fn after(
        act: Act<'_, Self, HttpMeans<X>>,
        (): (),
        result: Result<Response<RB>, E>,
    ) -> Reply<Result<Self::Answer, E>> {
        let result = match (&act.effect.0, result) {
            (Effect::LoseResponse(kind), result) => match injected(&act, *kind) {
                Some(error) => Err(error),
                None => result,
            },
            (Effect::HangResponse, result) => {
                return Reply::Hang(result.map(|response| response.map(FaultyBody::new)));
            }
            (Effect::ResponseStatus(status), Ok(mut response)) => {
                *response.status_mut() = *status;
                Ok(response)
            }
            (Effect::ResponseHeaders(edit), Ok(mut response)) => {
                edit.apply(response.headers_mut());
                Ok(response)
            }
            (_, result) => result,
        };
        Reply::Now(result.map(|response| response.map(FaultyBody::new)))
    }

    fn finish(
        hit: Hit<Self>,
        means: &HttpMeans<X>,
        answer: Result<Self::Answer, E>,
    ) -> Result<Self::Answer, E> {
        let fault = match hit.effect().map(|effect| &effect.0) {
            Some(Effect::Body(fault)) => fault.clone(),
            _ => return answer,
        };
        answer.map(|response| fault.put_on(response, hit, &means.point))
    }
}

fn injected<X: MakeError<E>, E>(act: &Act<'_, Http, HttpMeans<X>>, kind: InjectedKind) -> Option<E> {
    act.means.errors.make(InjectedError::made_by(kind, act.hit.rule(), act.means.point.name()))
}
