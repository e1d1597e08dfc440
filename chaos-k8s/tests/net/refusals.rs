//! What is refused, each by its own words and before anything is written; and the contract of a fault.

use std::time::Duration;

use chaos_core::testing::conformance;
use chaos_core::units::ms;
use chaos_core::{BlastRadius, Chaos, Fault, Mode, Percent, Targets};
use chaos_k8s::Node;
use chaos_k8s::node::net::{
    self, Bandwidth, Carrier, Distribution, Flow, IfName, NetRule, Netem, Ports, Refusal,
};

use crate::scene::{KERNEL, PEER, PROCESS_BOTH, Scene, ip, read, run};
use crate::support::{Need, Scratch, Test};

pub(crate) const TESTS: &[Test] = &[
    ("bad_input_gets_its_own_words", &[], words),
    ("what_a_namespace_forbids_is_refused", &[Need::Root, Need::Nft], forbidden),
    ("two_runs_do_not_lead_the_same_packets_aside", &[Need::Root, Need::Nft], two_runs),
    ("without_rights_nothing_is_written", &[Need::Root, Need::Nft], without_rights),
    ("faults_keep_their_contract", &[Need::Root, Need::Nft], contract),
    ("netem_keeps_its_contract", KERNEL, || netem_contract(Carrier::Kernel)),
    ("netem_through_this_process_keeps_its_contract", PROCESS_BOTH, || netem_contract(Carrier::Process)),
    ("the_plan_says_by_which_carrier", PROCESS_BOTH, plans),
    ("by_the_kernel_alone_it_is_refused_where_that_has_no_netem", &[Need::Root, Need::Nft], no_netem),
    ("without_the_right_to_send_packets_it_is_refused_by_name", PROCESS_BOTH, no_packets),
];

fn words() {
    let node = Node::new(&Chaos::seeded(1));
    let said = [
        (Percent::try_new(140.0).unwrap_err(), "percent 140"),
        (Percent::try_new(-1.0).unwrap_err(), "percent -1"),
        (IfName::try_new("a".repeat(63) + "\n").unwrap_err(), "longer than 15"),
        (IfName::try_new("eth\n0").unwrap_err(), "character"),
        (Ports::one(0).unwrap_err(), "port 0"),
        (Flow::peer("10.0.0.0/33").unwrap_err(), "10.0.0.0/33"),
        (node.namespace_of(4_194_305).unwrap_err(), "no process 4194305"),
        (Flow::peers([]).unwrap_err(), "no peers"),
    ];
    for (error, words) in said {
        assert!(error.is_invalid() && error.to_string().contains(words), "{error}");
    }
    let target = node.namespace_of(std::process::id()).unwrap();
    let begun = run(Chaos::seeded(1)
        .inject(net::drop().on(Targets::one(target), Mode::ALL), BlastRadius::count(1).unwrap())
        .begin());
    let error = begun.unwrap_err();
    assert!(error.to_string().contains("protected"), "{error}");
}

fn forbidden() {
    let scene = Scene::new();
    let before = scene.state();
    let netem = |netem: Netem| net::netem(netem).into_rule();
    let refused: [(NetRule, &str); 5] = [
        (net::drop().device(IfName::try_new("eth7").unwrap()).into(), "no device eth7 here, but lo"),
        (netem(Netem::default()), "without effect"),
        (netem(Netem { delay: Duration::from_secs(4_000), ..Netem::default() }), "an hour"),
        (netem(Netem { delay: ms(1), distribution: Distribution::Normal, ..Netem::default() }), "jitter"),
        (net::drop().to(Flow::peer("no-such-host.invalid").unwrap()).into(), "no-such-host.invalid"),
    ];
    for (rule, words) in refused {
        let error = scene.begin(rule).unwrap_err();
        assert!(error.chain().contains(words), "{}", error.chain());
        assert_eq!(scene.state(), before);
    }
    scene.target.inside(|| ip("link set va txqueuelen 100"));
    scene.target.inside(|| read("tc", "qdisc replace dev va root handle ca05: htb"));
    let before = scene.state();
    let error = scene.begin(net::bandwidth(Bandwidth::mbit(1).unwrap())).unwrap_err();
    assert!(error.is_refused() && error.to_string().contains("ca05"), "{error}");
    assert_eq!(scene.state(), before);
    // Nothing but loopback is up.
    let bare = Scratch::new();
    let target = Targets::one(scene.node.namespace_at(bare.path()).unwrap());
    let begun = scene.chaos.inject(net::drop().on(target, Mode::ALL), BlastRadius::count(1).unwrap());
    let error = run(begun.ledger(scene.ledger.clone()).begin()).unwrap_err();
    assert!(error.is_refused() && error.to_string().contains("loopback"), "{error}");
}

pub(crate) fn two_runs() {
    let scene = Scene::new();
    let rate = || net::bandwidth(Bandwidth::mbit(10).unwrap()).to(Flow::all());
    let first = scene.begin(rate()).unwrap();
    let state = scene.state();
    let other = crate::scene::node(&scene.chaos);
    let begin = |rule: NetRule| scene.begin_by(&other, rule);
    let error = begin(rate().into()).unwrap_err();
    assert!(error.is_refused() && error.to_string().contains("another run, chaos-"), "{error}");
    assert_eq!(scene.state(), state);
    // What needs no device of ours composes, and so does the other way.
    let gone = begin(net::drop().to(Flow::peer(PEER).unwrap()).into()).unwrap();
    let inward = begin(net::bandwidth(Bandwidth::mbit(10).unwrap()).from(Flow::all()).into()).unwrap();
    for injection in [gone, first, inward] {
        run(injection.revert()).unwrap();
    }
    assert_eq!(scene.left(), "");
}

