//! [`ChaosFile`]: an open file of a [`ChaosFs`](super::ChaosFs), and what is behind its point.

use std::fs::{File, Metadata};
use std::io::{self, SeekFrom};
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

use super::options::OpenOptions;
use super::pass::pass;
use super::simulation::{NodeId, Simulation};
use crate::operation::IoKind;
use crate::stream::ChaosStream;
use crate::traits::fs::{Durable, sync};

/// EBADF (asm-generic/errno-base.h): what a file answers that is not open for this.
const NOT_OPEN_FOR_IT: i32 = 9;

/// An open file: a [`ChaosStream`] that can be synced and cut.
///
/// Dropping it is no operation; [`shutdown`](tokio::io::AsyncWriteExt::shutdown) is its close.
pub type ChaosFile = ChaosStream<OpenFile>;

/// What is behind the point of a [`ChaosFile`]: a file of tokio, or one whose writes go through the journal.
#[derive(Debug)]
pub struct OpenFile(Inner);

#[derive(Debug)]
enum Inner {
    Real(tokio::fs::File),
    Simulated(Simulated),
}

#[derive(Debug)]
struct Simulated {
    simulation: Arc<Simulation>,
    node: NodeId,
    file: File,
    options: OpenOptions,
    position: u64,
}

impl OpenFile {
    pub(super) fn real(file: tokio::fs::File) -> Self {
        Self(Inner::Real(file))
    }

    pub(super) fn simulated(
        simulation: Arc<Simulation>,
        node: NodeId,
        file: File,
        options: OpenOptions,
    ) -> Self {
        Self(Inner::Simulated(Simulated { simulation, node, file, options, position: 0 }))
    }
}

impl ChaosFile {
    /// Makes what was written so far outlive a crash: fsync, an operation of kind [`Sync`](IoKind::Sync). The file's name
    /// is not part of it: that takes a [`sync_dir`](super::ChaosFs::sync_dir).
    ///
    /// # Errors
    /// Those of the file, and of rules. [`lost_sync`](crate::lost_sync) has it acknowledged and not done.
    pub async fn sync_all(&mut self) -> io::Result<()> {
        self.sync_as(false).await
    }

    /// [`sync_all`](ChaosFile::sync_all) without times and modes: fdatasync. A crash makes no difference between them.
    ///
    /// # Errors
    /// As [`sync_all`](ChaosFile::sync_all).
    pub async fn sync_data(&mut self) -> io::Result<()> {
        self.sync_as(true).await
    }

    async fn sync_as(&mut self, data_only: bool) -> io::Result<()> {
        let synced = sync(self, data_only).await;
        if let (Err(_), Inner::Simulated(file)) = (&synced, &self.inner.0) {
            // A file system that has crashed meanwhile is past caring.
            if let Ok(mut state) = file.simulation.alive() {
                state.sync_failed(file.node);
            }
        }
        synced
    }

    /// Cuts the file, or lets it grow by zeros: an operation of kind [`SetAttr`](IoKind::SetAttr).
    ///
    /// # Errors
    /// Those of [`tokio::fs::File::set_len`], and of rules.
    pub async fn set_len(&mut self, len: u64) -> io::Result<()> {
        let inner = &mut self.inner.0;
        let work = async {
            match inner {
                Inner::Real(file) => file.set_len(len).await,
                Inner::Simulated(file) => file.set_len(len),
            }
        };
        pass(&mut self.faults.site, IoKind::SetAttr, Some(()), work).await
    }

    /// The file's attributes: an operation of kind [`Stat`](IoKind::Stat).
    ///
    /// # Errors
    /// Those of [`tokio::fs::File::metadata`], and of rules.
    pub async fn metadata(&mut self) -> io::Result<Metadata> {
        let inner = &self.inner.0;
        let work = async {
            match inner {
                Inner::Real(file) => file.metadata().await,
                Inner::Simulated(file) => file.simulation.alive().and_then(|_| file.file.metadata()),
            }
        };
        pass(&mut self.faults.site, IoKind::Stat, None, work).await
    }
}

impl Durable for OpenFile {
    async fn sync(&mut self, data_only: bool) -> io::Result<()> {
        match &mut self.0 {
            Inner::Real(file) => file.sync(data_only).await,
            Inner::Simulated(file) => {
                file.simulation.alive()?.sync_file(file.node);
                Ok(())
            }
        }
    }
}

impl Simulated {
    fn read(&mut self, buf: &mut ReadBuf<'_>) -> io::Result<()> {
        let _alive = self.simulation.alive()?;
        if !self.options.read {
            return Err(io::Error::from_raw_os_error(NOT_OPEN_FOR_IT));
        }
        let bytes = self.file.read_at(buf.initialize_unfilled(), self.position)?;
        buf.advance(bytes);
        self.position += bytes as u64;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.simulation.alive()?;
        if !self.options.writes() {
            return Err(io::Error::from_raw_os_error(NOT_OPEN_FOR_IT));
        }
        let at = if self.options.append { self.file.metadata()?.len() } else { self.position };
        let written = state.write(self.node, &self.file, at, bytes)?;
        self.position = at + written as u64;
        Ok(written)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        let mut state = self.simulation.alive()?;
        if !self.options.writes() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        state.set_len(self.node, &self.file, len)
    }

    fn seek(&mut self, to: SeekFrom) -> io::Result<()> {
        let _alive = self.simulation.alive()?;
        let (from, by) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::Current(by) => (self.position, by),
            SeekFrom::End(by) => (self.file.metadata()?.len(), by),
        };
        let at = from.checked_add_signed(by).filter(|at| i64::try_from(*at).is_ok());
        self.position = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(())
    }
}

impl AsyncRead for OpenFile {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Inner::Real(file) => Pin::new(file).poll_read(cx, buf),
            Inner::Simulated(file) => Poll::Ready(file.read(buf)),
        }
    }
}

impl AsyncWrite for OpenFile {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Inner::Real(file) => Pin::new(file).poll_write(cx, buf),
            Inner::Simulated(file) => Poll::Ready(file.write(buf)),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Inner::Real(file) => Pin::new(file).poll_flush(cx),
            Inner::Simulated(file) => Poll::Ready(file.simulation.alive().map(drop)),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Inner::Real(file) => Pin::new(file).poll_shutdown(cx),
            Inner::Simulated(file) => Poll::Ready(file.simulation.alive().map(drop)),
        }
    }
}

impl AsyncSeek for OpenFile {
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        match &mut self.get_mut().0 {
            Inner::Real(file) => Pin::new(file).start_seek(position),
            Inner::Simulated(file) => file.seek(position),
        }
    }

    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        match &mut self.get_mut().0 {
            Inner::Real(file) => Pin::new(file).poll_complete(cx),
            Inner::Simulated(file) => Poll::Ready(Ok(file.position)),
        }
    }
}
