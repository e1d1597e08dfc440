//! Files: opened, and read or written whole.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::chaos_fs::ChaosFs;
use super::file::{ChaosFile, OpenFile};
use super::options::OpenOptions;
use super::pass::pass;
use super::root::refused;
use crate::operation::IoKind;
use crate::stream::ChaosStream;

impl ChaosFs {
    /// Opens a file for reading.
    ///
    /// # Errors
    /// Those of [`tokio::fs::File::open`], and of rules.
    pub async fn open(&self, path: impl AsRef<Path>) -> io::Result<ChaosFile> {
        self.open_with(path, OpenOptions::new().read(true)).await
    }

    /// Makes a file, or cuts the one that is there to nothing, and opens it for writing.
    ///
    /// # Errors
    /// Those of [`tokio::fs::File::create`], and of rules.
    pub async fn create(&self, path: impl AsRef<Path>) -> io::Result<ChaosFile> {
        self.open_with(path, OpenOptions::new().write(true).create(true).truncate(true)).await
    }

    /// Opens a file as `options` say: an operation of kind [`Create`](IoKind::Create) when that makes it, of
    /// [`Open`](IoKind::Open) when it is there.
    ///
    /// # Errors
    /// Those of [`tokio::fs::OpenOptions::open`], and of rules. A directory: see [`sync_dir`](ChaosFs::sync_dir).
    pub async fn open_with(&self, path: impl AsRef<Path>, options: OpenOptions) -> io::Result<ChaosFile> {
        let place = self.root.place(path.as_ref())?;
        let relative = place.relative();
        let makes = options.creates() && !self.point().is_off() && place.absolute.symlink_metadata().is_err();
        let kind = if makes { IoKind::Create } else { IoKind::Open };
        let (absolute, shown) = (place.absolute.clone(), relative.clone());
        let plain = move || {
            let file = options.std().open(absolute)?;
            if file.metadata()?.is_dir() {
                return Err(is_directory(&shown));
            }
            Ok(file)
        };
        let work = async {
            let Some(simulation) = &self.simulation else {
                let file = self.work(&place, |_| Err(io::ErrorKind::Unsupported.into()), plain).await?;
                let end = if options.append { file.metadata()?.len() } else { 0 };
                return Ok((OpenFile::real(file.into()), end));
            };
            let (node, file) = simulation.alive()?.open(&place, options)?;
            let end = if options.append { file.metadata()?.len() } else { 0 };
            Ok((OpenFile::simulated(Arc::clone(simulation), node, file, options), end))
        };
        let (file, at) = pass(&mut self.site(relative.clone()), kind, None, work).await?;
        Ok(ChaosStream::new(file, self.point().clone()).named(relative).in_file_at(at))
    }

    /// What is in a file.
    ///
    /// # Errors
    /// Those of opening and reading, and of rules.
    pub async fn read(&self, path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open(path).await?.read_to_end(&mut bytes).await?;
        Ok(bytes)
    }

    /// Makes or replaces a file with this in it. It is not synced.
    ///
    /// # Errors
    /// Those of creating and writing, and of rules.
    pub async fn write(&self, path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let mut file = self.create(path).await?;
        file.write_all(bytes.as_ref()).await?;
        file.flush().await
    }
}

pub(super) fn is_directory(path: &Path) -> io::Error {
    let refusal = refused(format!("{} is a directory: use `read_dir` or `sync_dir`", path.display()));
    io::Error::new(io::ErrorKind::IsADirectory, refusal)
}
