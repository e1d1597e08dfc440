//! Where nf_tables cannot pick the packets, filters of BPF do: the same tests, as on such kernels. On a kernel that lacks the
//! pieces itself nothing is different.

use std::time::Duration;

use chaos_core::units::{ms, secs};
use chaos_core::{Injection, Percent};
use chaos_k8s::node::net::{self, Bandwidth, Carrier, Flow, NetRule, Refusal};

use crate::compose::cycle;
use crate::deaths::Injector;
use crate::scene::{
    OTHER, PEER, PEER6, PORT, Scene, at, echo, interval, ip, node, read, run, wait_until, without,
};
use crate::support::{Need, Test};
use crate::{changes, compose, deaths, effects, foreign, refusals};

/// Before Linux 5.16: filters on the way out, a table on the way in.
const OUT: &[&str] = &["egress hook"];
/// Without nf_tables: filters on both.
const BOTH: &[&str] = &["owned tables", "nf_tables"];

const FILTERS: &[Need] = &[Need::Root, Need::Filters];
const NETEM: &[Need] = &[Need::Root, Need::Filters, Need::Netem];
const WITH_NFT: &[Need] = &[Need::Root, Need::Filters, Need::Nft];
const NETEM_AND_NFT: &[Need] = &[Need::Root, Need::Filters, Need::Nft, Need::Netem];

pub(crate) const TESTS: &[Test] = &[
    ("filters_out_delay_their_peers_alone", NETEM_AND_NFT, || {
        without(OUT, || effects::delay(Carrier::Kernel))
    }),
    ("filters_delay_their_peers_alone", NETEM, || without(BOTH, || effects::delay(Carrier::Kernel))),
    ("filters_out_let_packets_vanish", WITH_NFT, || without(OUT, effects::vanish)),
    ("filters_let_packets_vanish", FILTERS, || without(BOTH, effects::vanish)),
    ("filters_lose_at_random_and_silently", FILTERS, || without(BOTH, || effects::loss(Carrier::Kernel))),
    ("filters_out_hold_a_rate", WITH_NFT, || without(OUT, effects::rate)),
    ("filters_hold_a_rate", FILTERS, || without(BOTH, effects::rate)),
    ("filters_lead_to_netem_of_every_kind", NETEM, || without(BOTH, || effects::damage(Carrier::Kernel))),
    ("filters_out_and_a_table_in_compose", NETEM_AND_NFT, || {
        without(OUT, || compose::delays([Carrier::Kernel; 3]))
    }),
    ("filters_compose", NETEM, || without(BOTH, || compose::delays([Carrier::Kernel; 3]))),
    ("filters_lead_to_several_devices_of_ours", NETEM, || {
        without(BOTH, || compose::duplicates(Carrier::Kernel))
    }),
    ("filters_share_a_rate", FILTERS, || without(BOTH, compose::shared_rate)),
    ("filters_drop_beside_a_rate", FILTERS, || without(BOTH, compose::drop_and_rate)),
    ("filters_meet_each_packet_once", FILTERS, once),
    ("filters_do_not_hide_packets_from_the_peer", WITH_NFT, hidden),
    ("filters_meet_a_packet_at_each_device_that_it_crosses", NETEM, crossing),
    ("filters_beside_those_of_others_lose_no_packet", FILTERS, cycles_beside_others),
    ("filters_beside_a_fault_in_force_lose_no_packet", FILTERS, cycles_beside_a_fault),
    ("what_a_clsact_of_ours_costs", FILTERS, clsacts),
    ("filters_follow_devices", WITH_NFT, || without(OUT, || changes::later(slow_rate()))),
    ("filters_end_with_their_device", FILTERS, || without(BOTH, || changes::gone(slow_rate()))),
    ("filters_lead_to_a_device_that_was_made_again", FILTERS, || {
        without(BOTH, || changes::deleted(slow_rate()))
    }),
    ("filters_of_an_inject_that_is_given_up_are_gone", FILTERS, || {
        without(BOTH, || changes::given_up(slow_rate()))
    }),
    ("filters_know_many_networks", FILTERS, || without(BOTH, changes::networks)),
    ("filters_that_somebody_deletes_are_noticed_and_made_again", FILTERS, deleted),
    ("filters_leave_foreign_state_the_same", FILTERS, shapes),
    ("a_clsact_that_others_use_by_now_is_theirs", FILTERS, shared),
    ("two_runs_do_not_lead_the_same_packets_to_their_filters", WITH_NFT, || without(OUT, refusals::two_runs)),
    ("a_clsact_of_two_runs_goes_with_the_later", FILTERS, two_runs),
    ("where_filters_cannot_stand_is_refused", FILTERS, refused),
    ("faults_by_filters_keep_their_contract", FILTERS, contract),
    ("netem_by_filters_keeps_its_contract", NETEM, || {
        without(BOTH, || refusals::netem_contract(Carrier::Kernel))
    }),
    ("a_stopped_injector_of_filters_is_ended_by_the_kernel", FILTERS, || without(BOTH, stopped)),
    ("a_killed_injector_of_a_delay_leaves_idle_filters", NETEM, || {
        without(BOTH, || deaths::delay(Carrier::Kernel, true))
    }),
    ("a_killed_injector_of_a_rate_leaves_idle_filters", WITH_NFT, || without(OUT, deaths::rate)),
    ("a_killed_injector_of_a_drop_leaves_idle_filters", FILTERS, || without(BOTH, deaths::partition)),
];

