//! The processes of a container, those that are meant.

use chaos_core::{Error, Result, Select, Target};
use procfs::process::Process as Proc;

use crate::agent::spec::{ContainerProcesses, NodeProcesses, Which};
use crate::node::Node;
use crate::node::process::Process;

/// Those of the container that are meant, as they are now.
pub(in crate::agent::work) async fn processes(
    node: &Node,
    wanted: &ContainerProcesses,
) -> Result<Vec<Process>> {
    let all = Select::select(&node.processes_of_container(&wanted.container)?).await?;
    let picked = match &wanted.which {
        Which::All => all,
        Which::First => first(all)?.into_iter().collect(),
        Which::Named(name) => all.into_iter().filter(|process| process.label("name") == Some(name)).collect(),
    };
    if picked.is_empty() {
        return Err(Error::refused(match &wanted.which {
            Which::Named(name) => format!("no process of the container is called {name}"),
            _ => "the container has ended".to_owned(),
        }));
    }
    Ok(picked)
}

/// Those of the node itself that are meant, as they are now: a process of a container has a number of its own there as well.
pub(in crate::agent::work) async fn node_processes(
    node: &Node,
    wanted: &NodeProcesses,
) -> Result<Vec<Process>> {
    let mut all = Select::select(&node.processes_named(&wanted.named)?).await?;
    all.retain(|process| {
        process.stat().is_ok_and(|stat| numbers(stat.pid).is_some_and(|all| all.len() == 1))
    });
    if all.is_empty() {
        return Err(Error::refused(format!("no process of the node itself is called {}", wanted.named)));
    }
    Ok(all)
}

/// The one that has the number 1 in the container; where containers share their numbers, the one that was started first.
fn first(all: Vec<Process>) -> Result<Option<Process>> {
    let mut oldest: Option<(u64, Process)> = None;
    for process in all {
        // One that ended meanwhile is not it.
        let Ok(stat) = process.stat() else { continue };
        if is_numbered_first(stat.pid) {
            return Ok(Some(process));
        }
        if oldest.as_ref().is_none_or(|(start, _)| stat.starttime < *start) {
            oldest = Some((stat.starttime, process));
        }
    }
    Ok(oldest.map(|(_, process)| process))
}

fn is_numbered_first(pid: i32) -> bool {
    numbers(pid).is_some_and(|numbers| numbers.len() > 1 && numbers.last() == Some(&1))
}

/// Its numbers, from our pid namespace down to its own.
fn numbers(pid: i32) -> Option<Vec<i32>> {
    Proc::new(pid).and_then(|process| process.status()).ok()?.nspid
}
