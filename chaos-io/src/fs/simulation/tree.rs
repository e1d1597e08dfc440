//! [`Tree`]: the names that the simulation has met, each with what it stands for.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;

use crate::fs::root::{Place, Root, no_link};

/// A file or directory, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::fs) struct NodeId(u64);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A name in a directory.
pub(super) type Entry = (NodeId, OsString);

const ROOT: NodeId = NodeId(0);

#[derive(Debug)]
pub(super) struct Tree {
    root: Root,
    entries: BTreeMap<Entry, NodeId>,
    places: BTreeMap<NodeId, Entry>,
    directories: BTreeSet<NodeId>,
    next: u64,
}

impl Tree {
    pub(super) fn new(root: Root) -> Self {
        Self {
            root,
            entries: BTreeMap::new(),
            places: BTreeMap::new(),
            directories: BTreeSet::from([ROOT]),
            next: 1,
        }
    }

    pub(super) fn is_directory(&self, node: NodeId) -> bool {
        self.directories.contains(&node)
    }

    pub(super) fn new_node(&mut self, directory: bool) -> NodeId {
        let node = NodeId(self.next);
        self.next += 1;
        if directory {
            self.directories.insert(node);
        }
        node
    }

    pub(super) fn get(&self, entry: &Entry) -> Option<NodeId> {
        self.entries.get(entry).copied()
    }

    /// Gives a name to `node`, or to nothing.
    pub(super) fn set(&mut self, entry: &Entry, node: Option<NodeId>) {
        if let Some(old) = self.entries.remove(entry) {
            if self.places.get(&old) == Some(entry) {
                self.places.remove(&old);
            }
        }
        if let Some(node) = node {
            self.entries.insert(entry.clone(), node);
            self.places.insert(node, entry.clone());
        }
    }

    /// The path from the root, of what has a name.
    pub(super) fn path(&self, node: NodeId) -> Option<PathBuf> {
        let mut names = Vec::new();
        let mut at = node;
        while at != ROOT {
            let (above, name) = self.places.get(&at)?;
            names.push(name);
            at = *above;
        }
        Some(names.into_iter().rev().collect())
    }

    /// The path of a name in a directory that is in the tree, from the root and absolute.
    pub(super) fn path_of(&self, (directory, name): &Entry) -> Option<(PathBuf, PathBuf)> {
        let relative = self.path(*directory)?.join(name);
        let absolute = self.root.path().join(&relative);
        Some((relative, absolute))
    }

    /// The directory of this place.
    pub(super) fn directory(&mut self, place: &Place) -> io::Result<NodeId> {
        let mut directory = ROOT;
        for name in &place.names {
            let node = self.look_up(&(directory, name.clone()))?.ok_or(io::ErrorKind::NotFound)?;
            if !self.is_directory(node) {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            directory = node;
        }
        Ok(directory)
    }

    /// The name of this place, and what has it. The root has none.
    pub(super) fn find(&mut self, place: &Place) -> io::Result<(Entry, Option<NodeId>)> {
        let (name, above) = place.names.split_last().ok_or(io::ErrorKind::InvalidInput)?;
        let above = Place { names: above.to_vec(), absolute: PathBuf::new() };
        let entry = (self.directory(&above)?, name.clone());
        let node = self.look_up(&entry)?;
        Ok((entry, node))
    }

    fn look_up(&mut self, entry: &Entry) -> io::Result<Option<NodeId>> {
        if let Some(node) = self.get(entry) {
            return Ok(Some(node));
        }
        let Some((_, absolute)) = self.path_of(entry) else { return Ok(None) };
        let found = match fs::symlink_metadata(&absolute) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
            found => found?,
        };
        no_link(&found, &absolute)?;
        let node = self.new_node(found.is_dir());
        self.set(entry, Some(node));
        Ok(Some(node))
    }
}