fn rate() -> net::NetFault<net::Shaping> {
    net::bandwidth(Bandwidth::mbit(50).unwrap())
}

fn slow_rate() -> NetRule {
    net::bandwidth(Bandwidth::mbit(5).unwrap()).between(Flow::all()).into()
}

fn faults() -> [NetRule; 3] {
    let flow = || Flow::peer(PEER).unwrap();
    [
        rate().between(flow()).into(),
        net::drop().between(flow()).into(),
        net::loss(Percent::try_new(50.0).unwrap()).to(flow()).into(),
    ]
}

/// The one that made it may end first.
fn two_runs() {
    without(BOTH, || {
        let scene = Scene::new();
        let before = scene.state();
        for first_ends_first in [true, false] {
            let drop = || net::drop().to(Flow::peer(PEER).unwrap());
            let first = scene.begin(drop()).unwrap();
            let alone = scene.state();
            let second = scene.begin_by(&node(&scene.chaos), drop()).unwrap();
            let [sooner, later] = if first_ends_first { [first, second] } else { [second, first] };
            run(sooner.revert()).unwrap();
            if !first_ends_first {
                assert_eq!(scene.state(), alone);
            }
            assert!(run(later.observe()).iter().all(|(_, seen)| seen.as_ref().unwrap().is_in_force()));
            run(later.revert()).unwrap();
            assert_eq!(scene.state(), before, "{first_ends_first}");
        }
    });
}

/// What was led aside comes back to the same filters.
fn once() {
    const COUNT: u32 = 1_500;
    without(BOTH, || {
        let scene = Scene::new();
        let loss = net::loss(Percent::try_new(30.0).unwrap());
        let held = [scene.begin(rate().to(Flow::all())).unwrap(), scene.begin(loss.to(Flow::all())).unwrap()];
        let came = scene.client().send(at(PEER, PORT), COUNT, Duration::from_micros(400)).len();
        let lost = f64::from(COUNT) - came as f64;
        println!("{lost} of {COUNT} lost at 30 %");
        assert!(interval(COUNT, 0.3).contains(&lost), "{lost}");
        let met = |injection: &Injection| -> u32 {
            let seen = run(injection.observe()).remove(0).1.unwrap();
            let words: Vec<&str> = seen.detail().split(' ').collect();
            words[words.iter().position(|word| *word == "packets").unwrap() - 1].parse().unwrap()
        };
        let (led, asked) = (met(&held[0]), met(&held[1]));
        println!("{asked} packets met the loss, {led} the rate");
        // A few are the kernel's own.
        assert!((COUNT..COUNT + 100).contains(&asked) && led < COUNT, "{asked}, {led}");
        for injection in held {
            run(injection.revert()).unwrap();
        }
    });
}

