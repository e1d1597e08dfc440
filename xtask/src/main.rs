//! The one task runner: `cargo xtask` lists every habit of this project.

mod agent;
mod cargo;
mod ci;
mod cluster;
mod doctests;
mod instructions;
mod kernel;
mod package;
mod test;
mod weight;

use std::process::ExitCode;

type Result<T = ()> = std::result::Result<T, String>;

/// A task by its name, with what it does.
type Task = (&'static str, &'static str, Work);

enum Work {
    Plain(fn() -> Result),
    /// With the words after its name.
    With(fn(&[String]) -> Result),
}

use Work::{Plain, With};

const TASKS: &[Task] = &[
    ("fmt", "format the code", Plain(|| cargo::run(&["fmt", "--all"]))),
    ("lint", "check format and lints, warnings denied", Plain(ci::lint)),
    ("docs", "build the documentation, broken links denied", Plain(ci::docs)),
    ("test", "run the whole test suite: what README names", Plain(test::all)),
    (
        "kernel",
        "run the kernel tests on this machine's kernel and under User-Mode Linux: [PROGRAM...] [-- WORDS]",
        With(kernel::all),
    ),
    (
        "matrix",
        "run the kernel tests on Debian's kernels, emulated: [PROGRAM...] [-- WORDS]",
        With(kernel::matrix),
    ),
    (
        "crash",
        "kill injector, guardian and sweep at every call that changes something, on both kernels: [WORD]",
        With(kernel::crash),
    ),
    (
        "agent",
        "build the program chaos-agent, linked statically, and its image target/chaos-agent.tar: [NAME:TAG]",
        With(agent::image),
    ),
    (
        "cluster",
        "run the tests on a real Kubernetes: [--api-only] [--nodes N] [--uml-nodes N] [--mem SIZE] [--thorough] [PROGRAM...] \
         [-- WORDS]",
        With(cluster::all),
    ),
    ("loom", "check arm, revert and decide against each other, in every interleaving", Plain(test::loom)),
    ("features", "build each feature of each crate alone, and none", Plain(ci::features)),
    ("examples", "run every example to its end", Plain(test::examples)),
    ("bench", "run every benchmark, with its peers in the same run", Plain(ci::bench)),
    (
        "instructions",
        "count instructions per call under callgrind, and hold the limits",
        Plain(instructions::check),
    ),
    ("weight", "count crates and time clean debug builds, beside the peers", Plain(weight::table)),
    ("deny", "check licences, bans and sources", Plain(ci::deny)),
    ("msrv", "build the crates with the declared minimum Rust version", Plain(ci::msrv)),
    ("package", "package each crate as it would be published", Plain(package::all)),
    (
        "nightly",
        "what takes too long for every change: each benchmark once, kernel, selftest of the cluster, phases, crash, matrix",
        Plain(ci::nightly),
    ),
    ("checks", "features, instructions, deny, msrv and package, one after the other", Plain(ci::checks)),
    ("ci", "everything that must hold before a change lands", Plain(ci::all)),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, args)) = args.split_first() else {
        for (name, what, _) in TASKS {
            println!("cargo xtask {name:<13} {what}");
        }
        return ExitCode::from(2);
    };
    let Some((_, _, work)) = TASKS.iter().find(|(task, ..)| task == name) else {
        eprintln!("no task {name:?}: `cargo xtask` lists them");
        return ExitCode::from(2);
    };
    let done = match work {
        Plain(work) if args.is_empty() => work(),
        Plain(_) => Err(format!("takes no arguments, and {} were given", args.len())),
        With(work) => work(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}
