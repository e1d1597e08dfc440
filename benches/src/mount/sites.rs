//! [`Sites`]: one directory for each way to see it.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use chaos_core::guardian::Guarded;
use chaos_core::ledger::Entry;
use chaos_core::point::Armed;
use chaos_core::{Chaos, Delay, Guardian, Undo, Undos, guardian, units::ms};
use chaos_io::mount::{Mount, MountUndo, Mounted};
use chaos_io::{Io, errno, latency, path_glob, short};
use fuser::BackgroundSession;
use rustix::mount::{UnmountFlags, unmount};
use serde::{Deserialize, Serialize};

use super::pass_through;

/// Takes the peer's mount away, should this program be killed.
#[derive(Debug, Serialize, Deserialize)]
struct PeerUndo {
    at: PathBuf,
}

impl PeerUndo {
    fn is_mounted(&self) -> chaos_core::Result<bool> {
        let table = fs::read_to_string("/proc/self/mountinfo")?;
        Ok(table.lines().filter_map(|line| line.split(' ').nth(4)).any(|point| Path::new(point) == self.at))
    }
}

impl Undo for PeerUndo {
    const KIND: &'static str = "chaos-benches/pass-through/1";
    type Via = ();

    async fn revert(&self, (): &()) -> chaos_core::Result<()> {
        if self.is_mounted()? {
            unmount(&self.at, UnmountFlags::DETACH).map_err(io::Error::from)?;
        }
        Ok(())
    }

    async fn is_gone(&self, (): &()) -> chaos_core::Result<bool> {
        Ok(!self.is_mounted()?)
    }
}

/// The first line of `main`: this program is its mounts' guardian too.
pub fn run_if_asked() -> Guardian {
    guardian::run_if_asked(|| Undos::none().with::<MountUndo>(())?.with::<PeerUndo>(()))
}

/// A source and where programs see it.
#[derive(Debug)]
pub struct Site {
    /// What the table calls it.
    pub name: &'static str,
    /// The directory itself.
    pub source: PathBuf,
    /// Where work is done.
    pub at: PathBuf,
}

/// All sites, mounted. Dropping them unmounts.
#[derive(Debug)]
pub struct Sites {
    sites: Vec<Site>,
    ours: Vec<Mounted>,
    _rules: Vec<Armed<Io>>,
    _peer: BackgroundSession,
    guarded: Guarded,
    // Last: nothing is mounted in it any more when it is removed.
    _home: tempfile::TempDir,
}

impl Sites {
    /// Makes them in a new directory under `TMPDIR`; none, and the reason is printed, where no FUSE can be mounted.
    ///
    /// # Errors
    /// Where `CHAOS_REQUIRE` demands `fuse` and it cannot be mounted; those of the file system.
    pub async fn begin(guardian: &Guardian) -> Result<Option<Self>, Box<dyn Error>> {
        match Self::mounted(guardian).await {
            Err(err)
                if err.downcast_ref::<chaos_core::Error>().is_some_and(chaos_core::Error::is_refused) =>
            {
                let demanded = std::env::var("CHAOS_REQUIRE").unwrap_or_default();
                if demanded.split(',').any(|what| what == "fuse") {
                    return Err(err);
                }
                writeln!(io::stdout(), "not run: {err}")?;
                Ok(None)
            }
            sites => sites.map(Some),
        }
    }

    async fn mounted(guardian: &Guardian) -> Result<Self, Box<dyn Error>> {
        let home = tempfile::tempdir()?;
        let site = |name: &'static str, mounted: bool| -> io::Result<Site> {
            let place = home.path().canonicalize()?.join(name.replace([' ', ','], "-"));
            let (source, at) = (place.join("source"), place.join("mount"));
            fs::create_dir_all(&source)?;
            fs::create_dir_all(&at)?;
            Ok(Site { name, at: if mounted { at } else { source.clone() }, source })
        };
        let sites =
            vec![site("bare", false)?, site("pass-through", true)?, site("off", true)?, site("armed", true)?];

        // Ours first: it says by which right or device a mount is refused.
        let chaos = Chaos::seeded(7);
        let mut ours = Vec::new();
        let mut rules = Vec::new();
        for site in &sites[2..] {
            let point = chaos.point::<Io>(site.name)?;
            let mount = Mount::new(&site.source, &site.at, point.clone()).guardian(guardian.clone());
            ours.push(mount.begin().await?);
            if site.name == "armed" {
                let below = |glob: &str| path_glob(&format!("{}/{glob}", site.at.display()));
                rules.push(point.arm(latency(Delay::fixed(ms(200))).when(below("wal/*")?))?);
                rules.push(point.arm(errno(5)?.when(below("**/*.db")?).probability(0.01)?)?);
                rules.push(point.arm(short(512)?.when(below("index-[0-9]/*")?))?);
            }
        }
        let peer = &sites[1];
        let undo = PeerUndo { at: peer.at.clone() };
        let entry = Entry::of(&peer.at.display().to_string(), "mount", "shows a directory there", &undo)?;
        let guarded = guardian.arm(vec![entry], std::time::Duration::MAX, None)?;
        let session = pass_through::serve(&peer.source, &peer.at, Mount::usual_threads().get())?;
        Ok(Self { sites, ours, _rules: rules, _peer: session, guarded, _home: home })
    }

    /// The bare directory, the peer, ours without rules, ours with three that match nothing here.
    pub fn all(&self) -> &[Site] {
        &self.sites
    }

    /// Unmounts.
    ///
    /// # Errors
    /// When something is left.
    pub async fn end(self) -> Result<(), Box<dyn Error>> {
        let Self { ours, _peer, guarded, _home, .. } = self;
        for mounted in ours {
            mounted.end().await?;
        }
        drop(_peer);
        guarded.disarm()?;
        Ok(())
    }
}
