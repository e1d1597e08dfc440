//! The one task runner: `cargo xtask` lists every habit of this project.

mod cargo;
mod ci;
mod doctests;
mod instructions;
mod package;
mod test;
mod weight;

use std::process::ExitCode;

type Result<T = ()> = std::result::Result<T, String>;
type Task = (&'static str, &'static str, fn() -> Result);

const TASKS: &[Task] = &[
    ("fmt", "format the code", || cargo::run(&["fmt", "--all"])),
    ("lint", "check format and lints, warnings denied", ci::lint),
    ("docs", "build the documentation, broken links denied", ci::docs),
    ("test", "run the whole test suite: what README names", test::all),
    ("loom", "check arm, revert and decide against each other, in every interleaving", test::loom),
    ("features", "build each feature of each crate alone, and none", ci::features),
    ("examples", "run every example to its end", test::examples),
    ("bench", "run every benchmark, with its peers in the same run", ci::bench),
    ("instructions", "count instructions per call under callgrind, and hold the limits", instructions::check),
    ("weight", "count crates and time clean debug builds, beside the peers", weight::table),
    ("deny", "check licences, bans and sources", ci::deny),
    ("msrv", "build the crates with the declared minimum Rust version", ci::msrv),
    ("package", "package each crate as it would be published", package::all),
    ("ci", "everything that must hold before a change lands", ci::all),
];

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let (Some(name), None) = (args.next(), args.next()) else {
        for (name, what, _) in TASKS {
            println!("cargo xtask {name:<13} {what}");
        }
        return ExitCode::from(2);
    };
    let Some((_, _, task)) = TASKS.iter().find(|(task, ..)| *task == name) else {
        eprintln!("no task {name:?}: `cargo xtask` lists them");
        return ExitCode::from(2);
    };
    match task() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}
