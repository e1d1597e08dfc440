//! `sync_all` and `sync_data` of tokio's files.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;

use ::tokio::fs::File;

use super::tokio::put;
use crate::operation::IoKind;
use crate::wrapper::{Begun, ChaosIo, Direction, Faults, Plain};

impl<D: Direction> ChaosIo<File, D> {
    /// [`File::sync_all`], as an operation of kind [`Sync`](IoKind::Sync). What the wrapper holds is written first.
    ///
    /// # Errors
    /// Those of the file, and of rules.
    #[cfg_attr(docsrs, doc(cfg(feature = "fs")))]
    pub async fn sync_all(&mut self) -> io::Result<()> {
        self.sync(false).await
    }

    /// [`File::sync_data`], as an operation of kind [`Sync`](IoKind::Sync). What the wrapper holds is written first.
    ///
    /// # Errors
    /// Those of the file, and of rules.
    #[cfg_attr(docsrs, doc(cfg(feature = "fs")))]
    pub async fn sync_data(&mut self) -> io::Result<()> {
        self.sync(true).await
    }

    async fn sync(&mut self, data_only: bool) -> io::Result<()> {
        let Faults { site, writes, .. } = &mut self.faults;
        let mut sync = Plain::default();
        if D::WRITES {
            if let Begun::Answer(answer) = poll_fn(|cx| sync.poll_begin(cx, site, IoKind::Sync)).await {
                poll_fn(|cx| sync.poll_end(cx)).await;
                return answer;
            }
        }
        let mut inner = Pin::new(&mut self.inner);
        let written =
            poll_fn(|cx| writes.poll_unwritten(cx, &mut |cx, bufs| put(inner.as_mut(), cx, bufs))).await;
        let answer = match (written, data_only) {
            (Err(err), _) => Err(err),
            (Ok(()), false) => self.inner.sync_all().await,
            (Ok(()), true) => self.inner.sync_data().await,
        };
        poll_fn(|cx| sync.poll_end(cx)).await;
        answer
    }
}