/// The kernel asks no filter about the packet that comes from an ifb, and on a veth that would be the peer's.
fn hidden() {
    without(BOTH, || {
        let scene = Scene::new();
        scene.peer.inside(|| {
            read("nft", "add table netdev c");
            read("nft", "add chain netdev c i { type filter hook ingress device vb priority 0 ; }");
            read("nft", "add rule netdev c i udp dport 7000 counter");
        });
        let counted = || -> usize {
            let rules = scene.peer.inside(|| read("nft", "list ruleset"));
            rules.split_once("packets ").unwrap().1.split(' ').next().unwrap().parse().unwrap()
        };
        let before = counted();
        let came = scene.under(rate().to(Flow::all()), || {
            scene.client().send(at(PEER, PORT), 100, Duration::from_micros(400)).len()
        });
        assert_eq!(counted() - before, came);
    });
}

fn crossing() {
    without(BOTH, || {
        let scene = Scene::new();
        for (scratch, device, address) in
            [(&scene.target, "va", "10.79.0.1"), (&scene.peer, "vb", "10.79.0.2")]
        {
            scratch.inside(|| {
                ip(&format!("link add vlan7 link {device} type vlan id 7"));
                ip(&format!("addr add {address}/24 dev vlan7"));
                ip("link set vlan7 up");
            });
        }
        let there = at("10.79.0.2", PORT);
        scene.peer.inside(|| echo(there));
        let client = scene.client();
        wait_until("the neighbours know each other", secs(10), || client.one(there).is_some());
        scene.under(net::delay(ms(30)).to(Flow::all()), || {
            client.about(there, ms(60));
            client.about(at(PEER, PORT), ms(30));
        });
        client.about(there, ms(0));
    });
}

fn cycles_beside_others() {
    without(BOTH, || {
        let scene = Scene::new();
        scene.target.inside(|| {
            read("tc", "qdisc add dev va clsact");
            read("tc", "filter add dev va egress protocol ip prio 5 u32 match ip dst 10.77.0.9 flowid 1:1");
        });
        let before = scene.state();
        let [rate, drop, loss] = faults();
        cycle(&scene, &[rate], 100, true);
        cycle(&scene, &[drop], 100, false);
        cycle(&scene, &[loss], 100, false);
        assert_eq!(scene.state(), before);
    });
}

fn cycles_beside_a_fault() {
    without(BOTH, || {
        let scene = Scene::new();
        let steady = scene.begin(rate().between(Flow::peer(PEER6).unwrap())).unwrap();
        let [rate, drop, loss] = faults();
        cycle(&scene, &[rate], 100, true);
        cycle(&scene, &[drop, loss], 100, false);
        run(steady.revert()).unwrap();
        assert_eq!(scene.left(), "");
    });
}

/// The kernel stops a device's queue for a moment when its clsact comes and when it goes (net/sched/sch_api.c, `qdisc_graft`).
fn clsacts() {
    without(BOTH, || {
        let scene = Scene::new();
        let (apart, count) = (Duration::from_micros(500), 4_000_u32);
        let client = scene.client();
        let (came, times) = std::thread::scope(|scope| {
            let stream = scope.spawn(|| client.send(at(OTHER, PORT), count, apart));
            let mut times = 0;
            while !stream.is_finished() {
                let fault = net::drop().to(Flow::peer(PEER).unwrap());
                run(scene.begin(fault).unwrap().revert()).unwrap();
                times += 1;
                // So that one moment is told from the next, however busy the machine is.
                std::thread::sleep(ms(20));
            }
            (stream.join().unwrap(), times)
        });
        let lost = count - came.len() as u32;
        let mut moments: Vec<u32> =
            came.windows(2).map(|pair| pair[1] - pair[0] - 1).filter(|moment| *moment > 0).collect();
        moments.sort_unstable();
        let median = moments.get(moments.len() / 2).map_or(Duration::ZERO, |lost| apart * *lost);
        println!(
            "{times} clsacts of ours came and went, {lost} of {count} packets of others were lost: a device stood still for {:?} each \
             time; where any was lost median {median:?}, max {:?}",
            apart * lost / (2 * times).max(1),
            apart * moments.last().copied().unwrap_or(0)
        );
        assert!(median < ms(20), "{median:?}");
        assert_eq!(scene.left(), "");
    });
}

