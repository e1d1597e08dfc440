//! Whether a fault is in force, by asking over the way that programs' queries go.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chaos_core::Observed;
use chaos_core::ledger::RunId;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;

use super::{Shared, message, tcp, upstream};

/// From this machine to itself; so long only if the way leads elsewhere.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is said of a rule that nobody took back in time.
pub(super) const OVER: &str =
    "its deadline has passed, or this process stood still: the kernel leads queries to their servers again";

/// What a resolver is asked about one of its rules, in the class for questions about servers.
pub(super) fn name(run: &RunId, rule: u64) -> String {
    format!("rule-{rule}.{run}.chaos-dns")
}

/// Asks each server of the rule about it, over UDP and TCP. Only the resolver knows what to say.
pub(super) async fn observe(shared: &Arc<Shared>, rule: u64) -> Observed {
    let Some(found) = shared.rules.find(rule) else { return Observed::absent("no such rule is in force") };
    if shared.rules.are_let_go() || found.is_over() {
        return Observed::absent(OVER);
    }
    let mut asked = JoinSet::new();
    for server in found.servers.clone() {
        for over_tcp in [false, true] {
            let (shared, name) = (Arc::clone(shared), name(&shared.run, rule));
            asked.spawn(async move { (server, over_tcp, ask(&shared, server, over_tcp, &name).await) });
        }
    }
    let (mut said, mut missed) = (None, Vec::new());
    while let Some(answer) = asked.join_next().await {
        match answer {
            Ok((.., Ok(text))) => said = Some(text),
            Ok((server, over_tcp, Err(error))) => {
                missed.push(format!("{server} over {}: {error}", if over_tcp { "TCP" } else { "UDP" }));
            }
            Err(error) => missed.push(error.to_string()),
        }
    }
    missed.sort();
    match said {
        Some(said) if missed.is_empty() => {
            let servers: Vec<String> = found.servers.iter().map(ToString::to_string).collect();
            Observed::in_force(format!("queries to {} are led aside, {said}", servers.join(" ")))
        }
        _ => Observed::absent(format!("queries are not led aside: {}", missed.join("; "))),
    }
}

async fn ask(shared: &Shared, server: IpAddr, over_tcp: bool, name: &str) -> io::Result<String> {
    let query = message::ask_about(name, std::process::id() as u16).map_err(io::Error::other)?;
    let asked = async {
        if !over_tcp {
            let socket = upstream::led(server).await?;
            return upstream::exchange(&shared.clock, &socket, server, &query, PATIENCE).await;
        }
        let mut stream = upstream::connect(&shared.clock, server, false).await?;
        stream.write_all(&tcp::framed(&query)).await?;
        tcp::read(&mut stream.into_split().0).await
    };
    let answer = shared.clock.timeout(PATIENCE, asked).await.map_err(io::Error::other)??;
    message::said(&answer).ok_or_else(|| io::Error::other("the server itself answers"))
}
