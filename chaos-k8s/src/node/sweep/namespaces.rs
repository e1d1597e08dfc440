//! The network namespaces that can be found.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use chaos_core::{Error, Result};
use procfs::process::Process;

use super::Found;
use crate::node::namespace::Origin;
use crate::node::net::leftovers;
use crate::node::netns::NetnsId;

pub(super) fn sweep() -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for (origin, name, file) in all()? {
        match leftovers::sweep(&file, &origin, &name) {
            Ok(some) => found.extend(some),
            Err(error) => found.push(Found::dead(format!("the network namespace {name}"), Err(error))),
        }
    }
    Ok(found)
}

/// Each once, by the first way that leads there.
fn all() -> Result<Vec<(Origin, String, File)>> {
    let (mut known, mut all) = (HashSet::new(), Vec::new());
    let mut add = |path: PathBuf, origin: Origin, name: String| {
        // What cannot be opened ended meanwhile, or is not ours to look at.
        let Ok(file) = File::open(&path) else { return };
        if NetnsId::of(&file).is_ok_and(|id| known.insert(id)) {
            all.push((origin, name, file));
        }
    };
    let of_path = |path: &Path| (path.to_owned(), Origin::Path(path.to_owned()), path.display().to_string());
    for mount in this_process()?.mountinfo().map_err(unread)? {
        if mount.fs_type == "nsfs" && mount.root.starts_with("net:") {
            let (path, origin, name) = of_path(&mount.mount_point);
            add(path, origin, name);
        }
    }
    for entry in fs::read_dir("/proc")?.flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let Some(pid) = pid else { continue };
        add(entry.path().join("ns/net"), Origin::Process(pid), format!("of pid {pid}"));
    }
    for entry in fs::read_dir("/proc/self/fd")?.flatten() {
        let leads_to = fs::read_link(entry.path()).unwrap_or_default();
        if leads_to.to_str().is_some_and(|target| target.starts_with("net:[")) {
            let (path, origin, name) = of_path(&entry.path());
            add(path, origin, name);
        }
    }
    Ok(all)
}

fn this_process() -> Result<Process> {
    Process::myself().map_err(unread)
}

fn unread(source: procfs::ProcError) -> Error {
    Error::failed("/proc cannot be read").with_source(source)
}
