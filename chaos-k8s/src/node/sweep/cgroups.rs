//! The cgroups of ours in the trees that are mounted here.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use chaos_core::ledger::RunId;
use chaos_core::{Clock, Error};

use super::Found;
use crate::node::cgroup::{Dirs, Own, is_marked};

/// How the names of cgroups of stressors go on after the mark; the run follows, and a number.
const STRESS: &str = "chaos-stress-";

/// Those below the cgroup that is these directories.
pub(super) async fn sweep(below: &Dirs, clock: &Clock) -> Vec<Found> {
    let mut found = Vec::new();
    for dirs in marked(below) {
        let what = format!("cgroup {}", dirs.main().display());
        found.push(match Own::of_the_dead(dirs) {
            Ok(None) => Found::living(what),
            Ok(Some((own, _held))) => Found::dead(what, own.end(clock).await),
            Err(source) => Found::dead(
                what,
                Err(Error::failed("whether its run lives is not known").with_source(source)),
            ),
        });
    }
    found
}

/// On v1 one cgroup has a directory in each tree, of one name.
fn marked(below: &Dirs) -> Vec<Dirs> {
    let mut found = Vec::new();
    match below {
        Dirs::None(_) => Vec::new(),
        Dirs::V2(root) => {
            walk(root, &mut found);
            found.into_iter().map(|(_, dir)| Dirs::V2(dir)).collect()
        }
        Dirs::V1(roots) => {
            let mut by_name: BTreeMap<String, BTreeMap<String, PathBuf>> = BTreeMap::new();
            for (tree, root) in roots {
                walk(root, &mut found);
                for (name, dir) in found.drain(..) {
                    by_name.entry(name).or_default().insert(tree.clone(), dir);
                }
            }
            by_name.into_values().map(Dirs::V1).collect()
        }
    }
}

fn walk(dir: &Path, marked: &mut Vec<(String, PathBuf)>) {
    // A cgroup that cannot be read is not ours to look into, or is gone.
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_marked(&path) && is_of_a_run(&name) {
            marked.push((name, path));
        } else {
            walk(&path, marked);
        }
    }
}

fn is_of_a_run(name: &str) -> bool {
    let rest = name.strip_prefix(STRESS).and_then(|rest| rest.rsplit_once('-'));
    rest.is_some_and(|(run, number)| run.parse::<RunId>().is_ok() && number.parse::<u64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_of_a_run_is_one() {
        let run = RunId::fresh();
        assert!(is_of_a_run(&format!("chaos-stress-{run}-0")));
        for name in [format!("chaos-stress-{run}"), "chaos-stress-1-0".to_owned(), format!("stress-{run}-0")]
        {
            assert!(!is_of_a_run(&name), "{name}");
        }
    }
}
