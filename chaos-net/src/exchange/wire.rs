//! Carries the effects of [`Http`] out.

use chaos_core::Point;
use chaos_core::point::Hit;
use http::{Request, Response};
use http_body::Body;

use super::{Effect, Http, HttpCall};
use crate::body::FaultyBody;
use crate::injected::{InjectedError, InjectedKind};
use crate::injected_panic;
use crate::layer::{Act, MakeError, Reply, Turn, Wire};

impl<X, B, RB, E> Wire<X, Request<B>, Response<RB>, E> for Http
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

    fn before(act: Act<'_, Self, X>, request: &mut Request<B>) -> Turn<(), Result<Self::Answer, E>> {
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
        act: Act<'_, Self, X>,
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
        point: &Point<Self>,
        answer: Result<Self::Answer, E>,
    ) -> Result<Self::Answer, E> {
        let fault = match hit.effect().map(|effect| &effect.0) {
            Some(Effect::Body(fault)) => fault.clone(),
            _ => return answer,
        };
        answer.map(|response| fault.put_on(response, hit, point))
    }
}

fn injected<X: MakeError<E>, E>(act: &Act<'_, Http, X>, kind: InjectedKind) -> Option<E> {
    act.means.make(InjectedError::made_by(kind, act.hit.rule(), act.point.name()))
}