fn without_rights() {
    let scene = Scene::new();
    let before = scene.state();
    let (path, chaos) = (scene.path(), scene.chaos.clone());
    let error = std::thread::spawn(move || {
        // Of this thread alone.
        for capability in [caps::Capability::CAP_NET_ADMIN, caps::Capability::CAP_SYS_ADMIN] {
            caps::drop(None, caps::CapSet::Effective, capability).unwrap();
        }
        let node = Node::new(&chaos);
        let target = Targets::one(node.namespace_at(path).unwrap());
        let ledger = std::sync::Arc::new(chaos_core::Ledger::in_memory(node.undos().unwrap()));
        let begun = chaos.inject(net::drop().on(target, Mode::ALL), BlastRadius::count(1).unwrap());
        run(begun.ledger(ledger).begin()).unwrap_err()
    })
    .join()
    .unwrap();
    assert!(error.is_refused() && error.to_string().contains("CAP_"), "{error}");
    assert_eq!(scene.state(), before);
}

pub(crate) fn keeps(rule: NetRule) {
    let scene = Scene::new();
    let target = async || Ok(scene.namespace());
    let world = async |_: &_| scene.state();
    run(conformance(rule, target, world)).assert_passed();
}

fn contract() {
    keeps(net::drop().between(Flow::all()).into());
    keeps(net::loss(Percent::try_new(10.0).unwrap()).to(Flow::peer(PEER).unwrap()).into());
    keeps(net::refuse(Refusal::Reset).between(Flow::all()).into());
    keeps(net::bandwidth(Bandwidth::mbit(1).unwrap()).between(Flow::all()).into());
}

pub(crate) fn netem_contract(carrier: Carrier) {
    let flow = || Flow::peer(PEER).unwrap();
    keeps(net::delay(ms(20)).jitter(ms(5)).between(flow()).carrier(carrier).into());
    if carrier == Carrier::Process {
        keeps(net::loss(Percent::try_new(10.0).unwrap()).to(flow()).carrier(carrier).into());
    }
}

/// A preview of the rule touches nothing.
fn planned(scene: &Scene, rule: &NetRule) -> chaos_core::Result<String> {
    let plan = run(rule.prepare(&scene.namespace()))?;
    Ok(plan.change().to_owned())
}

fn plans() {
    let scene = Scene::new();
    let before = scene.state();
    let slow = || net::delay(ms(10));
    let here = planned(&scene, &slow().carrier(Carrier::Process).into()).unwrap();
    let figures = net::own::Figures::of(net::own::Frames::Large).to_string();
    assert!(here.contains("through this process") && here.contains(&figures), "{here}");
    println!("{here}");
    let said = planned(&scene, &slow().into()).unwrap();
    println!("{said}");
    match planned(&scene, &slow().carrier(Carrier::Kernel).into()) {
        Ok(by_kernel) => assert_eq!(said, by_kernel.replace(" by the kernel", "")),
        Err(error) => {
            assert!(error.to_string().contains("sch_netem"), "{error}");
            let because = "since this kernel does not have the qdisc netem";
            assert!(said.contains("through this process") && said.contains(because), "{said}");
        }
    }
    for rule in [
        net::drop().carrier(Carrier::Process).into_rule(),
        net::bandwidth(Bandwidth::mbit(1).unwrap()).carrier(Carrier::Process).into(),
    ] {
        let error = planned(&scene, &rule).unwrap_err();
        assert!(error.is_invalid() && error.to_string().contains("leave the carrier out"), "{error}");
    }
    assert_eq!(scene.state(), before);
}

fn no_packets() {
    let scene = Scene::new();
    let before = scene.state();
    let (path, chaos) = (scene.path(), scene.chaos.clone());
    let begin = move |rule: NetRule| {
        let node = Node::new(&chaos);
        let target = Targets::one(node.namespace_at(&path).unwrap());
        let ledger = std::sync::Arc::new(chaos_core::Ledger::in_memory(node.undos().unwrap()));
        let begun = chaos.inject(rule.on(target, Mode::ALL), BlastRadius::count(1).unwrap());
        run(begun.ledger(ledger).begin())
    };
    std::thread::spawn(move || {
        // Of this thread alone, and of those that it starts.
        caps::drop(None, caps::CapSet::Effective, caps::Capability::CAP_NET_RAW).unwrap();
        let slow = || net::delay(ms(10)).carrier(Carrier::Process);
        let error = begin(slow().to(Flow::all()).into()).unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("CAP_NET_RAW"), "{error}");
        // Packets on their way in need no such right.
        run(begin(slow().from(Flow::all()).into()).unwrap().revert()).unwrap();
    })
    .join()
    .unwrap();
    assert_eq!(scene.state(), before);
}

fn no_netem() {
    let scene = Scene::new();
    let before = scene.state();
    match scene.begin(net::delay(ms(10)).carrier(Carrier::Kernel)) {
        // A kernel that has it.
        Ok(injection) => run(injection.revert()).unwrap(),
        Err(error) => {
            assert!(error.is_refused() && error.to_string().contains("sch_netem"), "{}", error.chain())
        }
    }
    assert_eq!(scene.state(), before);
}
