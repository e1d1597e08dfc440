//! Whether a fault is in force, by asking over the way that programs' queries go.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use chaos_core::Observed;
use chaos_core::ledger::RunId;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;

use super::upstream::Reach;
use super::{Shared, message, tcp, upstream};
use crate::node::net::dns::servers;
use crate::node::net::dns::table::IpFamily;

/// From this machine to itself; so long only if the way leads elsewhere.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is said of a rule that nobody took back in time.
pub(super) const OVER: &str =
    "its deadline has passed, or this process stood still: the kernel leads queries to their servers again";

/// What a resolver is asked about one of its rules, in the class for questions about servers.
pub(super) fn name(run: &RunId, rule: u64) -> String {
    format!("rule-{rule}.{run}.chaos-dns")
}

/// For other servers two are asked that nobody has (RFC 5737, RFC 3849).
const NOBODY: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 53)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 53))];

/// Asks each server of the rule about it, over UDP and TCP. Only the resolver knows what to say.
pub(super) async fn observe(shared: &Arc<Shared>, rule: u64) -> Observed {
    let Some(found) = shared.rules.find(rule) else { return Observed::absent("no such rule is in force") };
    if shared.rules.are_let_go() || found.is_over() {
        return Observed::absent(OVER);
    }
    let mut asked = JoinSet::new();
    let families = shared.others.get().map_or(&[][..], Vec::as_slice);
    let is_led = |server| families.contains(&IpFamily::of(server));
    let far = found.asked.servers.iter().map(|server| (*server, Reach::Far));
    // Where there is no way to them, there is none for programs either.
    let near = NOBODY
        .into_iter()
        .filter(|server| found.asked.others && is_led(*server) && servers::is_elsewhere(*server));
    for (server, reach) in far.chain(near.map(|server| (server, Reach::Near))) {
        for over_tcp in [false, true] {
            let (shared, name) = (Arc::clone(shared), name(&shared.run, rule));
            asked.spawn(
                async move { (server, over_tcp, ask(&shared, (server, reach), over_tcp, &name).await) },
            );
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
            Observed::in_force(format!("what is asked of {} is led aside, {said}", found.asked))
        }
        _ => Observed::absent(format!("queries are not led aside: {}", missed.join("; "))),
    }
}

async fn ask(
    shared: &Shared,
    (server, reach): (IpAddr, Reach),
    over_tcp: bool,
    name: &str,
) -> io::Result<String> {
    let query = message::ask_about(name, std::process::id() as u16).map_err(io::Error::other)?;
    let asked = async {
        if !over_tcp {
            let socket = upstream::led(server, reach).await?;
            return upstream::exchange(&shared.clock, &socket, server, &query, PATIENCE).await;
        }
        let mut stream = upstream::connect_led(&shared.clock, server, reach).await?;
        stream.write_all(&tcp::framed(&query)).await?;
        tcp::read(&mut stream.into_split().0).await
    };
    let answer = shared.clock.timeout(PATIENCE, asked).await.map_err(io::Error::other)??;
    message::said(&answer).ok_or_else(|| io::Error::other("the server itself answers"))
}
