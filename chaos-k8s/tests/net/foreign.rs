//! What others have put on the devices of a namespace is the same after a fault, byte for byte, and meanwhile.

use std::process::Command;

use chaos_core::Percent;
use chaos_core::units::ms;
use chaos_k8s::node::net::{self, Bandwidth, Carrier, Flow, NetRule, Refusal};

use crate::scene::{PEER, PORT, Scene, at, run};
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] =
    &[("foreign_state_is_the_same_after_every_fault", &[Need::Root, Need::Nft], shapes)];

/// Each a name, and commands that make it.
const SHAPES: &[(&str, &[&str])] = &[
    ("nothing", &[]),
    ("noqueue", &["tc qdisc replace dev va root noqueue"]),
    ("pfifo", &["tc qdisc replace dev va root pfifo limit 77"]),
    ("bfifo", &["tc qdisc replace dev va root handle 5: bfifo limit 99999"]),
    ("pfifo_fast", &["tc qdisc replace dev va root pfifo_fast"]),
    ("fq", &["tc qdisc replace dev va root fq limit 5000"]),
    ("fq_codel", &["tc qdisc replace dev va root fq_codel target 7ms interval 90ms"]),
    ("codel", &["tc qdisc replace dev va root codel"]),
    ("sfq", &["tc qdisc replace dev va root sfq perturb 10"]),
    ("tbf", &["tc qdisc replace dev va root tbf rate 100mbit burst 32k latency 50ms"]),
    ("red", &["tc qdisc replace dev va root red limit 400000 min 30000 max 90000 avpkt 1000"]),
    (
        "prio with leafs",
        &[
            "tc qdisc replace dev va root handle 1: prio bands 4",
            "tc qdisc add dev va parent 1:2 pfifo limit 9",
        ],
    ),
    (
        "htb with classes and filters",
        &[
            "tc qdisc replace dev va root handle 1: htb default 20",
            "tc class add dev va parent 1: classid 1:1 htb rate 1gbit",
            "tc class add dev va parent 1:1 classid 1:10 htb rate 10mbit ceil 1gbit",
            "tc class add dev va parent 1:1 classid 1:20 htb rate 10mbit ceil 1gbit",
            "tc qdisc add dev va parent 1:10 handle 10: pfifo limit 55",
            "tc filter add dev va parent 1: protocol ip u32 match ip dst 10.77.0.2 flowid 1:10",
        ],
    ),
    (
        "htb without a default",
        &[
            "tc qdisc replace dev va root handle 7: htb",
            "tc class add dev va parent 7: classid 7:2 htb rate 10gbit",
        ],
    ),
    (
        "hfsc",
        &[
            "tc qdisc replace dev va root handle 1: hfsc default 1",
            "tc class add dev va parent 1: classid 1:1 hfsc sc rate 100mbit ul rate 100mbit",
        ],
    ),
    (
        "drr",
        &[
            "tc qdisc replace dev va root handle 1: drr",
            "tc class add dev va parent 1: classid 1:1 drr",
            "tc filter add dev va parent 1: protocol all u32 match u32 0 0 flowid 1:1",
        ],
    ),
    ("netem", &["tc qdisc replace dev va root netem delay 1ms limit 5000"]),
    ("netem that duplicates", &["tc qdisc replace dev va root netem duplicate 1%"]),
    ("multiq", &["tc qdisc replace dev va root multiq"]),
    ("mq", &["ip link set va txqueuelen 100", "tc qdisc replace dev va root handle 3: mq"]),
    ("clsact", &["tc qdisc add dev va clsact"]),
    (
        "clsact with filters on both ways",
        &[
            "tc qdisc add dev va clsact",
            "tc filter add dev va egress protocol ip prio 5 u32 match ip dst 10.77.0.9 action ok",
            "tc filter add dev va ingress protocol ip prio 5 u32 match ip src 10.77.0.9 action ok",
        ],
    ),
    (
        "clsact with filters without actions",
        &[
            "tc qdisc add dev va clsact",
            "tc filter add dev va egress protocol ip prio 5 u32 match ip dst 10.77.0.9 flowid 1:1",
            "tc filter add dev va ingress protocol ipv6 prio 3 u32 match ip6 dst fd77::9 flowid 1:1",
        ],
    ),
    (
        "ingress",
        &[
            "tc qdisc add dev va ingress",
            "tc filter add dev va parent ffff: protocol ip u32 match ip src 10.77.0.9 flowid :1",
        ],
    ),
    (
        "clsact and htb",
        &[
            "tc qdisc add dev va clsact",
            "tc qdisc replace dev va root handle 1: htb default 1",
            "tc class add dev va parent 1: classid 1:1 htb rate 1gbit",
        ],
    ),
    (
        "nft filter table",
        &[
            "nft add table inet f",
            "nft add chain inet f i { type filter hook input priority 0 ; policy accept ; }",
            "nft add rule inet f i tcp dport 22 accept",
        ],
    ),
    (
        "nft with sets and maps",
        &[
            "nft add table ip f",
            "nft add set ip f s { type ipv4_addr ; flags interval ; }",
            "nft add element ip f s { 10.0.0.0/8 }",
            "nft add map ip f m { type ipv4_addr : mark ; }",
            "nft add element ip f m { 10.0.0.1 : 7 }",
        ],
    ),
    (
        "nft netdev ingress",
        &[
            "nft add table netdev f",
            "nft add chain netdev f i { type filter hook ingress device va priority 0 ; }",
            "nft add rule netdev f i ip saddr 10.77.0.99 drop",
        ],
    ),
    (
        "nft netdev egress",
        &[
            "nft add table netdev f",
            "nft add chain netdev f e { type filter hook egress device va priority 0 ; }",
            "nft add rule netdev f e ip daddr 10.77.0.99 drop",
        ],
    ),
    (
        "nft marks and priorities",
        &[
            "nft add table inet f",
            "nft add chain inet f o { type filter hook postrouting priority 0 ; }",
            "nft add rule inet f o meta mark set 0x4000 meta priority set 1:2",
        ],
    ),
    (
        "nft nat",
        &[
            "nft add table ip n",
            "nft add chain ip n p { type nat hook postrouting priority 100 ; }",
            "nft add rule ip n p oifname eth9 masquerade",
        ],
    ),
    (
        "an ifb of others",
        &[
            "ip link add ifb0 type ifb",
            "ip link set ifb0 up",
            "tc qdisc replace dev ifb0 root handle 7: htb default 1",
        ],
    ),
    (
        "more devices and a vlan",
        &[
            "ip link add vlan7 link va type vlan id 7",
            "ip link set vlan7 up",
            "ip addr add 10.78.0.1/24 dev vlan7",
        ],
    ),
    (
        "a bridge with a port",
        &[
            "ip link add br0 type bridge",
            "ip link add port0 type veth peer name port1",
            "ip link set port0 master br0 up",
            "ip link set port1 up",
            "ip link set br0 up",
            // Its carrier is looked at once a second.
            "sleep 2",
        ],
    ),
    ("a short queue", &["ip link set va txqueuelen 3", "tc qdisc replace dev va root handle 9: pfifo"]),
];

