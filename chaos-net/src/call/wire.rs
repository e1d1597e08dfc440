//! Carries the effects of [`Call`] out.

use super::{Call, CallEffect};
use crate::injected_panic;
use crate::layer::{Act, Reply, Turn, Wire};

impl<Req, Res, E> Wire<(), Req, Res, E> for Call<Req, Res, E>
where
    Req: 'static,
{
    type Answer = Res;
    // The error of a lost response: it is made of the request, which the call takes away.
    type Kept = Option<E>;

    #[inline]
    fn view(request: &Req) -> &Req {
        request
    }

    #[inline]
    fn pass(response: Res) -> Res {
        response
    }

    fn before(act: Act<'_, Self, ()>, request: &mut Req) -> Turn<Option<E>, Result<Res, E>> {
        match act.effect {
            CallEffect::Error(make) => Turn::Answer(Err(make(request))),
            CallEffect::Respond(make) => Turn::Answer(Ok(make(request))),
            CallEffect::Hang => Turn::Hang,
            CallEffect::LoseResponse(make) => Turn::Call(Some(make(request))),
            CallEffect::HangResponse => Turn::Call(None),
            CallEffect::Panic(message) => injected_panic(message),
        }
    }

    fn after(act: Act<'_, Self, ()>, kept: Option<E>, result: Result<Res, E>) -> Reply<Result<Res, E>> {
        match (act.effect, kept) {
            (CallEffect::LoseResponse(_), Some(error)) => Reply::Now(Err(error)),
            (CallEffect::HangResponse, _) => Reply::Hang(result),
            _ => Reply::Now(result),
        }
    }
}
