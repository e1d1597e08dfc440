//! A delay on the network namespace of a process, for ten seconds.
//!
//! `cargo run --example netem -- PID` acts on all that the process sends. Without a process it makes two namespaces of its own and
//! shows what ping(8) sees. It needs the rights of root.

#[cfg(target_os = "linux")]
#[path = "../two_namespaces/mod.rs"]
#[allow(dead_code, reason = "each example uses its part")]
mod two_namespaces;

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("not run: not Linux");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::error::Error;
    use std::time::Duration;

    use chaos_core::units::{ms, secs};
    use chaos_core::{BlastRadius, Chaos, Fault, Ledger, Mode, Targets};
    use chaos_k8s::Node;
    use chaos_k8s::node::{self, net};

    use super::two_namespaces::{TwoNamespaces, show_ping};

    pub fn main() -> Result<(), Box<dyn Error>> {
        let guardian = node::run_if_asked();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        match std::env::args().nth(1) {
            Some(pid) => runtime.block_on(slow_down(guardian, pid.parse()?, secs(10), false)),
            None => match TwoNamespaces::new() {
                Ok(two) => runtime.block_on(slow_down(guardian, two.pid(), secs(10), true)),
                Err(reason) => {
                    println!("not run: {reason}");
                    Ok(())
                }
            },
        }
    }

    async fn slow_down(
        guardian: chaos_core::Guardian,
        pid: u32,
        lasting: Duration,
        shown: bool,
    ) -> Result<(), Box<dyn Error>> {
        let chaos = Chaos::random();
        let node = Node::new(&chaos);
        let target = node.namespace_of(pid)?;
        let slow = net::delay(ms(200)).jitter(ms(20));
        // What it would do, and by which carrier: the kernel, or this process where the kernel has no sch_netem.
        match slow.prepare(&target).await {
            Ok(plan) => println!("{}", plan.change()),
            Err(error) if error.is_refused() => {
                println!("not run: {}", error.chain());
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }

        let ledger = Ledger::in_memory(node.undos()?);
        let begun = chaos
            .inject(slow.on(Targets::one(target), Mode::ALL), BlastRadius::count(1)?)
            .ledger(ledger)
            .guardian(guardian, lasting)
            .begin()
            .await;
        let injection = begun?;
        if shown {
            show_ping(pid, "under the fault")?;
        }
        chaos.clock().sleep(lasting).await;
        for (name, seen) in injection.observe().await {
            println!("{name}: {}", seen?.detail());
        }
        injection.revert().await?;
        println!("reverted");
        if shown {
            show_ping(pid, "after the fault")?;
        }
        Ok(())
    }
}
