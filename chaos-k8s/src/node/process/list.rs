//! Lists of processes for [`Targets`]: by name, by cgroup, by container. Each look reads `/proc` anew.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use chaos_core::{Error, Result, Selector, Targets};
use procfs::process::{Process as Proc, Stat, all_processes};

use super::container::ContainerId;
use super::identity::there;
use super::target::{Process, Spared};
use crate::node::Node;

/// What the kernel keeps of a program's name (TASK_COMM_LEN without its end).
const LONGEST_COMM: usize = 15;
const PROCS: &str = "cgroup.procs";

impl Node {
    /// The processes that are called `name`: by the name that the kernel shows (comm), by the last part of their first
    /// argument, or by that of their program's path; a `name` with a slash is the whole path of the program.
    ///
    /// # Errors
    /// An empty name.
    pub fn processes_named(&self, name: impl Into<String>) -> Result<Targets<Process>> {
        let name = name.into();
        if name.is_empty() {
            return Err(Error::invalid("the name of a process is empty: that would be every process"));
        }
        let from = format!("processes named {name}");
        Ok(self.listed(from, move |node| {
            scan(node, |proc, stat| {
                let is_it = is_named(proc, stat, &name);
                Ok(is_it)
            })
        }))
    }

    /// The processes in a cgroup and in all below it: by the cgroup's directory, or by its path as `/proc/PID/cgroup`
    /// writes it, in whatever hierarchy.
    ///
    /// # Errors
    /// A path that is relative, or the root, where every process is.
    pub fn processes_in_cgroup(&self, path: impl AsRef<Path>) -> Result<Targets<Process>> {
        let path = path.as_ref().to_owned();
        let is_root = path == Path::new("/") || is_cgroup(&path) && !path.parent().is_some_and(is_cgroup);
        if is_root {
            return Err(Error::invalid(format!(
                "{} is the root of the cgroups, where every process is: name one below it",
                path.display()
            )));
        }
        if !path.is_absolute() || path.components().any(|part| part.as_os_str() == "..") {
            return Err(Error::invalid(format!(
                "{path:?} is no cgroup: write its directory, or its path as in /proc/PID/cgroup"
            )));
        }
        let from = format!("processes in cgroup {}", path.display());
        Ok(self.listed(from, move |node| {
            if is_cgroup(&path) {
                let mut pids = BTreeSet::new();
                pids_below(&path, &mut pids)?;
                return scan(node, |_, stat| Ok(pids.contains(&stat.pid)));
            }
            scan(node, |proc, _| Ok(cgroups(proc)?.iter().any(|cgroup| cgroup.starts_with(&path))))
        }))
    }

    /// The processes of a container: by its id, as Kubernetes (`containerd://...`) or a runtime writes it, or by the
    /// first 12 characters of it or more. Looked for in `/proc/*/cgroup`, as containerd, CRI-O, Docker and Podman name
    /// their cgroups, with the cgroup driver of systemd or without.
    ///
    /// # Errors
    /// What is no container id. When it is looked up: no process, or two containers whose ids begin so.
    pub fn processes_of_container(&self, id: &str) -> Result<Targets<Process>> {
        let id: ContainerId = id.parse()?;
        Ok(self.listed(format!("processes of container {id}"), move |node| of_container(node, &id)))
    }

    fn listed(
        &self,
        from: String,
        list: impl Fn(&Self) -> Result<Vec<Process>> + Send + Sync + 'static,
    ) -> Targets<Process> {
        let node = self.clone();
        Targets::listed_by(from, move || std::future::ready(list(&node)), Selector::all())
    }
}

fn of_container(node: &Node, id: &ContainerId) -> Result<Vec<Process>> {
    let mut seen = BTreeSet::new();
    let processes = scan(node, |proc, _| {
        let found = cgroups(proc)?.iter().find_map(|path| id.found_in(path));
        let is_it = found.is_some();
        seen.extend(found);
        Ok(is_it)
    })?;
    if seen.len() > 1 {
        let ids: Vec<String> = seen.into_iter().collect();
        return Err(Error::refused(format!(
            "{id} is the beginning of more than one container: write more of {}",
            ids.join(" or ")
        )));
    }
    if processes.is_empty() {
        return Err(Error::refused(format!(
            "no process of container {id} is seen: is it running, and does this program see the host's processes and \
             cgroups (in Kubernetes hostPID)?"
        )));
    }
    Ok(processes)
}

