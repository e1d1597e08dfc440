//! What cannot be is refused before anything is written.

use chaos_core::{Chaos, Fault, Owner, Undo};
use chaos_k8s::Node;
use chaos_k8s::node::net::{self, DnsEffect, DnsFault, NamePattern};
use domain::base::Rtype;

use crate::asking::Came;
use crate::scene::{PEER, ip, run};
use crate::site::{Site, fault};
use crate::support::{Need, Test};

const NEEDS: &[Need] = &[Need::Root, Need::Nft];

pub(crate) const TESTS: &[Test] = &[
    ("bad_input_is_refused_with_nothing_written", NEEDS, refused),
    ("another_run_is_not_disturbed", NEEDS, another_run),
];

fn refused() {
    let site = Site::new();
    let before = site.scene.state();
    for pattern in ["", "two words", &"a".repeat(300)] {
        assert!(NamePattern::try_new(pattern).unwrap_err().is_invalid());
    }
    let bad: [(DnsFault, &str); 4] = [
        (net::dns(DnsEffect::NxDomain), "without names"),
        (fault(DnsEffect::Addresses(Vec::new())), "without an address"),
        (fault(DnsEffect::Delay(std::time::Duration::ZERO)), "delay of 0"),
        (net::dns(DnsEffect::NxDomain).names("*").unwrap(), "name the DNS servers"),
    ];
    for (fault, word) in bad {
        let error = site.begin(fault).unwrap_err();
        assert!(error.chain().contains(word), "{}", error.chain());
    }
    assert_eq!(site.scene.state(), before);
    site.scene.target.inside(|| ip("link set lo down"));
    let error = site.begin(fault(DnsEffect::NxDomain)).unwrap_err();
    assert!(error.chain().contains("set lo up"), "{}", error.chain());
    assert_eq!(site.scene.left(), "");
}

fn another_run() {
    let site = Site::new();
    let other = Node::new(&Chaos::seeded(1));
    let plan = run(fault(DnsEffect::NxDomain).prepare(&site.scene.namespace())).unwrap();
    assert_eq!(plan.owner(), Owner::Kernel);
    let undo = plan.undo();
    site.under(fault(DnsEffect::NxDomain), || {
        let error = run(fault(DnsEffect::ServFail).prepare(&site.scene.namespace_by(&other))).unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("another run, chaos-dns-"), "{error}");
        assert_eq!(site.udp(PEER).ask("a.example.com", Rtype::A), Came::Code(3));
        // Its undo in another process: what a living run owns is not to be taken back.
        let error = run(undo.revert(&other)).unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("still lives"), "{error}");
        assert!(!run(undo.is_gone(&other)).unwrap());
    });
    run(undo.revert(&other)).unwrap();
    assert!(run(undo.is_gone(&other)).unwrap());
}
