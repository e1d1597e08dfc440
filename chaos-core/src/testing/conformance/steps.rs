//! [`Steps`]: the steps of a fault's life, each bounded, each error named.

use std::fmt::{Debug, Display};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crate::clock::Clock;
use crate::error::Result;
use crate::fault::{Fault, Plan, Undo};
use crate::target::Approved;

pub(super) type Found<T = ()> = std::result::Result<T, String>;

const LIMIT: Duration = Duration::from_secs(30);

pub(super) struct Steps<'a, F, T, W> {
    pub(super) fault: &'a F,
    target: &'a T,
    world: &'a W,
    clock: Clock,
}

impl<'a, F, T, W, S> Steps<'a, F, T, W>
where
    F: Fault,
    T: AsyncFn() -> Result<F::Target>,
    W: AsyncFn(&F::Target) -> S,
    S: PartialEq + Debug,
{
    pub(super) fn new(fault: &'a F, target: &'a T, world: &'a W) -> Self {
        Self { fault, target, world, clock: Clock::auto() }
    }

    pub(super) async fn target(&self) -> Found<F::Target> {
        self.bounded("making a target", (self.target)()).await
    }

    pub(super) async fn world(&self, target: &F::Target) -> Found<S> {
        self.bounded("looking at the world", async { Ok((self.world)(target).await) }).await
    }

    pub(super) async fn prepare(&self, target: &F::Target) -> Found<Plan<F::Undo>> {
        self.bounded("prepare", self.fault.prepare(target)).await
    }

    pub(super) async fn inject(&self, target: &F::Target, undo: &F::Undo) -> Found {
        let target = Approved::new(target.clone(), None);
        self.fault.gather(&[(&target, undo)]);
        self.bounded("inject", self.fault.inject(&target, undo)).await
    }

    /// Polls an inject `polls` times and drops it. True when it had ended by then, well or badly.
    pub(super) async fn inject_in_part(
        &self,
        target: &F::Target,
        undo: &F::Undo,
        polls: usize,
    ) -> Found<bool> {
        let target = Approved::new(target.clone(), None);
        self.fault.gather(&[(&target, undo)]);
        let mut inject = pin!(self.fault.inject(&target, undo));
        let mut polled = 0;
        let part = poll_fn(|cx| {
            if polled < polls {
                polled += 1;
                if inject.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Ok(true));
                }
            }
            if polled == polls { Poll::Ready(Ok(false)) } else { Poll::Pending }
        });
        self.bounded("inject", part).await
    }

    pub(super) async fn is_in_force(&self, target: &F::Target, undo: &F::Undo) -> Found<bool> {
        let observed = self.bounded("observe", self.fault.observe(target, undo)).await?;
        Ok(observed.is_in_force())
    }

    pub(super) async fn revert(&self, target: &F::Target, undo: &F::Undo) -> Found {
        self.bounded("revert", undo.revert(self.fault.via(target))).await
    }

    pub(super) async fn is_gone(&self, target: &F::Target, undo: &F::Undo) -> Found<bool> {
        self.bounded("is_gone", undo.is_gone(self.fault.via(target))).await
    }

    /// That the world is as it was found, and the undo says so.
    pub(super) async fn expect_restored(
        &self,
        target: &F::Target,
        undo: &F::Undo,
        found: &S,
        after: &str,
    ) -> Found {
        self.expect_world(target, found, after).await?;
        expect(self.is_gone(target, undo).await?, format!("is_gone says false after {after}"))
    }

    pub(super) async fn expect_world(&self, target: &F::Target, found: &S, after: &str) -> Found {
        let now = self.world(target).await?;
        expect(now == *found, format!("after {after} the world is {}, it was {}", brief(&now), brief(found)))
    }

    async fn bounded<V>(&self, step: &str, future: impl Future<Output = Result<V>>) -> Found<V> {
        match self.clock.timeout(LIMIT, future).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(format!("{step} failed: {}", error.chain())),
            Err(_) => Err(format!("{step} did not end within {LIMIT:?}")),
        }
    }
}

pub(super) fn expect(kept: bool, otherwise: impl Display) -> Found {
    if kept { Ok(()) } else { Err(otherwise.to_string()) }
}

/// A world on one line of a report: large ones are cut.
fn brief(world: &impl Debug) -> String {
    const MOST: usize = 200;
    let text = format!("{world:?}");
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}... ({} bytes)", &text[..end], text.len()),
        None => text,
    }
}
