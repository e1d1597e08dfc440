//! A packet fault of your own, in Rust, where netem has no word for it: questions to DNS about one name stay unanswered.
//!
//! `cargo run --example packet_fault [NAME]` first hands it packets without a network and shows what becomes of them. Then, with the
//! rights of root, it makes two namespaces with a name server in one, and puts the fault in force in the other, like any other
//! network fault. `fault.rs` is the fault: read it to write your own. `tests/packet_fault.rs` tests it.

#[cfg(target_os = "linux")]
mod fault;
#[cfg(target_os = "linux")]
mod names;
#[cfg(target_os = "linux")]
#[path = "../two_namespaces/mod.rs"]
#[allow(dead_code, reason = "each example uses its part")]
mod two_namespaces;

#[cfg(target_os = "linux")]
fn main() -> Result<std::process::ExitCode, Box<dyn std::error::Error>> {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("not run: not Linux");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::error::Error;
    use std::process::ExitCode;

    use chaos_core::units::{ms, secs};
    use chaos_core::{BlastRadius, Chaos, Fault, Guardian, Ledger, Mode, Targets};
    use chaos_k8s::Node;
    use chaos_k8s::node::net::own::Rehearsal;
    use chaos_k8s::node::{self, net};

    use super::fault::SilentName;
    use super::names::{self, Asked};
    use super::two_namespaces::{PEER, TwoNamespaces};

    /// Those that the example asks for.
    const NAMES: [&str; 4] = ["www.example", "db.example", "Replica.DB.example", "notdb.example"];
    /// What the fault is about, if nothing else is said.
    const SILENT: &str = "db.example";

    pub fn main() -> Result<ExitCode, Box<dyn Error>> {
        let guardian = node::run_if_asked();
        let word = std::env::args().nth(1);
        match word.as_deref() {
            Some(names::SERVE) => names::serve(),
            Some(names::ASK) => names::ask(&NAMES),
            said => {
                let silent = said.unwrap_or(SILENT);
                let as_told = rehearsed(silent) && on_a_network(silent, guardian)?;
                Ok(if as_told { ExitCode::SUCCESS } else { ExitCode::FAILURE })
            }
        }
    }

    /// Whether the fault treats a name as it should, where it is the usual one.
    fn is_right(silent: &str, name: &str, is_lost: bool) -> bool {
        let is_meant = ["db.example", "Replica.DB.example"].contains(&name);
        silent != SILENT || is_lost == is_meant
    }

    /// The fault by itself, in the hands of a test.
    fn rehearsed(silent: &str) -> bool {
        let mut fault = SilentName::new(silent);
        let mut rehearsal = Rehearsal::seeded(7);
        println!("without a network:");
        NAMES.iter().fold(true, |as_told, name| {
            let is_lost = rehearsal.frame(&mut fault, ms(0), &names::frame_about(name)).is_empty();
            println!("  {name:<20} {}", if is_lost { "lost" } else { "sent" });
            as_told && is_right(silent, name, is_lost)
        })
    }

    /// The fault in force; whether what was seen is as it should be. What cannot be done here is no mistake.
    fn on_a_network(silent: &str, guardian: Guardian) -> Result<bool, Box<dyn Error>> {
        let two = match TwoNamespaces::new() {
            Ok(two) => two,
            Err(reason) => {
                println!("not run: {reason}");
                return Ok(true);
            }
        };
        let _server = names::Server::begin(two.peer_pid())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(in_force(silent, &two, guardian))
    }

    async fn in_force(silent: &str, two: &TwoNamespaces, guardian: Guardian) -> Result<bool, Box<dyn Error>> {
        let chaos = Chaos::random();
        let node = Node::new(&chaos);
        let name = silent.to_owned();
        let fault = net::custom(format!("no answer about {silent}"), move || SilentName::new(&name))
            .to(net::Flow::peer(PEER)?.port(names::DNS)?.udp());
        println!("{fault}:");
        let all_answer = |asked: &[Asked]| asked.iter().all(|asked| asked.is_answered);
        let before = show(two, "before")?;

        let target = Targets::one(node.namespace_of(two.pid())?);
        let begun = chaos
            .inject(fault.on(target, Mode::ALL), BlastRadius::count(1)?)
            .ledger(Ledger::in_memory(node.undos()?))
            .guardian(guardian, secs(30))
            .begin()
            .await;
        let injection = match begun {
            Ok(injection) => injection,
            Err(error) if error.is_refused() => {
                println!("not run: {}", error.chain());
                return Ok(true);
            }
            Err(error) => return Err(error.into()),
        };
        let during = show(two, "under the fault")?;
        for (target, seen) in injection.observe().await {
            println!("  {target}: {}", seen?.detail());
        }
        injection.revert().await?;
        println!("  reverted");
        let after = show(two, "after the fault")?;

        let lost_as_told = during.iter().all(|asked| is_right(silent, &asked.name, !asked.is_answered));
        Ok(all_answer(&before) && lost_as_told && all_answer(&after))
    }

    /// Asks for all names, and shows which are answered.
    fn show(two: &TwoNamespaces, when: &str) -> Result<Vec<Asked>, Box<dyn Error>> {
        let asked = names::asked_by(two.pid())?;
        for Asked { name, is_answered } in &asked {
            println!("  {when}: {name:<20} {}", if *is_answered { "answered" } else { "no answer" });
        }
        Ok(asked)
    }
}
