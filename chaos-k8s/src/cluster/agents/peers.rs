//! [`Peers`]: whom a network fault on a pod is about, as Kubernetes knows them.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use chaos_core::{Error, Result, Select};
use serde::Deserialize;

use crate::cluster::api::{Kind, Query, Request};
use crate::cluster::rights::Right;
use crate::cluster::select::names;
use crate::cluster::{Cluster, Nodes, Pods, Rights, Service};
use crate::node::net::{Flow, Traffic};

/// Whom a network fault on a pod is about: services, pods, nodes, and addresses or names of any kind ([`Flow`]).
///
/// A service is met at its cluster addresses with the service's ports, and at its endpoints' with theirs: inside of a pod
/// the former are seen, of a headless service only the latter are there. All are looked up for each plan.
#[derive(Clone)]
pub struct Peers {
    parts: Vec<Part>,
    port: Option<u16>,
}

#[derive(Clone)]
enum Part {
    Service(Service),
    Pods(Pods),
    Nodes(Nodes),
    Flow(Flow),
}

impl Peers {
    fn of(part: Part) -> Self {
        Self { parts: vec![part], port: None }
    }

    /// These and those.
    #[must_use]
    pub fn and(mut self, others: impl Into<Self>) -> Self {
        self.parts.extend(others.into().parts);
        self
    }

    /// Only this port: of a service, one of the service's own ports, and what it leads to.
    ///
    /// # Errors
    /// Port 0.
    pub fn port(mut self, port: u16) -> Result<Self> {
        if port == 0 {
            return Err(Error::invalid("port 0 is none: name one of 1..=65535"));
        }
        self.port = Some(port);
        Ok(self)
    }

    /// Whether they may be others a while later.
    pub(super) fn may_change(&self) -> bool {
        self.parts.iter().any(|part| !matches!(part, Part::Flow(_)))
    }

    /// What looking them up takes from the API server.
    pub(super) fn rights(&self) -> Rights {
        let mut rights = Rights::default();
        for part in &self.parts {
            match part {
                Part::Service(service) => {
                    let namespace = Some(service.namespace());
                    rights.insert(Right::new("get", Kind::SERVICE, namespace));
                    rights.insert(Right::new("list", Kind::ENDPOINT_SLICE, namespace));
                }
                Part::Pods(pods) => rights.extend(pods.rights().iter().cloned()),
                Part::Nodes(nodes) => rights.extend(nodes.rights().iter().cloned()),
                Part::Flow(_) => {}
            }
        }
        rights
    }

    /// As the traffic of a rule.
    pub(super) async fn traffic(&self, cluster: &Cluster) -> Result<Traffic> {
        let mut flows = Vec::new();
        for part in &self.parts {
            let found = match part {
                Part::Service(service) => of_service(cluster, service, self.port).await?,
                Part::Pods(pods) => self.flows_of(pods_addresses(pods).await?, pods)?,
                Part::Nodes(nodes) => self.flows_of(nodes_addresses(cluster, nodes).await?, nodes)?,
                Part::Flow(flow) => vec![match self.port {
                    Some(port) => flow.clone().port(port)?,
                    None => flow.clone(),
                }],
            };
            flows.extend(found);
        }
        Traffic::any_of(flows)
    }

    fn flows_of(&self, addresses: BTreeSet<IpAddr>, whose: &dyn fmt::Debug) -> Result<Vec<Flow>> {
        if addresses.is_empty() {
            return Err(Error::refused(format!("{whose:?} have no address yet")));
        }
        Ok(vec![flow(&addresses, self.port)?])
    }
}

