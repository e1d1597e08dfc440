//! A sweep by marks alone: the ledger of a dead run is lost.

use chaos_k8s::node::net::{self, Bandwidth, Flow, NetRule};

use crate::deaths::Injector;
use crate::scene::{OTHER, PEER, Scene, ip, run, without};
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] = &[
    ("a_sweep_by_marks_needs_no_ledger_and_leaves_the_living", &[Need::Root, Need::Nft], by_marks),
    ("a_sweep_by_marks_finds_filters", &[Need::Root, Need::Filters], || {
        without(&["owned tables", "nf_tables"], by_marks)
    }),
];

fn rate(peer: &str) -> NetRule {
    net::bandwidth(Bandwidth::mbit(10).unwrap()).to(Flow::peer(peer).unwrap()).into_rule()
}

fn by_marks() {
    let scene = Scene::new();
    let home = tempfile::tempdir().unwrap();
    let sweep = || {
        let swept = run(scene.node.sweep_marks_in(&scene.namespace())).unwrap();
        println!("{swept}");
        assert!(swept.is_clean(), "{swept}");
        (swept.removed().len(), swept.living().len())
    };
    // Of others, much as if it was ours; and two of ours whose makers died between two messages.
    scene.target.inside(|| {
        ip("link add chaos0 type ifb");
        ip("link add chaosabcde7 group 51717 type veth peer name other7");
        ip("link add chaosabcde8 type ifb");
        ip("link set chaos0 alias chaos:other");
    });
    let before = scene.state();
    scene.target.inside(|| {
        ip("link add chaosabcde9 group 51717 type ifb");
        ip("link add chaosabcde9-1f group 51717 type ifb");
    });
    assert_eq!(sweep(), (2, 0));
    assert_eq!(scene.state(), before);

    // Inward, beside one that goes out: two runs do not lead the same packets aside.
    let living =
        scene.begin(net::bandwidth(Bandwidth::mbit(10).unwrap()).from(Flow::peer(OTHER).unwrap())).unwrap();
    let with_living = scene.state();
    let mut injector = Injector::start(&scene, &home.path().join("ledger"), &rate(PEER), None);
    let with_both = scene.state();
    assert_eq!(sweep(), (0, 2));
    assert_eq!(scene.state(), with_both);
    injector.end();
    assert_ne!(scene.state(), with_living, "an idle device is left");
    assert_eq!(sweep(), (1, 1));
    assert_eq!(scene.state(), with_living);
    assert!(run(living.observe()).remove(0).1.unwrap().is_in_force());
    run(living.revert()).unwrap();
    assert_eq!(sweep(), (0, 0));
    assert_eq!(scene.state(), before);

    // Alone: all that stands there was of the dead.
    let mut injector = Injector::start(&scene, &home.path().join("other"), &rate(PEER), None);
    injector.end();
    assert_eq!(sweep(), (1, 0));
    assert_eq!(scene.state(), before);
}