/// Every process for which `wanted` says so.
fn scan(node: &Node, mut wanted: impl FnMut(&Proc, &Stat) -> Result<bool>) -> Result<Vec<Process>> {
    let spared = Spared::now()?;
    let unreadable = |error| Error::refused("/proc cannot be read: is it mounted?").with_source(error);
    let mut found = Vec::new();
    for proc in all_processes().map_err(unreadable)? {
        let Some(proc) = there(proc)? else { continue };
        let Some(stat) = there(proc.stat())? else { continue };
        if stat.state != 'Z' && wanted(&proc, &stat)? {
            found.extend(Process::new(node, &spared, &proc, &stat));
        }
    }
    Ok(found)
}

fn is_named(proc: &Proc, stat: &Stat, name: &str) -> bool {
    // Both need rights for the processes of others: what cannot be read does not match.
    let exe = proc.exe().ok();
    if name.contains('/') {
        return exe.is_some_and(|exe| exe == Path::new(name));
    }
    let last_part = |path: &Path| path.file_name().is_some_and(|last| last == name);
    let first_word = || proc.cmdline().ok().and_then(|words| words.into_iter().next()).map(PathBuf::from);
    (stat.comm == name && name.len() <= LONGEST_COMM)
        || exe.as_deref().is_some_and(last_part)
        || first_word().as_deref().is_some_and(last_part)
}

/// Where the process is, once per hierarchy.
fn cgroups(proc: &Proc) -> Result<Vec<PathBuf>> {
    let cgroups = there(proc.cgroups())?;
    Ok(cgroups.into_iter().flatten().map(|cgroup| PathBuf::from(cgroup.pathname)).collect())
}

fn is_cgroup(path: &Path) -> bool {
    path.join(PROCS).is_file()
}

fn pids_below(cgroup: &Path, pids: &mut BTreeSet<i32>) -> Result<()> {
    let unreadable =
        |error| Error::refused(format!("the cgroup {} cannot be read", cgroup.display())).with_source(error);
    let text = fs::read_to_string(cgroup.join(PROCS)).map_err(unreadable)?;
    pids.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()));
    for entry in fs::read_dir(cgroup).map_err(unreadable)? {
        let path = entry?.path();
        if is_cgroup(&path) {
            pids_below(&path, pids)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use chaos_core::Chaos;

    use super::*;

    #[test]
    fn what_would_be_everything_is_refused() {
        let node = Node::new(&Chaos::seeded(1));
        assert!(node.processes_named("").unwrap_err().is_invalid());
        for path in ["", "/", "kubepods", "/a/../..", "./a"] {
            assert!(node.processes_in_cgroup(path).unwrap_err().is_invalid(), "{path}");
        }
        for path in ["/sys/fs/cgroup", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/unified"] {
            if is_cgroup(Path::new(path)) {
                assert!(node.processes_in_cgroup(path).unwrap_err().is_invalid(), "{path}");
            }
        }
    }

    #[test]
    fn this_program_is_found_by_its_names() {
        let node = Node::new(&Chaos::seeded(1));
        let own = Proc::myself().unwrap();
        let exe = own.exe().unwrap();
        let stat = own.stat().unwrap();
        assert!(is_named(&own, &stat, &stat.comm));
        assert!(is_named(&own, &stat, exe.to_str().unwrap()));
        assert!(is_named(&own, &stat, exe.file_name().unwrap().to_str().unwrap()));
        assert!(!is_named(&own, &stat, "no-such-program"));
        let all = scan(&node, |_, _| Ok(true)).unwrap();
        assert!(all.iter().any(|process| process.pid() == std::process::id()));
    }
}
