//! Which way an agent may come to a target: each is tried without effect, the one with the least rights first.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chaos_core::units::secs;
use chaos_core::{Error, Result};
use serde_json::Value;
use tokio::time::Instant;

use super::delivery::{Delivery, ways};
use super::facts::Facts;
use super::fault::{Carried, NAMED, PodFault};
use super::plan::{spec, would_take};
use crate::agent::rights::Rights as AgentRights;
use crate::agent::spec::{FaultData, Item};
use crate::cluster::Pod;
use crate::cluster::api::{Kind, Request};
use crate::cluster::rights::{Place as Where, Right, Rights};
use crate::node::net::DnsFault;

/// The service of the cluster's DNS, whatever serves it.
const DNS: (&str, &str) = ("kube-system", "kube-dns");
/// How long what was looked up for one target is believed for the next.
const BELIEVED: Duration = secs(5);

/// A way that was found, and why no better one.
pub(super) struct Chosen {
    pub(super) data: FaultData,
    pub(super) delivery: Delivery,
    pub(super) rights: AgentRights,
    pub(super) items: Vec<Item>,
    pub(super) why: Vec<String>,
}

impl<F: Carried> PodFault<F> {
    /// The fault as agents get it, its peers looked up.
    pub(super) async fn data(&self) -> Result<FaultData> {
        let mut looked_up = self.state.looked_up.lock().await;
        if let Some((then, data)) = &looked_up.data {
            if then.elapsed() < BELIEVED {
                return Ok(data.clone());
            }
        }
        let traffic = match &self.peers {
            Some(peers) => Some(peers.traffic(self.cluster()).await?),
            None => None,
        };
        let data = self.asked.data(traffic);
        looked_up.data = Some((Instant::now(), data.clone()));
        Ok(data)
    }

    /// The same for this delivery: an agent on a node does not know which DNS servers a pod asks.
    async fn data_for(&self, delivery: Delivery, data: &FaultData) -> Result<FaultData> {
        match data {
            FaultData::Dns(dns) if delivery == Delivery::NodePod && dns.servers().is_empty() => {
                let servers = self.dns_of_the_cluster().await?;
                Ok(servers.into_iter().fold(dns.clone(), DnsFault::server).into())
            }
            data => Ok(data.clone()),
        }
    }

    /// The addresses of the service that kubelets write into pods' resolv.conf, by the name that it has everywhere
    /// (Kubernetes' documentation, "DNS for Services and Pods").
    async fn dns_of_the_cluster(&self) -> Result<Vec<IpAddr>> {
        let (namespace, name) = DNS;
        let found: Option<Value> =
            self.cluster().api().find(Request::get(Kind::SERVICE, Some(namespace), name)).await?;
        let addresses = found.as_ref().and_then(|service| service["spec"]["clusterIPs"].as_array());
        let addresses = addresses.into_iter().flatten().filter_map(Value::as_str);
        let addresses: Vec<IpAddr> = addresses.filter_map(|address| address.parse().ok()).collect();
        match addresses.is_empty() {
            false => Ok(addresses),
            true => Err(Error::refused(format!(
                "service {namespace}/{name} has no address: name the pods' DNS servers by `server`"
            ))),
        }
    }

    fn asks_for_dns(&self) -> bool {
        matches!(self.asked.data(None), FaultData::Dns(dns) if dns.servers().is_empty())
    }

    /// What a delivery takes from the API server.
    pub(super) fn needs_of(&self, delivery: Delivery, place: &Where<'_>) -> Rights {
        let own = Some(self.agents.namespace());
        let mut rights = Rights::default();
        rights.insert(place.right("get"));
        match delivery {
            Delivery::EphemeralContainer => {
                rights.insert(place.right("patch").on("ephemeralcontainers"));
                rights.insert(place.right("get").on("log"));
            }
            Delivery::NodePod => {
                for verb in ["create", "get", "patch", "delete"] {
                    rights.insert(Right::new(verb, Kind::POD, own));
                }
                rights.insert(Right::new("get", Kind::POD, own).on("log"));
                if self.asks_for_dns() {
                    rights.insert(Right::new("get", Kind::SERVICE, Some(DNS.0)));
                }
            }
        }
        rights
    }

    pub(super) fn ways(&self, data: &FaultData, named: bool) -> Result<(Vec<Delivery>, Vec<String>)> {
        let (mut ways, why) = ways(data, named);
        let mut whys: Vec<String> = why.into_iter().map(str::to_owned).collect();
        if let Some(only) = self.agents.delivery() {
            if !ways.contains(&only) {
                return Err(Error::refused(format!("by {only} it cannot be: {}", whys.join("; "))));
            }
            ways.retain(|way| *way == only);
            whys = vec!["as asked".to_owned()];
        }
        Ok((ways, whys))
    }

    /// The way with the least rights that is open: nothing is touched.
    pub(super) async fn choose(&self, pod: &Pod, facts: &Facts, data: &FaultData) -> Result<Chosen> {
        let (ways, mut why) = self.ways(data, facts.named)?;
        for delivery in ways {
            let place = Where::new(Kind::POD, Some(pod.namespace()));
            let missing = self.cluster().lacks(&self.needs_of(delivery, &place)).await?;
            if !missing.is_empty() {
                why.push(format!("{delivery}: missing rights: {missing}"));
                continue;
            }
            let data = &match self.data_for(delivery, data).await {
                Ok(data) => data,
                Err(error) if error.is_refused() => {
                    why.push(format!("{delivery}: {}", error.chain()));
                    continue;
                }
                Err(error) => return Err(error),
            };
            let items = match facts.items(data, NAMED, delivery) {
                Ok(items) => items,
                Err(error) => {
                    why.push(format!("{delivery}: {}", error.chain()));
                    continue;
                }
            };
            let ground = self.agents.ground_of_nodes();
            let rights = items
                .iter()
                .fold(AgentRights::none(), |rights, item| rights.and(data.rights_on(&item.target, ground)));
            match self.try_out(pod, facts, data, delivery, &items, &rights).await {
                Ok(()) => return Ok(Chosen { data: data.clone(), delivery, rights, items, why }),
                Err(error) if error.is_refused() => why.push(format!("{delivery}: {}", error.chain())),
                Err(error) => return Err(error),
            }
        }
        Err(Error::refused(format!("no agent can be brought to it: {}", why.join("; "))))
    }

    /// Asks the API server whether it would take the agent.
    async fn try_out(
        &self,
        pod: &Pod,
        facts: &Facts,
        data: &FaultData,
        delivery: Delivery,
        items: &[Item],
        rights: &AgentRights,
    ) -> Result<()> {
        let mut spec = spec(data, secs(60), delivery);
        spec.items = items.to_vec();
        let end = self.end_of(pod, facts, delivery, &spec);
        let body = self.body(&end, &spec, rights, self.cluster().deadline(None)?)?;
        let result = match delivery {
            Delivery::EphemeralContainer => would_take(&self.agents, &end, &body).await?,
            Delivery::NodePod => {
                let on_node = {
                    let mut looked_up = self.state.looked_up.lock().await;
                    Arc::clone(looked_up.on_nodes.entry(facts.node.clone()).or_default())
                };
                let mut known = on_node.lock().await;
                match &*known {
                    Some((then, result)) if then.elapsed() < BELIEVED => result.clone(),
                    _ => {
                        let result = would_take(&self.agents, &end, &body).await?;
                        known.insert((Instant::now(), result)).1.clone()
                    }
                }
            }
        };
        result.map_err(Error::refused)
    }
}
