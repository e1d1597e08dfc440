//! [`follow`]: the peers of a network fault, as they come and go while it is in force.

use std::sync::Arc;
use std::time::Duration;

use chaos_core::ledger::RunId;

use super::fault::NAMED;
use super::live::Live;
use super::peers::Peers;
use crate::agent::control::Order;
use crate::agent::spec::FaultData;
use crate::cluster::Cluster;
use crate::node::net::Traffic;

/// How often they are looked up again.
const EVERY: Duration = Duration::from_secs(5);

/// Looks the peers up again and again, and tells the agents what has become of them, until all of these have ended. What
/// cannot be looked up, or told, stays as it was, and is tried again.
pub(super) async fn follow(
    cluster: Cluster,
    agents: Vec<RunId>,
    peers: Peers,
    data: impl Fn(Traffic) -> FaultData,
    mut known: FaultData,
) {
    let clock = cluster.api().clock().clone();
    loop {
        clock.sleep(EVERY).await;
        let found = agents.iter().filter_map(|agent| cluster.agents_at_work().find(*agent));
        let at_work: Vec<Arc<Live>> = found.filter(|live| !live.is_over()).collect();
        if at_work.is_empty() {
            return;
        }
        let now = match peers.traffic(&cluster).await {
            Ok(traffic) => data(traffic),
            Err(error) => {
                tracing::warn!(target: "chaos", %peers, error = %error.chain(), "the peers stay as they were");
                continue;
            }
        };
        if now == known {
            continue;
        }
        let mut all_told = true;
        for live in at_work {
            let order = Order::Replace { fault: NAMED.to_owned(), with: now.clone() };
            // One that was not heard yet has nothing in force.
            let told = if live.left().is_some() { live.order(order).await } else { Ok(()) };
            all_told &= live.left().is_some();
            if let Err(error) = told {
                tracing::warn!(target: "chaos", %peers, error = %error.chain(), "an agent was not told of new peers");
                all_told = false;
            }
        }
        if all_told {
            known = now;
        }
    }
}
