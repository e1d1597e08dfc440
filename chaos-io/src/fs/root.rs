//! [`Root`]: the directory that no path leads out of.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use chaos_core::{Error, Result};

#[derive(Debug, Clone)]
pub(super) struct Root(PathBuf);

/// A path below the root.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// From the root, one component each; none is the root itself.
    pub(super) names: Vec<OsString>,
    pub(super) absolute: PathBuf,
}

impl Root {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let invalid = |what: &str| Error::invalid(format!("{} {what}", path.display()));
        let root = fs::canonicalize(path)
            .map_err(|err| invalid("is no root for a file system: name a directory").with_source(err))?;
        if !root.is_dir() {
            return Err(invalid("is not a directory: name one"));
        }
        Ok(Self(root))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The place that a path stands for: relative to the root, or absolute and below it.
    pub(super) fn place(&self, path: &Path) -> io::Result<Place> {
        let outside = || refused(format!("{} leads out of the root {}", path.display(), self.0.display()));
        let below =
            if path.is_absolute() { path.strip_prefix(&self.0).map_err(|_| outside())? } else { path };
        let mut names = Vec::new();
        for component in below.components() {
            match component {
                Component::Normal(name) => names.push(name.to_owned()),
                Component::CurDir => {}
                Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Err(outside()),
            }
        }
        let absolute = self.0.join(names.iter().collect::<PathBuf>());
        Ok(Place { names, absolute })
    }

    /// Refuses a place that a symbolic link stands on the way to.
    pub(super) fn check_links(&self, place: &Place) -> io::Result<()> {
        let mut path = self.0.clone();
        for name in &place.names {
            path.push(name);
            match fs::symlink_metadata(&path) {
                Ok(found) => no_link(&found, &path)?,
                // What is not there is for the operation itself to say.
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }
}

impl Place {
    /// What matchers and reports see: relative to the root, which is `.` itself.
    pub(super) fn relative(&self) -> PathBuf {
        if self.names.is_empty() { PathBuf::from(".") } else { self.names.iter().collect() }
    }
}

pub(super) fn no_link(found: &fs::Metadata, path: &Path) -> io::Result<()> {
    if found.is_symlink() {
        return Err(refused(format!("{} is a symbolic link, and none is followed", path.display())));
    }
    Ok(())
}

/// An argument that is refused before anything is touched.
pub(super) fn refused(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, Error::invalid(message))
}
