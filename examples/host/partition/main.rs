//! A partition: a process no longer reaches one peer. Then the peer refuses it instead.
//!
//! `cargo run --example partition` makes two namespaces of its own and shows what ping(8) sees. It needs the rights of root, and no
//! netem: an nftables table that the kernel deletes with this process does all.

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

    use chaos_core::{BlastRadius, Chaos, Fault, Ledger, Mode, Targets};
    use chaos_k8s::Node;
    use chaos_k8s::node::net::{self, Flow, NetRule, Refusal};

    use super::two_namespaces::{PEER, TwoNamespaces, show_ping};

    pub fn main() -> Result<(), Box<dyn Error>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        match TwoNamespaces::new() {
            Ok(two) => runtime.block_on(cut_off(two.pid())),
            Err(reason) => {
                println!("not run: {reason}");
                Ok(())
            }
        }
    }

    async fn cut_off(pid: u32) -> Result<(), Box<dyn Error>> {
        let chaos = Chaos::random();
        let node = Node::new(&chaos);
        let ledger = std::sync::Arc::new(Ledger::in_memory(node.undos()?));
        show_ping(pid, "before")?;
        let faults: [NetRule; 2] = [
            net::drop().between(Flow::peer(PEER)?).into(),
            net::refuse(Refusal::HostUnreachable).to(Flow::peer(PEER)?).into(),
        ];
        for fault in faults {
            let said = fault.to_string();
            let on = fault.on(Targets::one(node.namespace_of(pid)?), Mode::ALL);
            let begun =
                chaos.inject(on, BlastRadius::count(1)?).ledger(std::sync::Arc::clone(&ledger)).begin().await;
            let injection = match begun {
                Ok(injection) => injection,
                Err(error) if error.is_refused() => {
                    println!("not run: {}", error.chain());
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            };
            show_ping(pid, &said)?;
            injection.revert().await?;
        }
        show_ping(pid, "after")?;
        Ok(())
    }
}
