//! A kernel to run test programs on.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::outcome::{self, Outcome};
use super::program::Program;
use crate::Result;
use crate::cargo::{capture, command, root};

/// What must run in a guest, whose kernel and root are ours whatever this machine is. Under User-Mode Linux, and on Debian's kernels,
/// of which some are before tcx.
const UML_REQUIRES: &str = "root,nft,netem,filters,tun,tcx,cgroup2,ptrace";
const DEBIAN_REQUIRES: &str = "root,nft,netem,filters,tun,cgroup2,ptrace";

/// Where this machine's kernel must run these, what is done a hundred times there is done ten times in a guest, and a suite that has
/// run the tests that need no more leaves them out there, those of programs that do the same everywhere.
const DONE_HERE: &str = "root,nft,filters,tun,tcx,ptrace";

/// How long a program may take, once its kernel is up.
const BOUND: Duration = Duration::from_secs(20 * 60);

/// The same where the processor is emulated.
const EMULATED_BOUND: Duration = Duration::from_secs(40 * 60);

/// Debian's suites with the kernels that they stand for: 5.10, 6.1, 6.12, and the newest.
const SUITES: [&str; 4] = ["bullseye", "bookworm", "trixie", "sid"];

/// What runs on a kernel that lacks pieces of the network's machinery: programs, and a word in the names of their tests.
const WITHOUT_PIECES: &[(&str, &str)] = &[("net", "filters"), ("net", "guardian")];

/// For a program that tries everything there is to try.
const PATIENT_BOUND: Duration = Duration::from_secs(3 * 60 * 60);

/// A kernel.
#[derive(Clone)]
pub struct Place {
    pub name: String,
    /// What comes before the program on the command line, up to how long it may take; empty on this machine's kernel.
    runner: Vec<OsString>,
    environment: Vec<(&'static str, &'static str)>,
    /// Only these tests, where there are any.
    pub only: &'static [(&'static str, &'static str)],
    bound: Duration,
}

impl Place {
    pub fn machine() -> Self {
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            name: format!("this machine ({})", release.trim()),
            runner: Vec::new(),
            environment: Vec::new(),
            only: &[],
            bound: BOUND,
        }
    }

    /// With this variable for the programs, and hours for them.
    pub fn patient_with(mut self, variable: &'static str, value: &'static str) -> Self {
        self.environment.push((variable, value));
        self.bound = PATIENT_BOUND;
        self
    }

    fn guest(name: String, script: &str, more: &[&str], requires: &'static str, bound: Duration) -> Self {
        let words = ["--ro"].iter().chain(more).map(OsString::from);
        let runner = [testbed(script).into_os_string()].into_iter().chain(words).collect();
        Self { name, runner, environment: vec![("CHAOS_REQUIRE", requires)], only: &[], bound }
    }

    /// For programs of which this machine's kernel has just run all tests that it can.
    pub fn after_this_machine(mut self) -> Self {
        if DONE_HERE.split(',').all(is_demanded) {
            self.environment.push(("CHAOS_ELSEWHERE", DONE_HERE));
        }
        self
    }

    /// Runs a program to its end, shows what it prints, and says what came of it.
    pub fn run(&self, program: &Program, words: &[String]) -> Result<Outcome> {
        let is_guest = !self.runner.is_empty();
        let mut line = self.runner.clone();
        if is_guest {
            line.extend(["--timeout", &self.bound.as_secs().to_string(), "--"].map(OsString::from));
        }
        line.push(program.path.clone().into_os_string());
        line.extend(words.iter().map(OsString::from));
        let mut command = command(&line[0]);
        command.args(&line[1..]).envs(self.environment.iter().copied());
        // A guest ends by its own limit first, and says so.
        let bound = if is_guest { self.bound + Duration::from_secs(60) } else { self.bound };
        let outcome = outcome::of(&mut command, program.name, &self.name, bound)?;
        Ok(if words.is_empty() { outcome.must_have_tests() } else { outcome })
    }
}

/// User-Mode Linux, its kernel built where that has not been done yet; none where it cannot be, unless it is demanded.
pub fn uml() -> Result<Option<Place>> {
    eprintln!("> testbed/kernel/run --ro uname -r (the first time its kernel is built, some minutes)");
    let release = capture(command(testbed("run")).args(["--ro", "uname", "-r"]));
    let place = |release: String| {
        let name = format!("User-Mode Linux ({})", release.trim());
        let mut place = Place::guest(name, "run", &["--rw", "/tmp"], UML_REQUIRES, BOUND);
        if DONE_HERE.split(',').all(is_demanded) {
            place.environment.push(("CHAOS_BRIEF", "1"));
        }
        place
    };
    or_not_run("User-Mode Linux", "uml", release.map(place))
}

/// The same without nf_tables.
pub fn uml_without_nft() -> Result<Option<Place>> {
    let without = |place: Place| Place {
        name: place.name.replace("User-Mode Linux", "User-Mode Linux without nf_tables"),
        environment: vec![
            ("CHAOS_REQUIRE", "root,netem,filters"),
            ("UML_BLACKLIST", "nf_tables_module_init"),
        ],
        only: WITHOUT_PIECES,
        ..place
    };
    Ok(uml()?.map(without))
}

/// Debian's kernels, prepared where that has not been done yet; without those that cannot be, unless they are demanded.
pub fn debian() -> Result<Vec<Place>> {
    let prepare = |suite: &str| {
        capture(command("qemu-system-x86_64").arg("--version"))
            .map_err(|_| "no qemu-system-x86_64 (Debian package qemu-system-x86)".to_owned())?;
        eprintln!("> testbed/kernel/qemu-kernel --suite {suite}");
        let folder = capture(command(testbed("qemu-kernel")).args(["--suite", suite]))?;
        let release =
            std::fs::read_to_string(PathBuf::from(folder.trim()).join("version")).unwrap_or_default();
        let name = format!("Debian {suite} ({})", release.trim());
        let more = ["--kernel", folder.trim()];
        let place = Place::guest(name, "run-qemu", &more, DEBIAN_REQUIRES, EMULATED_BOUND);
        // Before Linux 5.12 no table is owned, and most programs need one.
        let is_old = suite == "bullseye";
        Ok(Place { only: if is_old { WITHOUT_PIECES } else { &[] }, ..place })
    };
    let place = |suite: &&str| or_not_run(&format!("Debian {suite}"), "qemu", prepare(suite)).transpose();
    SUITES.iter().filter_map(place).collect()
}

fn testbed(script: &str) -> PathBuf {
    root().join("testbed/kernel").join(script)
}

fn is_demanded(demand: &str) -> bool {
    std::env::var("CHAOS_REQUIRE").unwrap_or_default().split(',').any(|what| what.trim() == demand)
}

/// What is there; none, said, where it is not, unless `CHAOS_REQUIRE` demands it.
pub fn or_not_run<T>(name: &str, demand: &str, found: Result<T>) -> Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_demanded(demand) => Err(format!("{name}, which CHAOS_REQUIRE demands: {error}")),
        Err(error) => {
            // What the scripts of the testbed say themselves, before a guest's last words.
            let said = error.lines().find(|line| line.starts_with("testbed/")).or(error.lines().last());
            println!("not run: {name}: {}", said.unwrap_or_default());
            Ok(None)
        }
    }
}
