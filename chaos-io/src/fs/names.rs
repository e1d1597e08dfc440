//! Operations on names: renamed, removed, made, looked at, listed, synced.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::path::Path;

use super::chaos_fs::ChaosFs;
use super::pass::pass;
use crate::operation::IoKind;

impl ChaosFs {
    /// Gives a file or directory another name, in the place of what has it, if anything.
    ///
    /// # Errors
    /// Those of [`tokio::fs::rename`], and of rules.
    pub async fn rename(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
        let (from, to) = (self.root.place(from.as_ref())?, self.root.place(to.as_ref())?);
        let root = self.root.clone();
        let (old, new) = (from.absolute.clone(), to.clone());
        let plain = move || root.check_links(&new).and_then(|()| fs::rename(old, new.absolute));
        let work = self.work(&from, |state| state.rename(&from, &to), plain);
        pass(&mut self.site(from.relative()), IoKind::Rename, None, work).await
    }

    /// Removes a file.
    ///
    /// # Errors
    /// Those of [`tokio::fs::remove_file`], and of rules.
    pub async fn remove_file(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let place = self.root.place(path.as_ref())?;
        let absolute = place.absolute.clone();
        let work = self.work(&place, |state| state.remove(&place, false), || fs::remove_file(absolute));
        pass(&mut self.site(place.relative()), IoKind::Remove, None, work).await
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// Those of [`tokio::fs::remove_dir`], and of rules.
    pub async fn remove_dir(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let place = self.root.place(path.as_ref())?;
        let absolute = place.absolute.clone();
        let work = self.work(&place, |state| state.remove(&place, true), || fs::remove_dir(absolute));
        pass(&mut self.site(place.relative()), IoKind::Remove, None, work).await
    }

    /// Makes a directory.
    ///
    /// # Errors
    /// Those of [`tokio::fs::create_dir`], and of rules.
    pub async fn create_dir(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let place = self.root.place(path.as_ref())?;
        let absolute = place.absolute.clone();
        let work = self.work(&place, |state| state.create_dir(&place), || fs::create_dir(absolute));
        pass(&mut self.site(place.relative()), IoKind::MakeDir, None, work).await
    }

    /// Makes a directory and those above it that are not there, one operation each.
    ///
    /// # Errors
    /// As [`create_dir`](ChaosFs::create_dir), but for directories that are there.
    pub async fn create_dir_all(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let place = self.root.place(path.as_ref())?;
        for depth in 1..=place.names.len() {
            let above: std::path::PathBuf = place.names[..depth].iter().collect();
            match self.create_dir(&above).await {
                Err(err) if err.kind() == io::ErrorKind::AlreadyExists => {
                    if !self.root.place(&above)?.absolute.is_dir() {
                        return Err(err);
                    }
                }
                made => made?,
            }
        }
        Ok(())
    }

    /// The attributes of a file or directory.
    ///
    /// # Errors
    /// Those of [`tokio::fs::metadata`], and of rules.
    pub async fn metadata(&self, path: impl AsRef<Path>) -> io::Result<Metadata> {
        let place = self.root.place(path.as_ref())?;
        let absolute = place.absolute.clone();
        let work = self.work(&place, |state| state.metadata(&place), || fs::metadata(absolute));
        pass(&mut self.site(place.relative()), IoKind::Stat, None, work).await
    }

    /// Whether there is a file or directory of this name.
    ///
    /// # Errors
    /// As [`metadata`](ChaosFs::metadata), but for what is not there.
    pub async fn try_exists(&self, path: impl AsRef<Path>) -> io::Result<bool> {
        match self.metadata(path).await {
            Ok(_) => Ok(true),
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(err) => Err(err),
        }
    }

    /// The names in a directory, sorted, so that a run is the same on every disk.
    ///
    /// # Errors
    /// Those of [`tokio::fs::read_dir`], and of rules.
    pub async fn read_dir(&self, path: impl AsRef<Path>) -> io::Result<Vec<OsString>> {
        let place = self.root.place(path.as_ref())?;
        let absolute = place.absolute.clone();
        let work = self.work(&place, |state| state.list(&place), move || names_in(&absolute));
        pass(&mut self.site(place.relative()), IoKind::List, None, work).await
    }

    /// Makes the names in a directory outlive a crash: fsync of the directory. The contents of its files are not part of it,
    /// nor is the directory's own name, which stands in the one above.
    ///
    /// # Errors
    /// Those of opening and syncing, and of rules. [`lost_sync`](crate::lost_sync) has it acknowledged and not done.
    pub async fn sync_dir(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let place = self.root.place(path.as_ref())?;
        let absolute = place.absolute.clone();
        let plain = move || {
            // A file opens as well, and its sync would say nothing of names.
            fs::read_dir(&absolute)?;
            fs::File::open(&absolute)?.sync_all()
        };
        let work = self.work(&place, |state| state.sync_dir(&place), plain);
        pass(&mut self.site(place.relative()), IoKind::Sync, Some(()), work).await
    }
}

/// The names in a directory, sorted.
pub(super) fn names_in(path: &Path) -> io::Result<Vec<OsString>> {
    let mut names =
        fs::read_dir(path)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}
