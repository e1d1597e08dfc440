//! [`Gate`]: where the requests of a mount pass the point.
//!
//! A request that no rule touches is done where it arrives. One that is to wait does so as a task of the mount's own
//! runtime, thousands at a time, and is then done on a thread of its own: it holds up nobody else.

use std::future::{Future, poll_fn};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::Poll;

use chaos_core::point::{Attachment, Hit};
use chaos_core::{Error, Point, Result};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::watch;

use super::happening::Happening;
use crate::effect::{Effect, IoEffect};
use crate::operation::{Io, IoCall, MOUNT};

#[derive(Debug)]
pub(super) struct Gate {
    point: Point<Io>,
    mount_point: PathBuf,
    closed: watch::Receiver<bool>,
    // None after the end of the session.
    runtime: Option<Runtime>,
    _attached: Attachment<Io>,
}

impl Gate {
    /// A gate of `point`, and what closes it: then every request passes, and those that are held are let go.
    pub(super) fn new(point: Point<Io>, mount_point: &Path) -> Result<(Self, watch::Sender<bool>)> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("chaos-mount")
            .enable_all()
            .build()
            .map_err(|err| Error::failed("no runtime could be made for the mount").with_source(err))?;
        let (close, closed) = watch::channel(false);
        let _attached = point.attach(MOUNT);
        let gate =
            Self { point, mount_point: mount_point.to_owned(), closed, runtime: Some(runtime), _attached };
        Ok((gate, close))
    }

    /// What a rule has for this request; `path` is asked for when there are rules, and is given the mount point.
    #[inline]
    pub(super) fn decide(&self, call: IoCall<'_>, path: impl FnOnce(&Path) -> PathBuf) -> Option<Hit<Io>> {
        if self.point.is_off() || *self.closed.borrow() {
            return None;
        }
        let path = path(&self.mount_point);
        self.point.decide(call.on(&path), MOUNT)
    }

    /// Does `work` on a thread of its own, also when no rule touches it: it is slow by itself. What `work` returns is the
    /// answer.
    pub(super) fn pass_aside<A>(
        &self,
        call: IoCall<'_>,
        path: impl FnOnce(&Path) -> PathBuf,
        work: impl FnOnce(&Happening) -> A + Send + 'static,
    ) where
        A: FnOnce() + Send + 'static,
    {
        match (self.decide(call, path), &self.runtime) {
            (Some(hit), _) => self.carry_out(hit, call.len, work),
            (None, Some(runtime)) => drop(runtime.spawn_blocking(move || work(&Happening::default())())),
            (None, None) => work(&Happening::default())(),
        }
    }

    /// Does `work` as `hit` says, when it is time; what `work` returns is the answer.
    pub(super) fn carry_out<A>(
        &self,
        mut hit: Hit<Io>,
        len: usize,
        work: impl FnOnce(&Happening) -> A + Send + 'static,
    ) where
        A: FnOnce() + Send + 'static,
    {
        let Some(runtime) = &self.runtime else { return };
        let (closed, aside) = (self.closed.clone(), runtime.handle().clone());
        runtime.spawn(async move {
            unless_closed(&closed, before(&mut hit, len)).await;
            let happening = Happening {
                effect: hit.effect().filter(|_| !*closed.borrow()).cloned(),
                rule: hit.rule(),
                rolls: hit.rolls(),
            };
            let Some(answer) = on_a_thread(&aside, move || work(&happening)).await else { return };
            unless_closed(&closed, poll_fn(|cx| hit.poll_after(cx))).await;
            answer();
        });
    }

    /// The session is over: nobody waits for an answer any more.
    pub(super) fn shut_down(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn before(hit: &mut Hit<Io>, len: usize) {
    poll_fn(|cx| hit.poll_before(cx)).await;
    match hit.effect() {
        Some(IoEffect(Effect::Stuck)) => poll_fn(|cx| hit.poll_hang(cx)).await,
        Some(IoEffect(Effect::Throttle(throttle))) => {
            let Some(rule) = hit.rule() else { return };
            let clock = hit.clock().clone();
            let wait = throttle.reserve(&rule, len, clock.now());
            let (mut sleep, mut watch) = (pin!(clock.sleep(wait)), hit.watch());
            poll_fn(|cx| {
                if watch.poll_reverted(cx).is_ready() { Poll::Ready(()) } else { sleep.as_mut().poll(cx) }
            })
            .await;
        }
        _ => {}
    }
}

async fn unless_closed(closed: &watch::Receiver<bool>, wait: impl Future<Output = ()>) {
    let mut closed = closed.clone();
    // It ends too when the mount is gone without closing it.
    let mut end = pin!(async move { drop(closed.wait_for(|closed| *closed).await) });
    let mut wait = pin!(wait);
    poll_fn(|cx| if wait.as_mut().poll(cx).is_ready() { Poll::Ready(()) } else { end.as_mut().poll(cx) })
        .await;
}

async fn on_a_thread<T: Send + 'static>(
    aside: &Handle,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    aside.spawn_blocking(work).await.ok()
}