fn deleted() {
    without(BOTH, || {
        let scene = Scene::new();
        let client = scene.client();
        let gone = scene.begin(net::drop().to(Flow::peer(PEER).unwrap())).unwrap();
        for what in ["filter del dev va egress", "qdisc del dev va clsact"] {
            assert_eq!(client.one(at(PEER, PORT)), None);
            scene.target.inside(|| read("tc", what));
            assert!(client.one(at(PEER, PORT)).is_some());
            let seen = run(gone.observe()).remove(0).1.unwrap();
            assert!(!seen.is_in_force() && seen.detail().contains("filter"), "{}", seen.detail());
            // The next change puts it right.
            run(scene.begin(rate().to(Flow::peer(OTHER).unwrap())).unwrap().revert()).unwrap();
            assert!(run(gone.observe()).remove(0).1.unwrap().is_in_force());
        }
        assert_eq!(client.one(at(PEER, PORT)), None);
        run(gone.revert()).unwrap();
        assert_eq!(scene.left(), "");
    });
}

/// Those at which filters of others and ours could be in each other's way, and some of all the rest.
fn shapes() {
    const SHAPES: [&str; 9] = [
        "nothing",
        "tbf",
        "htb with classes and filters",
        "clsact with filters on both ways",
        "clsact with filters without actions",
        "ingress",
        "clsact and htb",
        "an ifb of others",
        "more devices and a vlan",
    ];
    without(BOTH, || {
        let refused = ["this kernel does not have", "has the qdisc ingress"];
        let same = foreign::are_the_same(|name| SHAPES.contains(&name), &refused);
        assert!(same >= 6, "{same}");
    });
}

fn shared() {
    without(BOTH, || {
        let scene = Scene::new();
        let fault = scene.begin(net::drop().to(Flow::peer(PEER).unwrap())).unwrap();
        scene.target.inside(|| {
            read("tc", "filter add dev va egress protocol ip prio 7 u32 match ip dst 10.77.0.9 flowid 1:1");
        });
        run(fault.revert()).unwrap();
        assert_eq!(scene.left(), "");
        let state = scene.state();
        assert!(state.contains("clsact") && state.contains("pref 7 u32"), "{state}");
    });
}

fn refused() {
    without(BOTH, || {
        let out = || net::drop().to(Flow::all());
        let refused = |command: &str, fault: NetRule, words: &str| {
            let scene = Scene::new();
            for command in command.split("; ") {
                scene.target.inside(|| read("tc", command));
            }
            let before = scene.state();
            let error = scene.begin(fault).unwrap_err();
            assert!(error.is_refused() && error.chain().contains(words), "{}", error.chain());
            assert_eq!(scene.state(), before);
        };
        refused("qdisc add dev va ingress", out().into(), "has the qdisc ingress");
        let first = "filter add dev va egress protocol ip prio 1 u32 match ip dst 10.77.0.9 flowid 1:1";
        refused(&format!("qdisc add dev va clsact; {first}"), out().into(), "a filter of preference 1 or 2");
        let refusal = net::refuse(Refusal::Reset).to(Flow::all());
        refused("qdisc show", refusal.into(), "the module nf_tables is needed");

        // On the way in both do.
        let scene = Scene::new();
        scene.target.inside(|| read("tc", "qdisc add dev va ingress"));
        let before = scene.state();
        let client = scene.client();
        scene.under(net::drop().from(Flow::peer(PEER).unwrap()), || {
            assert_eq!(client.one(at(PEER, PORT)), None);
            assert!(client.one(at(OTHER, PORT)).is_some());
        });
        assert_eq!(scene.state(), before);
    });
}

/// The programs ask the kernel's clock.
fn stopped() {
    let scene = Scene::new();
    let home = tempfile::tempdir().unwrap();
    let client = scene.client();
    let rule = net::drop().between(Flow::peer(PEER).unwrap()).into_rule();
    let before = scene.state();
    let mut injector = Injector::start(&scene, &home.path().join("ledger"), &rule, Some(secs(1)));
    injector.stop();
    assert_eq!(client.one(at(PEER, PORT)), None, "in force before its deadline");
    wait_until("packets go directly", secs(60), || client.within(at(PEER, PORT), ms(20)));
    assert!(scene.left().contains("filter"), "its owner lives: the filters stand, and act no more");
    injector.go_on_and_revert();
    assert_eq!(scene.state(), before);
}

fn contract() {
    without(BOTH, || {
        refusals::keeps(net::drop().between(Flow::all()).into());
        refusals::keeps(net::loss(Percent::try_new(10.0).unwrap()).to(Flow::peer(PEER).unwrap()).into());
    });
    without(OUT, || refusals::keeps(rate().between(Flow::all()).into()));
}
