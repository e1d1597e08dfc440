//! How exactly stress is held: the engine of chaos-k8s beside stress-ng, on the same asks, from the accounting of the cgroup
//! that both are put in.
//!
//! ```text
//! cargo run --release -p chaos-benches --bin stress_accuracy      # Linux, root; stress-ng for its half
//! ```

#[cfg(target_os = "linux")]
#[path = "../../../examples/host/stress/container.rs"]
#[allow(dead_code, unreachable_pub, clippy::print_stderr, reason = "shared with the example")]
mod container;

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    // First of all: the stressors are this program, started again.
    let _guardian = chaos_k8s::node::run_if_asked();
    stress::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
mod stress {
    use std::fs;
    use std::io::{self, Write};
    use std::os::unix::process::CommandExt;
    use std::path::{Path, PathBuf};
    use std::process::{Child, Command, Stdio};
    use std::thread;
    use std::time::{Duration, Instant};

    use chaos_core::{BlastRadius, Chaos, Fault, Injection, Ledger, Mode, Percent, Targets};
    use chaos_k8s::Node;
    use chaos_k8s::node::stress::{self, Amount, Stress};
    use tokio::runtime::{Builder, Runtime};

    use crate::container::Container;

    type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

    /// How long each is measured, after as long as stress-ng needs to begin.
    const MEASURED: Duration = Duration::from_secs(10);
    const BEGINS: Duration = Duration::from_secs(2);
    const ROOM: u64 = 4 << 30;
    const MIB: u64 = 1 << 20;
    /// Followed by directories of cgroups, `--`, and a program to become in them.
    const JOIN: &str = "--join";

    pub(crate) fn main() -> Result<()> {
        let args: Vec<String> = std::env::args().skip(1).collect();
        if args.first().is_some_and(|first| first == JOIN) {
            return join(&args[1..]);
        }
        let mut out = io::stdout();
        if let Err(why) = Container::new(ROOM) {
            writeln!(out, "not run: {why}")?;
            return Ok(());
        }
        let has_peer = Path::new("/usr/bin/stress-ng").exists();
        if !has_peer {
            writeln!(out, "not run: no stress-ng")?;
        }
        let runtime = Builder::new_current_thread().enable_all().build()?;
        writeln!(
            out,
            "{} s each, from the cgroup's accounting; {} cpus",
            MEASURED.as_secs(),
            thread::available_parallelism()?
        )?;
        writeln!(out, "{:<24} {:>10} {:>22} {:>22}", "asked", "", "chaos", "stress-ng")?;
        for percent in [10, 50, 90] {
            let load = Percent::try_new(f64::from(percent))?;
            let ours = ours(&runtime, stress::cpu(1)?.load(load), load_of)?;
            let percent_text = percent.to_string();
            let peer = peer(has_peer, &["--cpu", "1", "--cpu-load", &percent_text], load_of)?;
            row(&mut out, "cpu, % of a processor", f64::from(percent), ours, peer, 1.0)?;
        }
        for mib in [64, 256, 1024] {
            let ours = ours(&runtime, stress::memory(Amount::of(mib * MIB)?), resident)?;
            let size = format!("{mib}M");
            let peer = peer(has_peer, &["--vm", "1", "--vm-bytes", &size, "--vm-hang", "0"], resident)?;
            row(&mut out, "memory, MiB", mib as f64, ours, peer, mib as f64 / 100.0)?;
        }
        Ok(())
    }

    /// Errors in points, or in percent of what was asked: units of `one`.
    fn row(
        out: &mut impl Write,
        what: &str,
        asked: f64,
        ours: f64,
        peer: Option<f64>,
        one: f64,
    ) -> Result<()> {
        let figure = |got: f64| format!("{got:.2} ({:+.2})", (got - asked) / one);
        let peer = peer.map_or_else(|| "not run".to_owned(), figure);
        writeln!(out, "{what:<24} {asked:>10} {:>22} {peer:>22}", figure(ours))?;
        Ok(())
    }

    /// The load of a container, in percent of a processor.
    fn load_of(container: &Container) -> io::Result<f64> {
        let (begun, before) = (Instant::now(), container.used()?);
        thread::sleep(MEASURED);
        let used = container.used()? - before;
        Ok(used.as_secs_f64() / begun.elapsed().as_secs_f64() * 100.0)
    }

    fn resident(container: &Container) -> io::Result<f64> {
        Ok(container.memory()? as f64 / MIB as f64)
    }

    type Measure = fn(&Container) -> io::Result<f64>;

    fn ours<K: std::fmt::Debug + 'static>(
        runtime: &Runtime,
        stress: Stress<K>,
        measure: Measure,
    ) -> Result<f64> {
        let container = Container::new(ROOM)?;
        let chaos = Chaos::seeded(7);
        let node = Node::new(&chaos);
        let injection: Injection = runtime.block_on(async {
            let target = Targets::one(node.cgroup_at(container.path())?);
            let ledger = Ledger::in_memory(node.undos()?);
            chaos.inject(stress.on(target, Mode::ALL), BlastRadius::count(1)?).ledger(ledger).begin().await
        })?;
        thread::sleep(BEGINS);
        let measured = measure(&container);
        runtime.block_on(injection.revert())?;
        Ok(measured?)
    }

    fn peer(is_there: bool, args: &[&str], measure: Measure) -> Result<Option<f64>> {
        if !is_there {
            return Ok(None);
        }
        let container = Container::new(ROOM)?;
        let mut command = command(Path::new("/proc/self/exe"));
        command
            .arg(JOIN)
            .args(container.dirs())
            .args(["--", "stress-ng", "--quiet", "--timeout", "120"])
            .args(args);
        let peer = Peer { child: command.stdout(Stdio::null()).spawn()?, dirs: container.dirs().to_vec() };
        thread::sleep(BEGINS);
        let measured = measure(&container);
        drop(peer);
        Ok(Some(measured?))
    }

    struct Peer {
        child: Child,
        dirs: Vec<PathBuf>,
    }

    impl Drop for Peer {
        fn drop(&mut self) {
            let until = Instant::now() + Duration::from_secs(10);
            let pids = || {
                let lists =
                    self.dirs.iter().filter_map(|dir| fs::read_to_string(dir.join("cgroup.procs")).ok());
                lists.flat_map(|list| list.lines().filter_map(|pid| pid.parse().ok()).collect::<Vec<i32>>())
            };
            loop {
                let mut all: Vec<i32> = pids().collect();
                all.dedup();
                for pid in all.iter().filter_map(|pid| rustix::process::Pid::from_raw(*pid)) {
                    // Gone already is what is wanted.
                    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
                }
                let _ = self.child.try_wait();
                if all.is_empty() || Instant::now() > until {
                    return;
                }
                thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// Moves this process to the cgroups and becomes the program, so that all it starts is in them.
    fn join(args: &[String]) -> Result<()> {
        let mut args = args.iter();
        for dir in args.by_ref().take_while(|arg| *arg != "--") {
            fs::write(Path::new(dir).join("cgroup.procs"), "0")?;
        }
        let program = args.next().ok_or("no program")?;
        Err(command(Path::new(program)).args(args).exec().into())
    }

    #[expect(clippy::disallowed_methods, reason = "the peer is a program")]
    fn command(program: &Path) -> Command {
        Command::new(program)
    }
}
