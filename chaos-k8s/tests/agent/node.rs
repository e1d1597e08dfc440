//! What a node has: a directory with the networks of its pods, as a container runtime keeps them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use crate::scene::Scene;

/// A mount namespace of this program's own, where the rights allow it: mounts are the tests' and end with it.
pub(crate) fn be_apart() {
    if unshare(CloneFlags::CLONE_NEWNS).is_ok() {
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
    }
}

/// The addresses of a scene's target.
pub(crate) fn addresses() -> [std::net::IpAddr; 2] {
    ["10.77.0.1".parse().unwrap(), "fd77::1".parse().unwrap()]
}

/// A directory with network namespaces as files.
pub(crate) struct NetnsDir {
    dir: tempfile::TempDir,
    mounted: Vec<PathBuf>,
}

impl NetnsDir {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), mounted: Vec::new() }
    }

    pub(crate) fn with(scenes: &[&Scene]) -> Self {
        let mut dir = Self::new();
        for (number, scene) in scenes.iter().enumerate() {
            dir.add(&format!("cni-{number}"), Path::new(&scene.path()));
        }
        dir
    }

    pub(crate) fn add(&mut self, name: &str, namespace: &Path) {
        let path = self.dir.path().join(name);
        File::create(&path).unwrap();
        mount(Some(namespace), &path, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
        self.mounted.push(path);
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for NetnsDir {
    fn drop(&mut self) {
        for path in &self.mounted {
            let _ = umount2(path, MntFlags::MNT_DETACH);
            let _ = fs::remove_file(path);
        }
    }
}
