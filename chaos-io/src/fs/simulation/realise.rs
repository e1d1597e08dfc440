//! Brings the real directory into the state that a crash leaves.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Seek};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use chaos_core::dice::Rolls;

use super::pages::PAGE;
use super::tree::Entry;
use super::{Kept, NodeId, State};
use crate::fs::crash::CrashedFile;
use crate::fs::root::Root;

/// Where what changes its name is for a moment.
const STAGE: &str = ".chaos-crash";

impl State {
    /// What was done to names and is undone, in words, and the files that were not synced.
    pub(super) fn realise(
        &mut self,
        root: &Root,
        rolls: &mut Rolls,
    ) -> io::Result<(Vec<String>, Vec<CrashedFile>)> {
        let (names, undone) = self.names.survive(rolls);
        let moved: BTreeMap<Entry, Option<NodeId>> =
            names.into_iter().filter(|(entry, node)| self.tree.get(entry) != *node).collect();
        if !moved.is_empty() {
            self.move_names(root, &moved)?;
        }
        let mut files = Vec::new();
        for (node, unsynced) in &self.files {
            let survived = unsynced.survive(rolls);
            // What has no name any more is not to be found.
            let Some(path) = self.tree.path(*node) else { continue };
            let file = fs::OpenOptions::new().write(true).open(root.path().join(&path))?;
            file.set_len(survived.len)?;
            for (page, data) in &survived.pages {
                let start = page * PAGE as u64;
                let len = survived.len.saturating_sub(start).min(PAGE as u64) as usize;
                file.write_all_at(&data[..len], start)?;
            }
            files.push(CrashedFile {
                path,
                synced_len: unsynced.synced_len(),
                written_len: unsynced.len(),
                len: survived.len,
                unsynced_pages: unsynced.pages(),
                stale_pages: survived.stale,
                torn_pages: survived.torn,
            });
        }
        self.kept.clear();
        Ok((undone, files))
    }

    /// Gives each name to what is to have it.
    fn move_names(&mut self, root: &Root, moved: &BTreeMap<Entry, Option<NodeId>>) -> io::Result<()> {
        let stage = root.path().join(STAGE);
        fs::create_dir(&stage)?;
        let staged = |node: NodeId| stage.join(node.to_string());
        // The deepest first, as paths are those of before.
        for (path, entry) in self.by_depth(moved.keys()).into_iter().rev() {
            if let Some(node) = self.tree.get(entry) {
                fs::rename(path, staged(node))?;
            }
        }
        for entry in moved.keys() {
            self.tree.set(entry, None);
        }
        for (entry, node) in moved {
            self.tree.set(entry, *node);
        }
        for (path, entry) in self.by_depth(moved.keys()) {
            let Some(node) = self.tree.get(entry) else { continue };
            match self.kept.get_mut(&node) {
                None => fs::rename(staged(node), path)?,
                Some(Kept::File(file)) => copy(file, &path)?,
                Some(Kept::Directory(permissions)) => {
                    fs::create_dir(&path)?;
                    fs::set_permissions(&path, permissions.clone())?;
                }
            }
        }
        fs::remove_dir_all(&stage)
    }

    /// The absolute paths of these names, those above before those below; of names in directories that are there.
    fn by_depth<'a>(&self, entries: impl Iterator<Item = &'a Entry>) -> Vec<(PathBuf, &'a Entry)> {
        let mut paths: Vec<_> =
            entries.filter_map(|entry| Some((self.tree.path_of(entry)?.1, entry))).collect();
        paths.sort_by_key(|(path, _)| path.components().count());
        paths
    }
}

fn copy(file: &mut File, path: &Path) -> io::Result<()> {
    file.rewind()?;
    let permissions = file.metadata()?.permissions();
    let mut to = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    io::copy(file, &mut to)?;
    to.set_permissions(permissions)
}