fn flow(addresses: &BTreeSet<IpAddr>, port: Option<u16>) -> Result<Flow> {
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let flow = Flow::peers(addresses.iter().map(String::as_str))?;
    port.map_or(Ok(flow.clone()), |port| flow.port(port))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawService {
    spec: RawServiceSpec,
    status: RawServiceStatus,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawServiceSpec {
    r#type: String,
    #[serde(rename = "clusterIPs")]
    cluster_ips: Vec<String>,
    #[serde(rename = "externalIPs")]
    external_ips: Vec<IpAddr>,
    external_name: Option<String>,
    ports: Vec<RawPort>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawServiceStatus {
    load_balancer: RawBalancer,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawBalancer {
    ingress: Vec<RawIngress>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawIngress {
    ip: Option<IpAddr>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct RawPort {
    name: Option<String>,
    port: Option<u16>,
    protocol: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawSlice {
    endpoints: Option<Vec<RawEndpoint>>,
    ports: Option<Vec<RawPort>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawEndpoint {
    addresses: Vec<String>,
}

async fn of_service(cluster: &Cluster, service: &Service, port: Option<u16>) -> Result<Vec<Flow>> {
    names::label("namespace", service.namespace())?;
    names::subdomain("service", service.name())?;
    let request = Request::get(Kind::SERVICE, Some(service.namespace()), service.name());
    let Some(raw) = cluster.api().find::<RawService>(request).await? else {
        return Err(Error::refused(format!("{service} is not there: check its name and namespace")));
    };
    let query = Query::default().labels(format!("kubernetes.io/service-name={}", service.name()));
    let slices: Vec<RawSlice> =
        cluster.api().list(Kind::ENDPOINT_SLICE, Some(service.namespace()), &query, Some).await?;
    flows_of_service(&raw, &slices, port).map_err(|error| error.context(service))
}

fn flows_of_service(service: &RawService, slices: &[RawSlice], only: Option<u16>) -> Result<Vec<Flow>> {
    let spec = &service.spec;
    if let (Some(name), "ExternalName") = (&spec.external_name, spec.r#type.as_str()) {
        let flow = Flow::peer(name)?;
        return Ok(vec![only.map_or(Ok(flow.clone()), |port| flow.port(port))?]);
    }
    let ports: Vec<&RawPort> = spec.ports.iter().filter(|port| only.is_none() || port.port == only).collect();
    if let (Some(only), true) = (only, ports.is_empty()) {
        return Err(Error::refused(format!("it has no port {only}")));
    }
    let mut addresses: BTreeSet<IpAddr> =
        spec.cluster_ips.iter().filter_map(|address| address.parse().ok()).collect();
    addresses.extend(&spec.external_ips);
    addresses.extend(service.status.load_balancer.ingress.iter().filter_map(|ingress| ingress.ip));
    let mut flows = Vec::new();
    if !addresses.is_empty() {
        for port in &ports {
            flows.push(with_protocol(flow(&addresses, port.port)?, port));
        }
    }
    let names: BTreeSet<&str> = ports.iter().map(|port| port.name.as_deref().unwrap_or_default()).collect();
    for slice in slices {
        // A slice of names has none; the pods' own names resolve where they are asked.
        let addresses = slice.endpoints.iter().flatten().flat_map(|endpoint| &endpoint.addresses);
        let addresses: BTreeSet<IpAddr> = addresses.filter_map(|address| address.parse().ok()).collect();
        let leads_to = slice.ports.iter().flatten();
        for port in leads_to.filter(|port| names.contains(port.name.as_deref().unwrap_or_default())) {
            if !addresses.is_empty() {
                flows.push(with_protocol(flow(&addresses, port.port)?, port));
            }
        }
    }
    if flows.is_empty() {
        return Err(Error::refused("it has neither an address of its own nor endpoints"));
    }
    Ok(flows)
}

fn with_protocol(flow: Flow, port: &RawPort) -> Flow {
    match port.protocol.as_deref() {
        Some("UDP") => flow.udp(),
        // SCTP has its ports where the others have them.
        Some("SCTP") => flow,
        _ => flow.tcp(),
    }
}

async fn pods_addresses(pods: &Pods) -> Result<BTreeSet<IpAddr>> {
    Ok(pods.select().await?.iter().flat_map(|pod| pod.addresses()).copied().collect())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawNode {
    metadata: crate::cluster::api::Meta,
    status: RawNodeStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawNodeStatus {
    addresses: Vec<RawNodeAddress>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawNodeAddress {
    address: String,
}

async fn nodes_addresses(cluster: &Cluster, nodes: &Nodes) -> Result<BTreeSet<IpAddr>> {
    let chosen: BTreeSet<String> = nodes.select().await?.iter().map(chaos_core::Target::name).collect();
    let keep = |node: RawNode| chosen.contains(&node.metadata.name).then_some(node.status.addresses);
    let all = cluster.api().list(Kind::NODE, None, &Query::default(), keep).await?;
    // Host names are among them, which resolve to the same.
    Ok(all.into_iter().flatten().filter_map(|address| address.address.parse().ok()).collect())
}

impl From<Service> for Peers {
    fn from(service: Service) -> Self {
        Self::of(Part::Service(service))
    }
}

impl From<&Service> for Peers {
    fn from(service: &Service) -> Self {
        Self::of(Part::Service(service.clone()))
    }
}

impl From<Pods> for Peers {
    fn from(pods: Pods) -> Self {
        Self::of(Part::Pods(pods))
    }
}

impl From<Nodes> for Peers {
    fn from(nodes: Nodes) -> Self {
        Self::of(Part::Nodes(nodes))
    }
}

impl From<Flow> for Peers {
    fn from(flow: Flow) -> Self {
        Self::of(Part::Flow(flow))
    }
}

impl fmt::Display for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, part) in self.parts.iter().enumerate() {
            if number > 0 {
                f.write_str(" and ")?;
            }
            match part {
                Part::Service(service) => service.fmt(f)?,
                Part::Pods(pods) => write!(f, "pods {}", pods.selector())?,
                Part::Nodes(nodes) => write!(f, "nodes {}", Select::describe(nodes))?,
                Part::Flow(flow) => flow.fmt(f)?,
            }
        }
        self.port.map_or(Ok(()), |port| write!(f, " port {port}"))
    }
}

impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Peers({self})")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(service: serde_json::Value, slices: serde_json::Value, only: Option<u16>) -> Result<String> {
        let slices: Vec<RawSlice> = serde_json::from_value(slices).unwrap();
        let flows = flows_of_service(&serde_json::from_value(service).unwrap(), &slices, only)?;
        Ok(Traffic::any_of(flows)?.to_string())
    }

    fn slice() -> serde_json::Value {
        json!([{
            "endpoints": [{"addresses": ["10.244.1.5"]}, {"addresses": ["10.244.2.5"]}],
            "ports": [{"name": "sql", "port": 15432, "protocol": "TCP"}, {"name": "dns", "port": 53, "protocol": "UDP"}],
        }, {"endpoints": null, "ports": null}])
    }

    #[test]
    fn the_service_s_ports_at_its_address_and_the_targets_at_the_endpoints() {
        let service = json!({"spec": {"clusterIPs": ["10.96.0.7"], "ports": [
            {"name": "sql", "port": 5432, "protocol": "TCP"}, {"name": "dns", "port": 5353, "protocol": "UDP"},
        ]}});
        assert_eq!(
            words(service.clone(), slice(), None).unwrap(),
            "10.96.0.7 port 5432 tcp or 10.96.0.7 port 5353 udp or 10.244.1.5,10.244.2.5 port 15432 tcp or \
             10.244.1.5,10.244.2.5 port 53 udp"
        );
        assert_eq!(
            words(service.clone(), slice(), Some(5432)).unwrap(),
            "10.96.0.7 port 5432 tcp or 10.244.1.5,10.244.2.5 port 15432 tcp"
        );
        assert!(words(service, slice(), Some(80)).unwrap_err().is_refused());
    }

    #[test]
    fn headless_ones_are_their_endpoints_and_external_ones_their_name() {
        let headless = json!({"spec": {"clusterIPs": ["None"], "ports": [{"name": "sql", "port": 5432}]}});
        assert_eq!(words(headless.clone(), slice(), None).unwrap(), "10.244.1.5,10.244.2.5 port 15432 tcp");
        assert!(words(headless, json!([]), None).unwrap_err().is_refused());
        let external = json!({"spec": {"type": "ExternalName", "externalName": "db.example.org"}});
        assert_eq!(words(external, json!([]), Some(5432)).unwrap(), "db.example.org port 5432");
    }
}
