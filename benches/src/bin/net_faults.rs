//! What a network fault costs to put in force and to take back, beside the commands of `tc`, `iptables` and `ipset` for the
//! same fault: a delay to 20 networks with a port; a change among 50 rules; and a thousand namespaces at once.
//!
//! Needs root; the first part a kernel with netem, the programs, and is to be run there:
//!
//! ```text
//! cargo build --release -p chaos-benches --bin net_faults
//! testbed/kernel/run --ro --rw /tmp -- target/release/net_faults compare
//! target/release/net_faults among 50
//! target/release/net_faults many 1000
//! ```

use std::error::Error;

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn Error>> {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> Result<(), Box<dyn Error>> {
    use std::io::Write;

    Ok(writeln!(std::io::stdout(), "not run: no Linux")?)
}

#[cfg(target_os = "linux")]
mod linux {
    use std::error::Error;
    use std::io::{self, Write};
    use std::time::{Duration, Instant};

    use chaos_benches::network::{self, NETWORKS, PORT, Space, median_ms, missing, network, resident, timed};
    use chaos_core::units::ms;
    use chaos_core::{BlastRadius, Chaos, Injection, Ledger, Mode, Targets};
    use chaos_k8s::node::net::{self, Bandwidth, Effect, Flow, NetFault};
    use chaos_k8s::{Node, node};
    use tokio::runtime::Runtime;

    type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

    const ROUNDS: usize = 11;

    pub(super) fn main() -> Result {
        let _guardian = node::run_if_asked();
        let args: Vec<String> = std::env::args().skip(1).collect();
        let bench = Bench::new()?;
        let mut out = io::stdout();
        let mut say = |line: String| writeln!(out, "{line}");
        match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [] | ["compare"] => {
                if let Some(why) = missing(&["ip", "tc", "iptables", "ipset"]) {
                    return Ok(say(format!("not run: {why}"))?);
                }
                say(bench.compare()?)?;
            }
            ["among", number] => {
                if let Some(why) = missing(&["ip"]) {
                    return Ok(say(format!("not run: {why}"))?);
                }
                say(bench.among(number.parse()?)?)?;
            }
            ["many", number] => {
                if let Some(why) = missing(&["ip"]) {
                    return Ok(say(format!("not run: {why}"))?);
                }
                say(bench.many(number.parse()?)?)?;
            }
            _ => return Err("say nothing, compare, or many and a number".into()),
        }
        Ok(())
    }

    /// So many networks with the port.
    fn peers(first: usize, networks: usize) -> Result<Flow> {
        let peers: Vec<String> = (first..first + networks).map(network).collect();
        Ok(Flow::peers(peers.iter().map(String::as_str))?.port(PORT)?.tcp())
    }

    struct Bench {
        chaos: Chaos,
        node: Node,
        runtime: Runtime,
        _home: tempfile::TempDir,
        ledger: std::sync::Arc<Ledger>,
    }

    impl Bench {
        fn new() -> Result<Self> {
            let chaos = Chaos::seeded(7);
            let node = Node::new(&chaos);
            let home = tempfile::tempdir()?;
            let ledger = Ledger::open(home.path(), node.undos()?)?.into();
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            Ok(Self { chaos, node, runtime, _home: home, ledger })
        }

        /// Plans, records, injects and sees a fault in force.
        fn begin<E>(&self, space: &Space, fault: NetFault<E>) -> Result<Injection>
        where
            E: Into<Effect> + Clone + std::fmt::Debug + Send + Sync + 'static,
        {
            let target = self.node.namespace_at(space.path())?;
            let inject = self.chaos.inject(
                chaos_core::Fault::on(fault, Targets::one(target), Mode::ALL),
                BlastRadius::count(1)?,
            );
            Ok(self.runtime.block_on(inject.ledger(std::sync::Arc::clone(&self.ledger)).begin())?)
        }

        fn compare(&self) -> Result<String> {
            let mut times = [const { Vec::<Duration>::new() }; 4];
            for round in 0..=ROUNDS {
                let space = Space::new()?;
                let (ours_in, injection) =
                    timed(|| self.begin(&space, net::delay(ms(200)).to(peers(0, NETWORKS)?)))?;
                let (ours_out, ()) = timed(|| Ok(self.runtime.block_on(injection.revert())?))?;
                let (theirs_in, ()) = timed(|| space.commands(&network::inject()))?;
                let (theirs_out, ()) = timed(|| space.commands(&network::revert()))?;
                // The first warms up.
                if round > 0 {
                    for (times, took) in times.iter_mut().zip([ours_in, theirs_in, ours_out, theirs_out]) {
                        times.push(took);
                    }
                }
            }
            let [ours_in, theirs_in, ours_out, theirs_out] = times.map(median_ms);
            Ok(format!(
                "delay to {NETWORKS} networks with a port, medians of {ROUNDS}, planned, recorded and observed\n\
                 | | chaos, ms | tc + iptables + ipset, ms | times |\n|---|---:|---:|---:|\n\
                 | inject | {ours_in:.2} | {theirs_in:.1} ({} commands) | {:.0} |\n\
                 | revert | {ours_out:.2} | {theirs_out:.1} ({} commands) | {:.0} |\n",
                network::inject().len(),
                theirs_in / ours_in,
                network::revert().len(),
                theirs_out / ours_out,
            ))
        }

        /// One rule more and one less, among `active`, each with a class of its own.
        fn among(&self, active: usize) -> Result<String> {
            let space = Space::new()?;
            let one = |n: usize| self.begin(&space, net::bandwidth(Bandwidth::mbit(10)?).to(peers(n, 1)?));
            let standing = (0..active).map(one).collect::<Result<Vec<_>>>()?;
            let (mut more, mut less) = (Vec::new(), Vec::new());
            for round in 0..ROUNDS {
                let (took, injection) = timed(|| one(active + round))?;
                more.push(took);
                less.push(timed(|| Ok(self.runtime.block_on(injection.revert())?))?.0);
            }
            for injection in standing {
                self.runtime.block_on(injection.revert())?;
            }
            Ok(format!(
                "one rule more among {active}: {:.2} ms, one less: {:.2} ms (medians of {ROUNDS})\n",
                median_ms(more),
                median_ms(less)
            ))
        }

        /// A bandwidth in so many namespaces, by one injection.
        fn many(&self, number: usize) -> Result<String> {
            let spaces = (0..number).map(|_| Space::new()).collect::<Result<Vec<_>>>()?;
            let targets = spaces
                .iter()
                .map(|space| self.node.namespace_at(space.path()))
                .collect::<chaos_core::Result<Vec<_>>>()?;
            let before = resident()?;
            let fault = net::bandwidth(Bandwidth::mbit(10)?).to(Flow::peer("10.0.0.0/8")?.port(PORT)?.tcp());
            let inject = self
                .chaos
                .inject(
                    chaos_core::Fault::on(fault, Targets::these(targets)?, Mode::ALL),
                    BlastRadius::count(u32::try_from(number)?)?,
                )
                .ledger(std::sync::Arc::clone(&self.ledger));
            let since = Instant::now();
            let injection = self.runtime.block_on(inject.begin())?;
            let begun = since.elapsed();
            let in_force = resident()?;
            let since = Instant::now();
            self.runtime.block_on(injection.revert())?;
            Ok(format!(
                "{number} namespaces: in force after {:.2} s, taken back after {:.2} s; memory of this process {before} KiB \
                 before, {in_force} KiB in force\n",
                begun.as_secs_f64(),
                since.elapsed().as_secs_f64(),
            ))
        }
    }
}
