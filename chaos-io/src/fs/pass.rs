//! Operations on names, and what else moves no bytes: how they pass the point.

use std::future::{Future, poll_fn};
use std::io;

use crate::operation::IoKind;
use crate::wrapper::{Begun, Plain, Site};

/// Does `work` as an operation of this kind, unless a rule says otherwise. `lost` is what a caller is told whose operation
/// is acknowledged and not done; where there is nothing to tell, it is done.
pub(super) async fn pass<T>(
    site: &mut Site,
    kind: IoKind,
    lost: Option<T>,
    work: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let mut plain = Plain::default();
    let answer = match (poll_fn(|cx| plain.poll_begin(cx, site, kind)).await, lost) {
        (Begun::Answer(Err(err)), _) => Err(err),
        (Begun::Answer(Ok(())), Some(lost)) => Ok(lost),
        (Begun::Answer(Ok(())), None) | (Begun::Do, _) => work.await,
    };
    poll_fn(|cx| plain.poll_end(cx)).await;
    answer
}

/// Does `work` on a thread for what blocks, to its end, whoever gives the answer up.
#[expect(clippy::disallowed_methods, reason = "as tokio::fs itself does; nothing in it waits for a clock")]
pub(super) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(err) => Err(io::Error::other(err)),
    }
}
