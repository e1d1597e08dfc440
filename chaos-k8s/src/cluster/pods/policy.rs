//! Network policies: the one that isolates a pod, and those of others that would let traffic through all the same.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cluster::api::Meta;
use crate::cluster::select::LabelSelector;

/// Which way packets go, seen from the pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ways {
    pub(super) inbound: bool,
    pub(super) outbound: bool,
}

impl Ways {
    fn names(self) -> Vec<&'static str> {
        let ways = [(self.inbound, "Ingress"), (self.outbound, "Egress")];
        ways.into_iter().filter_map(|(meant, name)| meant.then_some(name)).collect()
    }
}

/// What lets nothing through, or everything but what goes to `nets`.
pub(super) fn spec(label: &str, ways: Ways, nets: &[IpNet]) -> Value {
    let mut spec = json!({
        "podSelector": {"matchLabels": {label: ""}},
        "policyTypes": ways.names(),
    });
    if nets.is_empty() {
        return spec;
    }
    let all_but = |everything: &str, is_family: fn(&IpNet) -> bool| {
        let except: Vec<String> = nets.iter().filter(|net| is_family(net)).map(ToString::to_string).collect();
        let mut block = json!({"cidr": everything});
        if !except.is_empty() {
            block["except"] = json!(except);
        }
        json!({"ipBlock": block})
    };
    let v4 = |net: &IpNet| matches!(net, IpNet::V4(_));
    let v6 = |net: &IpNet| matches!(net, IpNet::V6(_));
    let peers = json!([all_but("0.0.0.0/0", v4), all_but("::/0", v6)]);
    if ways.inbound {
        spec["ingress"] = json!([{"from": peers}]);
    }
    if ways.outbound {
        spec["egress"] = json!([{"to": peers}]);
    }
    spec
}

/// A policy as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawPolicy {
    pub(super) metadata: Meta,
    spec: RawSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawSpec {
    pod_selector: RawSelector,
    policy_types: Vec<String>,
    ingress: Vec<Value>,
    egress: Vec<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawSelector {
    match_labels: BTreeMap<String, String>,
    match_expressions: Vec<RawExpression>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawExpression {
    key: String,
    operator: String,
    values: Vec<String>,
}

impl RawPolicy {
    fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        let selector = &self.spec.pod_selector;
        let holds = |expression: &RawExpression| {
            let RawExpression { key, operator, values } = expression;
            let read = match operator.as_str() {
                "In" => LabelSelector::is_in(key, values.clone()),
                "NotIn" => LabelSelector::is_not_in(key, values.clone()),
                "Exists" => LabelSelector::exists(key),
                "DoesNotExist" => LabelSelector::is_absent(key),
                // What is not understood may well select the pod.
                _ => return true,
            };
            read.map_or(true, |read| read.matches(labels))
        };
        selector.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && selector.match_expressions.iter().all(holds)
    }

    /// Why another policy for a pod with these labels would not do what is meant. Policies add up: what one lets through,
    /// no other takes away.
    pub(super) fn stands_against(
        &self,
        labels: &BTreeMap<String, String>,
        ways: Ways,
        adds: bool,
    ) -> Option<String> {
        if !self.selects(labels) {
            return None;
        }
        let spec = &self.spec;
        // What the API server fills in: an older client may have left it out.
        let covers = |way: &str, rules: &[Value]| match spec.policy_types.is_empty() {
            true => way == "Ingress" || !rules.is_empty(),
            false => spec.policy_types.iter().any(|known| known == way),
        };
        let mut against = [(ways.inbound, "Ingress", &spec.ingress), (ways.outbound, "Egress", &spec.egress)]
            .into_iter()
            .filter(|(meant, way, rules)| *meant && covers(way, rules));
        let name = &self.metadata.name;
        if adds {
            // Ours lets all through but some networks: for a pod that policies confine, that would open it.
            return against.next().map(|(_, way, _)| {
                format!("network policy {name} confines it ({way}): one of ours beside it would let more through, not less")
            });
        }
        against.find(|(_, _, rules)| !rules.is_empty()).map(|(_, way, _)| {
            format!("network policy {name} lets traffic through to it ({way}): policies add up, and another takes nothing away")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Ways = Ways { inbound: true, outbound: true };

    #[test]
    fn it_lets_nothing_through_or_all_but_the_networks() {
        let nothing = spec("mark", BOTH, &[]);
        assert_eq!(nothing["policyTypes"], json!(["Ingress", "Egress"]));
        assert!(nothing.get("ingress").is_none() && nothing.get("egress").is_none());
        let out = Ways { inbound: false, outbound: true };
        let some = spec("mark", out, &["10.1.0.0/16".parse().unwrap()]);
        let peers = json!([{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.1.0.0/16"]}}, {"ipBlock": {"cidr": "::/0"}}]);
        assert_eq!(some["egress"], json!([{"to": peers}]));
        assert!(some.get("ingress").is_none());
    }

    #[test]
    fn policies_of_others_are_understood() {
        let labels = BTreeMap::from([("app".to_owned(), "cart".to_owned())]);
        let policy = |spec: Value| -> RawPolicy {
            serde_json::from_value(json!({"metadata": {"name": "p"}, "spec": spec})).unwrap()
        };
        let allows = policy(json!({"podSelector": {"matchLabels": {"app": "cart"}}, "ingress": [{}]}));
        assert!(allows.stands_against(&labels, BOTH, false).unwrap().contains("Ingress"));
        let out = Ways { inbound: false, outbound: true };
        assert_eq!(allows.stands_against(&labels, out, false), None);
        let denies = policy(json!({"podSelector": {}, "policyTypes": ["Egress"]}));
        assert_eq!(denies.stands_against(&labels, BOTH, false), None);
        assert!(denies.stands_against(&labels, BOTH, true).unwrap().contains("Egress"));
        let other = policy(json!({
            "podSelector": {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["cart"]}]}, "ingress": [{}],
        }));
        assert_eq!(other.stands_against(&labels, BOTH, false), None);
        let unknown = policy(
            json!({"podSelector": {"matchExpressions": [{"key": "app", "operator": "Like"}]}, "ingress": [{}]}),
        );
        assert!(unknown.stands_against(&labels, BOTH, false).is_some());
    }
}
