//! `sync_all` and `sync_data` of files.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;

use ::tokio::fs::File;
use ::tokio::io::AsyncWrite;

use super::tokio::put;
use crate::operation::IoKind;
use crate::wrapper::{Begun, ChaosIo, Direction, Faults, Plain};

/// A file that can be told to outlive a crash.
pub(crate) trait Durable: AsyncWrite + Unpin {
    /// fsync, or fdatasync.
    fn sync(&mut self, data_only: bool) -> impl Future<Output = io::Result<()>> + Send;
}

impl Durable for File {
    async fn sync(&mut self, data_only: bool) -> io::Result<()> {
        if data_only { self.sync_data().await } else { self.sync_all().await }
    }
}

impl<D: Direction> ChaosIo<File, D> {
    /// [`File::sync_all`], as an operation of kind [`Sync`](IoKind::Sync). What the wrapper holds is written first.
    ///
    /// # Errors
    /// Those of the file, and of rules.
    #[cfg_attr(docsrs, doc(cfg(feature = "fs")))]
    pub async fn sync_all(&mut self) -> io::Result<()> {
        sync(self, false).await
    }

    /// [`File::sync_data`], as an operation of kind [`Sync`](IoKind::Sync). What the wrapper holds is written first.
    ///
    /// # Errors
    /// Those of the file, and of rules.
    #[cfg_attr(docsrs, doc(cfg(feature = "fs")))]
    pub async fn sync_data(&mut self) -> io::Result<()> {
        sync(self, true).await
    }
}

/// The sync of a file, as an operation of kind [`Sync`](IoKind::Sync). What the wrapper holds is written first.
pub(crate) async fn sync<T: Durable, D: Direction>(
    wrapped: &mut ChaosIo<T, D>,
    data_only: bool,
) -> io::Result<()> {
    let Faults { site, writes, .. } = &mut wrapped.faults;
    let mut sync = Plain::default();
    if D::WRITES {
        if let Begun::Answer(answer) = poll_fn(|cx| sync.poll_begin(cx, site, IoKind::Sync)).await {
            poll_fn(|cx| sync.poll_end(cx)).await;
            return answer;
        }
    }
    let mut inner = Pin::new(&mut wrapped.inner);
    let written =
        poll_fn(|cx| writes.poll_unwritten(cx, &mut |cx, bufs| put(inner.as_mut(), cx, bufs))).await;
    let answer = match written {
        Err(err) => Err(err),
        Ok(()) => wrapped.inner.sync(data_only).await,
    };
    poll_fn(|cx| sync.poll_end(cx)).await;
    answer
}
