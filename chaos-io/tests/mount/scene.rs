//! A source, a mount point, and what is mounted there; nothing of it stays, whatever becomes of the test.

use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chaos_core::units::{ms, secs};
use chaos_core::{Chaos, Ledger, Point, Result, Rule, Undos};
use chaos_io::Io;
use chaos_io::mount::{Mount, MountUndo, Mounted};
use rustix::mount::{UnmountFlags, unmount};

/// What `main` hands to its guardian.
pub(crate) fn undos() -> Result<Undos> {
    Undos::none().with::<MountUndo>(())
}

pub(crate) struct Scene {
    // Before the directory, which cannot be removed while something is mounted in it.
    mounted: Option<Mounted>,
    pub(crate) point: Point<Io>,
    pub(crate) ledger: Arc<Ledger>,
    home: tempfile::TempDir,
}

impl Scene {
    /// Directories, and nothing mounted; none on a machine without FUSE, unless it is demanded there.
    pub(crate) fn bare() -> Option<Self> {
        if !Path::new("/dev/fuse").exists() {
            let demanded = std::env::var("CHAOS_REQUIRE").unwrap_or_default();
            assert!(
                !demanded.split(',').any(|what| what == "fuse"),
                "there is no /dev/fuse, and CHAOS_REQUIRE demands it"
            );
            println!("not run: no /dev/fuse");
            return None;
        }
        let home = tempfile::tempdir().unwrap();
        for name in ["source", "mount"] {
            fs::create_dir(home.path().join(name)).unwrap();
        }
        for path in [home.path(), &home.path().join("source"), &home.path().join("mount")] {
            fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        }
        let point = Chaos::seeded(7).point("disk").unwrap();
        Some(Self { mounted: None, point, ledger: Arc::new(Ledger::in_memory(undos().unwrap())), home })
    }

    pub(crate) fn new() -> Option<Self> {
        Self::with(|mount| mount)
    }

    pub(crate) fn with(how: impl FnOnce(Mount) -> Mount) -> Option<Self> {
        let mut scene = Self::bare()?;
        scene.mounted = Some(run(how(scene.mount()).begin()).unwrap());
        Some(scene)
    }

    pub(crate) fn mount(&self) -> Mount {
        Mount::new(self.source(), self.at(), self.point.clone()).ledger(Arc::clone(&self.ledger))
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn source(&self) -> PathBuf {
        self.home.path().join("source")
    }

    /// The mount point.
    pub(crate) fn at(&self) -> PathBuf {
        self.home.path().join("mount")
    }

    /// A file as a program sees it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.at().join(name)
    }

    /// The same file behind the mount.
    pub(crate) fn below(&self, name: &str) -> PathBuf {
        self.source().join(name)
    }

    /// Does `act` while `rule` is armed; how often it hit.
    pub(crate) fn under<T>(&self, rule: Rule<Io>, act: impl FnOnce() -> T) -> (T, u64) {
        let armed = self.point.arm(rule).unwrap();
        let done = act();
        (done, armed.hits())
    }

    pub(crate) fn mounted(&mut self) -> Mounted {
        self.mounted.take().unwrap()
    }

    pub(crate) fn end(&mut self) {
        run(self.mounted().end()).unwrap();
        assert!(self.ledger.open_entries().is_empty());
    }

    /// Whether anything is mounted in this scene.
    pub(crate) fn is_mounted(&self) -> bool {
        !self.mounts().is_empty()
    }

    /// How long it takes until nothing is.
    pub(crate) fn wait_for_no_mount(&self) -> Duration {
        let since = std::time::Instant::now();
        wait_until("nothing is mounted", || !self.is_mounted());
        since.elapsed()
    }

    fn mounts(&self) -> Vec<PathBuf> {
        let home = self.home.path().canonicalize().unwrap();
        let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let points = table.lines().filter_map(|line| line.split(' ').nth(4)).map(PathBuf::from);
        points.filter(|point| point.starts_with(&home)).collect()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        drop(self.mounted.take());
        for point in self.mounts() {
            let _ = unmount(point, UnmountFlags::DETACH);
        }
    }
}

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

pub(crate) fn wait_until(what: &str, done: impl Fn() -> bool) {
    let bound = secs(20);
    let since = std::time::Instant::now();
    while !done() {
        assert!(since.elapsed() < bound, "not within {bound:?}: {what}");
        std::thread::sleep(ms(2));
    }
}
