//! The tests on a real Kubernetes: etcd, kube-apiserver and the rest of the control plane, and nodes with containerd, all
//! on this machine. What they are made of is built once and kept (`testbed/README.md`).
//!
//! ```text
//! cargo xtask cluster                          an API server alone, then one with a node of this machine's kernel and one of
//!                                              its own: all programs, each where it belongs
//! cargo xtask cluster --nodes 2 --uml-nodes 0  two of the former
//! cargo xtask cluster --api-only cluster         the API server alone, and one program
//! cargo xtask cluster --thorough nodes           also its tests that take longer than a change can wait for
//! cargo xtask cluster selftest -- reboot       what the cluster itself must do, the checks whose names hold a word
//! ```

mod asked;
mod live;
mod parts;

use std::time::{Duration, Instant};

use crate::Result;
use crate::cargo::{command, root, show, target};
use crate::kernel::outcome::{self, Outcome};
use crate::kernel::place::or_not_run;
use crate::kernel::program::{self, Program};
use asked::Asked;
pub use live::Live;
pub use parts::Shape;

/// Test programs for a cluster, `chaos-k8s/tests/NAME/main.rs`, and whether they need nodes (which have the agent's image then).
const PROGRAMS: [(&str, bool); 2] = [("cluster", false), ("nodes", true)];

/// The checks of the cluster itself, and of the examples for one: scripts of the testbed's.
const SELFTEST: &str = "selftest";
const EXAMPLES: &str = "examples";
const SCRIPTS: [&str; 2] = [SELFTEST, EXAMPLES];

/// How long a program may take.
const BOUND: Duration = Duration::from_secs(30 * 60);

/// What the command line asks for.
pub fn all(args: &[String]) -> Result {
    let Asked { shape, names, words } = Asked::read(args)?;
    run(shape, &["-p", "chaos-k8s"], &names, &words)
}

/// Who dies in which phase of a fault, under each of the faults: what takes too long for every change.
pub fn phases() -> Result {
    all(&["--thorough", "nodes", "--", "phases"].map(str::to_owned))
}

/// All programs but the checks of the cluster itself, out of what `selection` selects for `cargo test`, so that nothing is
/// built twice.
pub fn suite(selection: &[&str]) -> Result {
    let names: Vec<String> =
        PROGRAMS.iter().map(|(name, _)| *name).chain([EXAMPLES]).map(str::to_owned).collect();
    run(Shape::default(), selection, &names, &[])
}

fn run(mut shape: Shape, selection: &[&str], names: &[String], words: &[String]) -> Result {
    let mut programs = Vec::new();
    for name in
        SCRIPTS.into_iter().filter(|script| names.is_empty() || names.iter().any(|name| name == script))
    {
        programs.push(Program { name, path: root().join("testbed/cluster").join(name) });
    }
    if programs.iter().any(|program| program.name == EXAMPLES) {
        let of =
            if selection.contains(&"--workspace") { selection } else { &["-p", "chaos-cluster-examples"] };
        crate::cargo::run(&[&["build", "--quiet", "--all-features", "--examples"], of].concat())?;
    }
    let tests: Vec<String> = names.iter().filter(|name| !SCRIPTS.contains(&name.as_str())).cloned().collect();
    if names.is_empty() || !tests.is_empty() {
        let here = PROGRAMS.iter().filter(|(_, nodes)| shape.has_nodes() || !nodes);
        let list: Vec<&str> = here.map(|(name, _)| *name).collect();
        programs.extend(program::build_of(&list, selection, &tests)?);
    }
    let needs_nodes =
        |program: &Program| program.name == EXAMPLES || PROGRAMS.contains(&(program.name, true));
    // What needs the API server alone has it alone: controllers would change what its tests make.
    let (here, alone): (Vec<Program>, Vec<Program>) = programs
        .into_iter()
        .partition(|program| program.name == SELFTEST || needs_nodes(program) || !shape.has_nodes());
    if !alone.is_empty() {
        with(&Shape::api_only(), |cluster| run_in(cluster, &alone, words))?;
    }
    if here.is_empty() {
        return Ok(());
    }
    shape.agent = here.iter().any(needs_nodes);
    with(&shape, |cluster| run_in(cluster, &here, words)).map(|_| ())
}

/// Brings a cluster up, hands it to `work`, and takes it down whatever comes of that. None where this machine cannot have
/// one, which is said, unless `CHAOS_REQUIRE` demands `cluster`.
///
/// # Errors
///
/// What failed: building its parts, bringing it up, the work, taking it down, or that something of it is left.
pub fn with<T>(shape: &Shape, work: impl FnOnce(&Live) -> Result<T>) -> Result<Option<T>> {
    let built = parts::check(shape).and_then(|()| parts::build(shape));
    let Some(mut times) = or_not_run("cluster", "cluster", built)? else { return Ok(None) };
    if shape.agent {
        times.push(parts::agent()?);
    }
    let cluster = Live::up(shape)?;
    times.extend(cluster.times());
    let since = Instant::now();
    let done = work(&cluster);
    times.push(("what was run in it", since.elapsed()));
    if done.is_err() {
        cluster.show();
    }
    let since = Instant::now();
    let down = cluster.down(done.is_ok());
    times.push(("down", since.elapsed()));
    println!("\n| part of the cluster | time |\n|---|---:|");
    for (part, took) in times {
        println!("| {part} | {:.1} s |", took.as_secs_f64());
    }
    match (done, down) {
        (Ok(done), Ok(())) => Ok(Some(done)),
        (Err(error), Ok(())) | (Ok(_), Err(error)) => Err(error),
        (Err(error), Err(more)) => Err(format!("{error}; {more}")),
    }
}

/// Runs programs in a cluster, one after the other, and says what came of them.
pub fn run_in(cluster: &Live, programs: &[Program], words: &[String]) -> Result {
    let mut outcomes = Vec::new();
    for program in programs {
        eprintln!("== {} in {}", program.name, cluster.what());
        let mut command = cluster.command(&program.path);
        command.args(words);
        let outcome = outcome::of(&mut command, program.name, cluster.what(), BOUND)?;
        outcomes.push(if words.is_empty() { outcome.must_have_tests() } else { outcome });
        cluster.must_go_on()?;
    }
    println!("{}", outcome::table("cluster", &outcomes));
    let failed: Vec<String> = outcomes.iter().filter_map(Outcome::failure).collect();
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
}

/// A script of the testbed's cluster.
fn script(name: &str) -> std::process::Command {
    command(root().join("testbed/cluster").join(name))
}

/// Runs a script of the testbed's cluster, its output shown.
fn run_script(name: &str, cluster: &str, args: &[String]) -> Result {
    eprintln!("> TESTBED_NAME={cluster} testbed/cluster/{name} {}", args.join(" "));
    show(script(name).env("TESTBED_NAME", cluster).args(args))
}