fn shapes() {
    let same = are_the_same(|_| true, &["this kernel does not have"]);
    assert!(same >= 15, "{same}");
}

/// Under all faults but those that are refused by one of these words: how many shapes there were.
pub(crate) fn are_the_same(is_meant: impl Fn(&str) -> bool, refused: &[&str]) -> usize {
    let (mut same, mut others) = (0, Vec::new());
    for (name, commands) in SHAPES.iter().filter(|(name, _)| is_meant(name)) {
        let scene = Scene::new();
        let made = scene.target.inside(|| commands.iter().all(|command| succeeds(command)));
        if !made {
            println!("not run: {name}: this kernel does not have it");
            others.push(name);
            continue;
        }
        let before = settled(&scene);
        // All at once, and taken back in the order they came.
        let mut in_force = Vec::new();
        for rule in rules() {
            let said = rule.to_string();
            match scene.begin(rule) {
                Ok(injection) => in_force.push((said, injection)),
                Err(error) if refused.iter().any(|words| error.to_string().contains(words)) => {}
                Err(error) => panic!("{name}: {said}: {}", error.chain()),
            }
        }
        scene.client().one(at(PEER, PORT));
        // Meanwhile only what is ours is more.
        let during = scene.state();
        for line in before.lines().filter(|line| line.contains("dev va")) {
            assert!(during.contains(line), "{name}: {line}");
        }
        for (said, injection) in in_force {
            run(injection.revert()).unwrap_or_else(|error| panic!("{name}: {said}: {}", error.chain()));
        }
        assert_eq!(scene.state(), before, "{name}");
        assert!(scene.client().one(at(PEER, PORT)).is_some(), "{name}: it still works");
        same += 1;
    }
    println!("{same} shapes the same after all faults, {} not run: {others:?}", others.len());
    same
}

/// The state when nothing changes by itself any more: a bridge takes its time to see its port.
fn settled(scene: &Scene) -> String {
    let mut last = scene.state();
    for _ in 0..30 {
        std::thread::sleep(ms(300));
        let now = scene.state();
        if now == last {
            break;
        }
        last = now;
    }
    last
}

fn rules() -> Vec<NetRule> {
    vec![
        net::bandwidth(Bandwidth::mbit(10).unwrap()).between(Flow::all()).into(),
        net::drop().to(Flow::peer("10.77.0.50").unwrap()).into(),
        net::loss(Percent::try_new(1.0).unwrap()).from(Flow::all()).into(),
        net::refuse(Refusal::Reset).to(Flow::peer("10.77.0.51").unwrap()).into(),
        net::delay(ms(5)).between(Flow::all()).carrier(Carrier::Kernel).into(),
        net::delay(ms(5)).between(Flow::all()).carrier(Carrier::Process).into(),
    ]
}

fn succeeds(command: &str) -> bool {
    let mut words = command.split_whitespace();
    #[expect(clippy::disallowed_methods, reason = "made by others than those who keep it")]
    let output = Command::new(words.next().unwrap()).args(words).output().unwrap();
    output.status.success()
}
