//! What a program does, done in the real directory and written down.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::FileExt;

use chaos_core::Error;

use super::names::Change;
use super::pages::{CHANGE, PAGE, Unsynced, pages_of};
use super::{Kept, MOST_KEPT, NodeId, State};
use crate::fs::names::names_in;
use crate::fs::open::is_directory;
use crate::fs::options::OpenOptions;
use crate::fs::root::Place;

/// What a change to names costs in the journal: an upper bound in round numbers.
const NAME_CHANGE: usize = 512;

impl State {
    pub(super) fn held(&self) -> usize {
        self.bytes + self.names.len() * NAME_CHANGE
    }

    /// Whether so many bytes more fit.
    fn room(&self, bytes: usize) -> io::Result<()> {
        let held = self.held();
        if held.saturating_add(bytes) <= self.limit {
            return Ok(());
        }
        let limit = self.limit;
        let refusal = Error::refused(format!(
            "the journal of unsynced changes holds {held} of {limit} bytes and has no room for {bytes}: sync files and \
             directories, or give it more with `simulate_crashes_within`"
        ));
        Err(io::Error::new(io::ErrorKind::OutOfMemory, refusal))
    }

    pub(in crate::fs) fn open(&mut self, place: &Place, options: OpenOptions) -> io::Result<(NodeId, File)> {
        let OpenOptions { read, write, append, truncate, create, create_new } = options;
        let writes = options.writes();
        if !(read || writes) || (truncate && (!write || append)) || ((create || create_new) && !writes) {
            // As the standard library has it.
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let (entry, found) = match self.tree.find(place) {
            Err(_) if place.names.is_empty() => return Err(is_directory(&place.relative())),
            found => found?,
        };
        if found.is_some_and(|node| self.tree.is_directory(node)) && !create_new {
            return Err(is_directory(&place.relative()));
        }
        self.room(if found.is_none() { NAME_CHANGE } else { 0 })?;
        // Always for reading, as the journal keeps what was there; and never to append, where the place of a write is the
        // kernel's choice.
        let mut real = fs::OpenOptions::new();
        let file =
            real.read(true).write(writes).create(create).create_new(create_new).open(&place.absolute)?;
        if let Some(node) = found {
            if truncate {
                self.set_len(node, &file, 0)?;
            }
            return Ok((node, file));
        }
        let node = self.tree.new_node(false);
        self.tree.set(&entry, Some(node));
        let what = format!("create {}", place.relative().display());
        self.names.record(Change { what, touched: vec![(entry, None, Some(node))], ..Change::default() });
        Ok((node, file))
    }

    pub(in crate::fs) fn create_dir(&mut self, place: &Place) -> io::Result<()> {
        if place.names.is_empty() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let (entry, _) = self.tree.find(place)?;
        self.room(NAME_CHANGE)?;
        fs::create_dir(&place.absolute)?;
        let node = self.tree.new_node(true);
        self.tree.set(&entry, Some(node));
        let what = format!("make directory {}", place.relative().display());
        let touched = vec![(entry, None, Some(node))];
        self.names.record(Change { what, touched, made: Some(node), ..Change::default() });
        Ok(())
    }

    pub(in crate::fs) fn remove(&mut self, place: &Place, directory: bool) -> io::Result<()> {
        let (entry, node) = self.tree.find(place)?;
        let node = node.ok_or(io::ErrorKind::NotFound)?;
        self.room(NAME_CHANGE)?;
        let kept = self.kept(node, place)?;
        if directory {
            fs::remove_dir(&place.absolute)?
        } else {
            fs::remove_file(&place.absolute)?
        }
        self.kept.insert(node, kept);
        self.tree.set(&entry, None);
        let what = format!("remove {}", place.relative().display());
        let touched = vec![(entry, Some(node), None)];
        let emptied = directory.then_some(node);
        self.names.record(Change { what, touched, emptied, ..Change::default() });
        Ok(())
    }

    pub(in crate::fs) fn rename(&mut self, from: &Place, to: &Place) -> io::Result<()> {
        let (old, node) = self.tree.find(from)?;
        let (new, replaced) = self.tree.find(to)?;
        let node = node.ok_or(io::ErrorKind::NotFound)?;
        if replaced == Some(node) {
            return Ok(());
        }
        self.room(NAME_CHANGE)?;
        let kept = replaced.map(|replaced| self.kept(replaced, to)).transpose()?;
        fs::rename(&from.absolute, &to.absolute)?;
        if let (Some(replaced), Some(kept)) = (replaced, kept) {
            self.kept.insert(replaced, kept);
        }
        self.tree.set(&old, None);
        self.tree.set(&new, None);
        self.tree.set(&new, Some(node));
        self.names.record(Change {
            what: format!("rename {} to {}", from.relative().display(), to.relative().display()),
            touched: vec![(old, Some(node), None), (new, replaced, Some(node))],
            made: None,
            emptied: replaced.filter(|replaced| self.tree.is_directory(*replaced)),
            moves_directory: self.tree.is_directory(node),
        });
        Ok(())
    }

    /// What loses its name and may get it back.
    fn kept(&self, node: NodeId, place: &Place) -> io::Result<Kept> {
        if self.tree.is_directory(node) {
            return Ok(Kept::Directory(fs::metadata(&place.absolute)?.permissions()));
        }
        if self.kept.len() >= MOST_KEPT {
            let refusal = Error::refused(format!(
                "{MOST_KEPT} files were removed or replaced since their directories were synced: sync the directories"
            ));
            return Err(io::Error::new(io::ErrorKind::OutOfMemory, refusal));
        }
        Ok(Kept::File(File::open(&place.absolute)?))
    }

    pub(in crate::fs) fn metadata(&mut self, place: &Place) -> io::Result<Metadata> {
        if !place.names.is_empty() {
            self.tree.find(place)?;
        }
        fs::metadata(&place.absolute)
    }

    pub(in crate::fs) fn list(&mut self, place: &Place) -> io::Result<Vec<OsString>> {
        self.tree.directory(place)?;
        names_in(&place.absolute)
    }

    pub(in crate::fs) fn sync_dir(&mut self, place: &Place) -> io::Result<()> {
        let directory = self.tree.directory(place)?;
        self.names.sync(directory);
        let Self { names, kept, files, tree, bytes, .. } = self;
        kept.retain(|node, _| names.holds(*node));
        files.retain(|node, unsynced| {
            let stays = tree.path(*node).is_some() || names.holds(*node);
            if !stays {
                *bytes -= unsynced.bytes();
            }
            stays
        });
        Ok(())
    }

    pub(in crate::fs) fn sync_file(&mut self, node: NodeId) {
        let mut certain = true;
        self.change(node, |unsynced| certain = unsynced.sync());
        if certain {
            self.bytes -= self.files.remove(&node).map_or(0, |unsynced| unsynced.bytes());
        }
    }

    pub(in crate::fs) fn sync_failed(&mut self, node: NodeId) {
        self.change(node, Unsynced::sync_failed);
    }

    pub(in crate::fs) fn write(
        &mut self,
        node: NodeId,
        file: &File,
        at: u64,
        bytes: &[u8],
    ) -> io::Result<usize> {
        if bytes.is_empty() || self.is_forgotten(node) {
            return file.write_at(bytes, at);
        }
        let (first, last) = pages_of(at, bytes.len());
        self.keep(node, file, first, last, bytes.len() + CHANGE)?;
        let written = file.write_at(bytes, at)?;
        self.change(node, |unsynced| unsynced.wrote(at, &bytes[..written]));
        Ok(written)
    }

    pub(in crate::fs) fn set_len(&mut self, node: NodeId, file: &File, len: u64) -> io::Result<()> {
        let before = file.metadata()?.len();
        if len == before || self.is_forgotten(node) {
            return file.set_len(len);
        }
        // What is cut off, if anything is.
        let (first, last) = (len / PAGE as u64, before.saturating_sub(1) / PAGE as u64);
        if len < before {
            self.keep(node, file, first, last, CHANGE)?;
        } else {
            self.keep(node, file, 1, 0, CHANGE)?;
        }
        file.set_len(len)?;
        self.change(node, |unsynced| unsynced.set_len(len));
        Ok(())
    }

    /// Whether no crash can bring this file back: it has no name, and never will.
    fn is_forgotten(&self, node: NodeId) -> bool {
        self.tree.path(node).is_none() && !self.names.holds(node)
    }

    /// Keeps the pages from `first` to `last` as they are, if there is room for them and `more` bytes.
    fn keep(&mut self, node: NodeId, file: &File, first: u64, last: u64, more: usize) -> io::Result<()> {
        let new = match self.files.get(&node) {
            Some(unsynced) => unsynced.new_pages(first, last),
            None => Unsynced::new(0).new_pages(first, last),
        };
        self.room(new.saturating_mul(PAGE).saturating_add(more))?;
        let synced_len = file.metadata()?.len();
        let unsynced = self.files.entry(node).or_insert_with(|| Unsynced::new(synced_len));
        let before = unsynced.bytes();
        let kept = unsynced.keep(file, first, last);
        self.bytes += unsynced.bytes() - before;
        kept
    }

    fn change(&mut self, node: NodeId, change: impl FnOnce(&mut Unsynced)) {
        if let Some(unsynced) = self.files.get_mut(&node) {
            let before = unsynced.bytes();
            change(unsynced);
            self.bytes = self.bytes - before + unsynced.bytes();
        }
    }
}
