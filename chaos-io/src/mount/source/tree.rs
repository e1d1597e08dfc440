//! [`Tree`]: the inodes that the kernel knows.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, Stat, statat};

/// The root of every FUSE mount (`FUSE_ROOT_ID`, linux/fuse.h).
const ROOT: u64 = 1;
/// Numbers for inodes whose own cannot be used begin here.
const STRANGERS: u64 = 1 << 62;

#[derive(Debug)]
pub(super) struct Tree {
    nodes: HashMap<u64, Node>,
    // Those whose number in the mount is not their own, by device and inode.
    strangers: HashMap<(u64, u64), u64>,
    root: (u64, u64),
    next_stranger: u64,
}

#[derive(Debug)]
struct Node {
    fd: Arc<OwnedFd>,
    id: (u64, u64),
    // How often the kernel was told of it and has not forgotten it.
    known: u64,
    parent: u64,
    name: OsString,
}

impl Tree {
    pub(super) fn new(root: OwnedFd) -> io::Result<Self> {
        let id = identity(&statat(&root, "", AtFlags::EMPTY_PATH)?);
        let node = Node { fd: Arc::new(root), id, known: 1, parent: 0, name: OsString::new() };
        Ok(Self {
            nodes: HashMap::from([(ROOT, node)]),
            strangers: HashMap::new(),
            root: id,
            next_stranger: STRANGERS,
        })
    }

    pub(super) fn node(&self, ino: u64) -> Option<Arc<OwnedFd>> {
        self.nodes.get(&ino).map(|node| Arc::clone(&node.fd))
    }

    /// The number in the mount: its own, where that is free in a mount and of the root's device.
    pub(super) fn number(&mut self, stat: &Stat) -> u64 {
        let id = identity(stat);
        match id {
            id if id == self.root => ROOT,
            (device, ino) if device == self.root.0 && (ROOT + 1..STRANGERS).contains(&ino) => ino,
            stranger => *self.strangers.entry(stranger).or_insert_with(|| {
                self.next_stranger += 1;
                self.next_stranger
            }),
        }
    }

    /// The kernel gets to know an inode by this name, once more.
    pub(super) fn know(&mut self, fd: OwnedFd, stat: &Stat, parent: u64, name: &OsStr) -> u64 {
        let ino = self.number(stat);
        let node = self.nodes.entry(ino).or_insert_with(|| Node {
            fd: Arc::new(fd),
            id: identity(stat),
            known: 0,
            parent,
            name: OsString::new(),
        });
        node.known += 1;
        if ino != ROOT {
            node.parent = parent;
            if node.name != name {
                node.name = name.to_owned();
            }
        }
        ino
    }

    /// An inode has another name now.
    pub(super) fn rename(&mut self, stat: &Stat, parent: u64, name: &OsStr) {
        let ino = self.number(stat);
        if let Some(node) = self.nodes.get_mut(&ino) {
            node.parent = parent;
            node.name = name.to_owned();
        }
    }

    pub(super) fn forget(&mut self, ino: u64, times: u64) -> Option<Arc<OwnedFd>> {
        if ino == ROOT {
            return None;
        }
        let node = self.nodes.get_mut(&ino)?;
        node.known = node.known.saturating_sub(times);
        if node.known > 0 {
            return None;
        }
        let node = self.nodes.remove(&ino)?;
        self.strangers.remove(&node.id);
        Some(node.fd)
    }

    /// The path of an inode, or of a name in it, behind `root`.
    pub(super) fn path(&self, root: &Path, ino: u64, name: Option<&OsStr>) -> PathBuf {
        let mut names = Vec::with_capacity(8);
        names.extend(name);
        let mut next = ino;
        // No tree is as deep as it has nodes: a loop ends, whatever two renames at once made of it.
        for _ in 0..self.nodes.len() {
            if next == ROOT {
                break;
            }
            let Some(node) = self.nodes.get(&next) else { break };
            names.push(&node.name);
            next = node.parent;
        }
        // Rules ask for it with every request: one allocation.
        let len = root.as_os_str().len() + names.iter().map(|name| name.len() + 1).sum::<usize>();
        let mut path = PathBuf::with_capacity(len);
        path.push(root);
        path.extend(names.into_iter().rev());
        path
    }
}

fn identity(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}
