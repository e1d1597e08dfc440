//! The tests on real kernels: on this machine's, on one of our own under User-Mode Linux, and on those of Debian.
//!
//! ```text
//! cargo xtask kernel                      all programs, on this machine's kernel and under User-Mode Linux
//! cargo xtask kernel net stress           two of them
//! cargo xtask kernel net -- delay         the tests of one whose names hold a word
//! cargo xtask matrix                      the same, on Debian's kernels, emulated; and what works on kernels that lack pieces
//! cargo xtask crash                       one of them, `crash`, at every moment there is and not at some of them
//! ```

pub mod outcome;
pub mod place;
pub mod program;

use crate::Result;
use outcome::Outcome;
use place::Place;
use program::Program;

/// The programs whose tests do the same on every kernel that has what they need.
const ALIKE: [&str; 4] = ["net", "dns", "own", "crash"];

/// On this machine's kernel and under User-Mode Linux.
pub fn all(args: &[String]) -> Result {
    let (names, words) = split(args);
    let programs = program::build(&["-p", "chaos-k8s"], names)?;
    let uml = place::uml()?;
    run_on(Some(Place::machine()).into_iter().chain(uml), &programs, words)
}

/// On Debian's kernels, emulated, and on one without nf_tables.
pub fn matrix(args: &[String]) -> Result {
    let (names, words) = split(args);
    let programs = program::build(&["-p", "chaos-k8s"], names)?;
    run_on(place::uml_without_nft()?.into_iter().chain(place::debian()?), &programs, words)
}

/// Every moment at which injector, guardian or sweep can die, on this machine's kernel and under User-Mode Linux.
pub fn crash(args: &[String]) -> Result {
    let programs = program::build(&["-p", "chaos-k8s"], &["crash".to_owned()])?;
    let places = [Place::machine()].into_iter().chain(place::uml()?);
    run_on(places.map(|place| place.patient_with("CHAOS_CRASH_ALL", "1")), &programs, args)
}

/// Under User-Mode Linux alone: `selection` are the arguments of `cargo test` that have run them on this machine's kernel,
/// so that nothing is built twice. Of the tests that do the same everywhere those alone that this machine's kernel is not known to have run.
pub fn uml(selection: &[&str]) -> Result {
    let programs = program::build(selection, &[])?;
    let (alike, others): (Vec<Program>, Vec<Program>) =
        programs.into_iter().partition(|program| ALIKE.contains(&program.name));
    let uml = place::uml()?;
    let alike = run_on(uml.clone().map(Place::after_this_machine), &alike, &[]);
    alike.and(run_on(uml, &others, &[]))
}

/// Names of programs, and the words after `--`, which are for the programs.
pub fn split(args: &[String]) -> (&[String], &[String]) {
    let at = args.iter().position(|arg| arg == "--").unwrap_or(args.len());
    (&args[..at], args.get(at + 1..).unwrap_or_default())
}

fn run_on(places: impl IntoIterator<Item = Place>, programs: &[Program], words: &[String]) -> Result {
    let mut outcomes = Vec::new();
    for place in places {
        for program in programs {
            if place.only.is_empty() || !words.is_empty() {
                eprintln!("== {} on {}", program.name, place.name);
                outcomes.push(place.run(program, words)?);
                continue;
            }
            for (_, word) in place.only.iter().filter(|(name, _)| *name == program.name) {
                eprintln!("== {} on {}: {word}", program.name, place.name);
                outcomes.push(place.run(program, &[(*word).to_owned()])?);
            }
        }
    }
    println!("{}", outcome::table("kernel", &outcomes));
    let failed: Vec<String> = outcomes.iter().filter_map(Outcome::failure).collect();
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
}
