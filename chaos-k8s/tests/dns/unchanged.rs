//! What no fault is about goes on as it was.

use chaos_core::units::ms;
use chaos_k8s::node::net::{self, DnsEffect};
use domain::base::Rtype;

use crate::asking::{Came, query, read};
use crate::scene::{OTHER, PEER, ip, read as output, run};
use crate::server::Server;
use crate::site::{SERVERS, Site, fault};
use crate::support::{Need, Test};

const NEEDS: &[Need] = &[Need::Root, Need::Nft];

pub(crate) const TESTS: &[Test] = &[
    ("messages_pass_byte_for_byte", NEEDS, bytes),
    ("connections_that_are_open_stay", NEEDS, open_connections),
    ("many_queries_over_one_connection", NEEDS, many),
    ("a_server_that_is_down_is_told", NEEDS, down),
    ("other_servers_are_left_alone", NEEDS, other_servers),
    ("a_server_behind_a_service_is_still_found", NEEDS, service),
    ("tables_of_others_stay", NEEDS, others),
];

fn bytes() {
    let site = Site::new();
    // A name in other letters, a type that nobody knows, two questions, an answer, and no DNS at all.
    let mut two = query(3, "a.example.com", Rtype::A);
    two[5] = 2;
    let mut answer = query(4, "a.example.com", Rtype::A);
    answer[2] |= 0x80;
    let messages = [
        query(1, "eXaMpLe.org", Rtype::AAAA),
        query(2, "example.org", Rtype::from_int(65_281)),
        two,
        answer,
        b"no message of DNS".to_vec(),
        (0..1400).map(|n| (n % 251) as u8).collect(),
    ];
    let talk = || {
        let mut answers = Vec::new();
        for mut asker in site.askers() {
            for message in &messages {
                asker.send(message);
                answers.push(asker.receive().unwrap());
            }
        }
        (site.server.asked(), answers)
    };
    let before = talk();
    let during = site.under(fault(DnsEffect::NxDomain), talk);
    assert_eq!(before, during);
}

fn open_connections() {
    let site = Site::new();
    let mut open: Vec<_> = SERVERS.map(|server| site.tcp(server)).into();
    for asker in &mut open {
        assert_eq!(asker.ask("a.example.com", Rtype::A), Came::truth(Rtype::A));
    }
    site.under(fault(DnsEffect::NxDomain), || {
        for asker in &mut open {
            assert_eq!(
                asker.ask("a.example.com", Rtype::A),
                Came::truth(Rtype::A),
                "not led aside, and not broken"
            );
        }
    });
    for asker in &mut open {
        assert_eq!(asker.ask("a.example.com", Rtype::A), Came::truth(Rtype::A));
    }
}

fn other_servers() {
    let site = Site::new();
    site.scene.peer.inside(|| Server::start(&[OTHER]));
    site.under(fault(DnsEffect::NxDomain), || {
        for mut asker in [site.udp(OTHER), site.tcp(OTHER)] {
            assert_eq!(asker.ask("a.example.com", Rtype::A), Came::truth(Rtype::A));
        }
        assert_eq!(site.udp(PEER).ask("a.example.com", Rtype::A), Came::Code(3));
    });
}

fn many() {
    let site = Site::new();
    let slow = fault(DnsEffect::Delay(ms(1000)));
    site.under(slow, || {
        for mut asker in site.askers() {
            let names = |id| if id % 2 == 0 { "a.example.com" } else { "a.example.org" };
            for id in 0..100 {
                asker.send(&query(id, names(id), Rtype::A));
            }
            let mut ids: Vec<u16> = (0..100)
                .map(|_| {
                    let answer = asker.receive().unwrap();
                    assert_eq!(read(&answer), Came::truth(Rtype::A));
                    u16::from_be_bytes([answer[0], answer[1]])
                })
                .collect();
            assert!(ids[..50].iter().all(|id| id % 2 == 1), "none waits for another: {ids:?}");
            ids.sort_unstable();
            assert_eq!(ids, (0..100).collect::<Vec<_>>());
        }
    });
}

fn down() {
    let site = Site::new();
    let fault = net::dns(DnsEffect::NxDomain).names("*.example.com").unwrap().server(OTHER.parse().unwrap());
    site.under(fault, || {
        let mut asker = site.udp(OTHER);
        assert_eq!(asker.ask("a.example.com", Rtype::A), Came::Code(3));
        assert_eq!(asker.ask("a.example.org", Rtype::A), Came::Code(2));
    });
}

/// Rules as kube-proxy has them on a node: a virtual address that NAT turns into the server's.
fn service() {
    const VIRTUAL: &str = "10.96.0.10";
    let site = Site::new();
    site.scene.target.inside(|| {
        ip("route add 10.96.0.0/16 dev va");
        for rule in [
            "add table ip nat".to_owned(),
            "add chain ip nat OUTPUT { type nat hook output priority -100 ; }".to_owned(),
            format!("add rule ip nat OUTPUT ip daddr {VIRTUAL} udp dport 53 dnat to {PEER}:53"),
            format!("add rule ip nat OUTPUT ip daddr {VIRTUAL} tcp dport 53 dnat to {PEER}:53"),
        ] {
            output("nft", &rule);
        }
    });
    let fault =
        net::dns(DnsEffect::NxDomain).names("*.example.com").unwrap().server(VIRTUAL.parse().unwrap());
    let mut old = site.udp(VIRTUAL);
    for _ in 0..2 {
        assert_eq!(old.ask("a.example.com", Rtype::A), Came::truth(Rtype::A));
        site.under(fault.clone(), || {
            for asker in [&mut old, &mut site.udp(VIRTUAL), &mut site.tcp(VIRTUAL)] {
                assert_eq!(asker.ask("a.example.com", Rtype::A), Came::Code(3));
                assert_eq!(asker.ask("a.other.org", Rtype::A), Came::truth(Rtype::A));
            }
        });
    }
    assert_eq!(old.ask("a.example.com", Rtype::A), Came::truth(Rtype::A));
}

fn others() {
    let site = Site::new();
    site.scene.target.inside(|| {
        output("nft", "add table inet mine");
        output("nft", "add chain inet mine out { type filter hook output priority 0 ; policy accept ; }");
        output("nft", "add rule inet mine out udp dport 53 counter accept");
    });
    let before = site.scene.state();
    let injection = site.begin(fault(DnsEffect::NxDomain)).unwrap();
    assert_ne!(site.scene.state(), before);
    run(injection.revert()).unwrap();
    assert_eq!(site.scene.state(), before);
}
