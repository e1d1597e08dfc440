//! A directory, its point, and a file system on it.

use std::future::Future;
use std::path::Path;

use chaos_core::{Chaos, Point};
use chaos_io::fs::OpenOptions;
use chaos_io::{ChaosFs, Io};
use tempfile::TempDir;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

pub(crate) struct Scene {
    pub(crate) dir: TempDir,
    pub(crate) point: Point<Io>,
    pub(crate) fs: ChaosFs,
}

impl Scene {
    /// With crashes, over a directory that these files are in and on the disk.
    pub(crate) fn with(seed: u64, files: &[(&str, &[u8])]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        let point = Chaos::seeded(seed).point("disk").unwrap();
        let fs = ChaosFs::new(dir.path(), point.clone()).unwrap().simulate_crashes();
        Self { dir, point, fs }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// What a file has on the real disk; `None` where there is none.
    pub(crate) fn found(&self, name: &str) -> Option<Vec<u8>> {
        std::fs::read(self.path().join(name)).ok()
    }
}

/// Puts bytes into a file that is there, or is not, and does not sync it.
pub(crate) async fn put(fs: &ChaosFs, name: &str, at: u64, bytes: &[u8]) {
    let mut file = fs.open_with(name, OpenOptions::new().write(true).create(true)).await.unwrap();
    file.seek(std::io::SeekFrom::Start(at)).await.unwrap();
    file.write_all(bytes).await.unwrap();
    file.flush().await.unwrap();
}

pub(crate) async fn sync(fs: &ChaosFs, name: &str) {
    fs.open_with(name, OpenOptions::new().write(true)).await.unwrap().sync_all().await.unwrap();
}

/// One thread, as the simulation needs no more.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
