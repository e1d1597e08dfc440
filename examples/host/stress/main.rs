//! A container under stress: half of a processor and 64 MiB, for 5 seconds, observed and taken back.
//!
//! ```text
//! cargo run --example stress             # needs Linux and the right to make cgroups (root)
//! ```
//!
//! The container is a cgroup of its own with a limit of 256 MiB. What the stressors achieve is read from
//! that cgroup's accounting, beside what they say of themselves.

#[cfg(target_os = "linux")]
mod container;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    // First of all: the stressors are this program, started again.
    let _guardian = chaos_k8s::node::run_if_asked();
    match stress::run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("not run: no cgroups");
}

#[cfg(target_os = "linux")]
mod stress {
    use chaos_core::units::secs;
    use chaos_core::{BlastRadius, Chaos, Fault, Ledger, Mode, Percent, Targets};
    use chaos_k8s::Node;
    use chaos_k8s::node::stress::{self, Amount};

    use super::container::Container;

    type Failure = Box<dyn std::error::Error>;

    const SECONDS: u32 = 5;
    const MIB: u64 = 1 << 20;

    #[tokio::main(flavor = "current_thread")]
    pub async fn run() -> Result<(), Failure> {
        let container = match Container::new(256 * MIB) {
            Ok(container) => container,
            Err(why) => {
                println!("not run: {why}");
                return Ok(());
            }
        };
        let ledger = tempfile::tempdir()?;
        let chaos = Chaos::seeded(7);
        let node = Node::new(&chaos);
        let stress = stress::cpu(1)?
            .load(Percent::try_new(50.0)?)
            .and(stress::memory(Amount::percent(Percent::try_new(25.0)?)?))
            .ends_after(secs(60));
        let target = node.cgroup_at(container.path())?;

        println!("plan:     {}", stress.prepare(&target).await?.change());
        let injection = chaos
            .inject(stress.on(Targets::one(target), Mode::ALL), BlastRadius::count(1)?)
            .ledger(Ledger::open(ledger.path(), node.undos()?)?)
            .begin()
            .await?;
        for second in 1..=SECONDS {
            let before = container.used()?;
            chaos.clock().sleep(secs(1)).await;
            let used = (container.used()? - before).as_secs_f64() * 100.0;
            println!(
                "second {second}: accounted {used:.1} % of a processor, {} MiB",
                container.memory()? / MIB
            );
            for (_, seen) in injection.observe().await {
                let seen = seen?;
                let verdict = if seen.is_in_force() { "in force" } else { "absent" };
                println!("          observed {verdict}: {}", seen.detail());
            }
        }
        injection.revert().await?;
        println!("reverted: {} MiB, {} cgroups left", container.memory()? / MIB, container.children()?);
        Ok(())
    }
}
