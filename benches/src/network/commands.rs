//! What Chaos Mesh 2.8's daemon runs for a delay to networks with a port: its programs, arguments and order
//! (`pkg/chaosdaemon`: `ipset_server.go`, `iptables_server.go`, `tc_server.go`). It runs each over one more process that
//! enters the pod's namespace; that one is left out here, in its favour.

use super::{NETWORKS, PORT, network};

const SET: &str = "bench_netport_ne";

/// The commands of an inject.
pub fn inject() -> Vec<String> {
    let mut lines = vec![format!("ipset create {SET}old hash:net,port")];
    lines.extend((0..NETWORKS).map(|n| format!("ipset add {SET}old {},tcp:{PORT}", network(n))));
    lines.push(format!("ipset rename {SET}old {SET}"));
    lines.extend(chains());
    lines.extend(clean());
    lines.extend(
        [
            "tc qdisc add dev eth0 root handle 1: prio bands 4 priomap 1 2 2 2 1 2 0 0 1 1 1 1 1 1 1 1",
            "tc qdisc add dev eth0 parent 1:1 handle 2: sfq",
            "tc qdisc add dev eth0 parent 1:2 handle 3: sfq",
            "tc qdisc add dev eth0 parent 1:3 handle 4: sfq",
            "tc qdisc add dev eth0 parent 1:4 handle 5: netem delay 200ms",
            "-iptables -w -t mangle -N TC-TABLES-0",
            "iptables -w -t mangle -F TC-TABLES-0",
            "iptables -w -t mangle -A POSTROUTING -j TC-TABLES-0",
        ]
        .map(str::to_owned),
    );
    lines.push(format!(
        "iptables -w -t mangle -A TC-TABLES-0 -o eth0 -m set --match-set {SET} dst,dst -j CLASSIFY --set-class 1:4"
    ));
    lines
}

/// The commands of a revert: the same replay, with nothing in it. What they leave behind is left behind.
pub fn revert() -> Vec<String> {
    [chains(), clean(), vec!["iptables -w -t mangle -F TC-TABLES-0".to_owned()]].concat()
}

/// Takes away what [`revert`] leaves, so that the next inject finds what the first found; not part of the measured work.
pub fn scrub() -> Vec<String> {
    [
        "iptables -w -t mangle -D POSTROUTING -j TC-TABLES-0".to_owned(),
        "iptables -w -t mangle -X TC-TABLES-0".to_owned(),
        format!("ipset destroy {SET}"),
    ]
    .into()
}

fn chains() -> Vec<String> {
    [
        "-iptables -w -N CHAOS-INPUT",
        "-iptables -w -N CHAOS-OUTPUT",
        "iptables -w -F CHAOS-INPUT",
        "iptables -w -F CHAOS-OUTPUT",
        "-iptables -w -C INPUT -j CHAOS-INPUT",
        "-iptables -w -A INPUT -j CHAOS-INPUT",
        "-iptables -w -C OUTPUT -j CHAOS-OUTPUT",
        "-iptables -w -A OUTPUT -j CHAOS-OUTPUT",
    ]
    .map(str::to_owned)
    .into()
}

/// It deletes the root qdisc of every device.
fn clean() -> Vec<String> {
    [
        "ip -j addr show",
        "-tc qdisc del dev lo root",
        "-tc qdisc del dev peer0 root",
        "-tc qdisc del dev eth0 root",
    ]
    .map(str::to_owned)
    .into()
}
