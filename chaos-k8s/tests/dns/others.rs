//! What programs ask of servers that no resolv.conf names.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;

use chaos_core::testing::conformance;
use chaos_core::units::{ms, secs};
use chaos_core::{Fault, Undo};
use chaos_k8s::node::net::{self, DnsEffect, DnsFault};
use domain::base::Rtype;
use tempfile::TempDir;

use crate::asking::{Asker, Came, query, read};
use crate::deaths::Injector;
use crate::programs::Program;
use crate::scene::{OTHER, OTHER6, PEER, PEER6, ip, read as output, run, wait_until};
use crate::server::Server;
use crate::site::{SERVERS, Site};
use crate::support::{Need, Test, through_signals};

const NEEDS: &[Need] = &[Need::Root, Need::Nft];

pub(crate) const TESTS: &[Test] = &[
    ("servers_that_nobody_named_are_hit", NEEDS, hit),
    ("who_was_asked_is_who_answers", NEEDS, exact),
    ("what_is_for_other_servers_passes_byte_for_byte", NEEDS, bytes),
    ("programs_ask_from_any_address_and_port", NEEDS, origins),
    ("connections_to_other_servers_stay", NEEDS, open_connections),
    ("rules_for_known_and_for_all_servers_compose", NEEDS, composed),
    ("a_narrow_fault_leaves_other_servers_alone", NEEDS, narrow),
    ("a_server_on_the_own_machine_keeps_others_out", NEEDS, local),
    ("servers_on_the_own_machine_are_left_alone", NEEDS, unnamed_local),
    ("the_resolver_is_closed_to_other_machines", NEEDS, closed),
    ("translations_of_others_hold_after_the_fault", NEEDS, translated),
    ("a_killed_injector_leaves_other_servers_as_they_were", NEEDS, killed),
    ("a_stopped_injector_lets_go_what_is_for_other_servers", NEEDS, stopped),
    ("the_contract_is_kept_for_all_servers", NEEDS, contract),
];

const OTHERS: [&str; 2] = [OTHER, OTHER6];
/// Behind the peer, by its default route.
const FAR: &str = "8.8.8.8";
const HIT: &str = "a.example.com";
const MISSED: &str = "a.example.org";

/// A site with more servers, and a program that knows [`SERVERS`] alone.
struct World {
    site: Site,
    others: Vec<Server>,
    program: Program,
    home: TempDir,
}

impl World {
    fn new() -> Self {
        Self::knowing(&SERVERS)
    }

    fn knowing(known: &[&str]) -> Self {
        let site = Site::new();
        site.scene.peer.inside(|| {
            ip("link set lo up");
            ip(&format!("addr add {FAR}/32 dev lo"));
        });
        site.scene.target.inside(|| ip(&format!("route add default via {PEER}")));
        let start = |address: &&str| site.scene.peer.inside(|| Server::start(&[address]));
        let others = OTHERS.iter().chain(&[FAR]).map(start).collect();
        let home = tempfile::tempdir().unwrap();
        let resolv: String = known.iter().map(|server| format!("nameserver {server}\n")).collect();
        let program = Program::idle(&site, home.path(), &resolv);
        Self { site, others, program, home }
    }

    fn under<T>(&self, fault: DnsFault, act: impl FnOnce() -> T) -> T {
        self.site.under_on(fault, self.program.namespace(&self.site), act)
    }

    /// The line of the plan.
    fn plan(&self, fault: &DnsFault) -> String {
        run(fault.prepare(&self.program.namespace(&self.site))).unwrap().change().to_owned()
    }

    fn udp(&self) -> Vec<Asker> {
        OTHERS.iter().chain(&[FAR]).map(|server| self.site.udp(server)).collect()
    }

    fn tcp(&self) -> Vec<Asker> {
        OTHERS.iter().chain(&[FAR]).map(|server| self.site.tcp(server)).collect()
    }

    fn injector(&self, fault: &DnsFault, lasting: Option<std::time::Duration>) -> Injector {
        Injector::with(&self.program.pid().to_string(), fault, &self.ledger(), lasting)
    }

    fn ledger(&self) -> std::path::PathBuf {
        Path::new(self.home.path()).join("ledger")
    }
}

fn fault(effect: DnsEffect) -> DnsFault {
    net::dns(effect).names("*.example.com").unwrap()
}

fn true_answers(askers: &mut [Asker], name: &str) {
    for asker in askers {
        for kind in [Rtype::A, Rtype::AAAA] {
            assert_eq!(asker.ask(name, kind), Came::truth(kind));
        }
    }
}

fn hit() {
    let world = World::new();
    let mut old = world.udp();
    let asked = || world.others.iter().flat_map(Server::asked).collect::<Vec<_>>();
    true_answers(&mut old, HIT);
    asked();
    for _ in 0..2 {
        world.under(fault(DnsEffect::NxDomain), || {
            let mut known = world.site.askers();
            let (mut udp, mut tcp) = (world.udp(), world.tcp());
            for asker in known.iter_mut().chain(&mut old).chain(&mut udp).chain(&mut tcp) {
                assert_eq!(asker.ask(HIT, Rtype::A), Came::Code(3));
                assert_eq!(asker.ask(HIT, Rtype::AAAA), Came::Code(3));
            }
            for askers in [&mut known, &mut old, &mut udp, &mut tcp] {
                true_answers(askers, MISSED);
            }
            let hit = [Rtype::A, Rtype::AAAA].map(|kind| query(7, HIT, kind));
            assert!(!asked().iter().any(|message| hit.contains(message)), "a server was asked");
        });
        true_answers(&mut old, HIT);
        asked();
    }
    assert!(world.plan(&fault(DnsEffect::NxDomain)).contains("and of all other servers over UDP and TCP"));
}

/// One socket, one number of the message, several servers at once.
fn exact() {
    let world = World::new();
    let talk = || {
        let mut came = Vec::new();
        for (bind, servers) in [("0.0.0.0:0", vec![PEER, OTHER, FAR]), ("[::]:0", vec![PEER6, OTHER6])] {
            let socket = world.site.scene.target.inside(|| UdpSocket::bind(bind).unwrap());
            socket.set_read_timeout(Some(secs(5))).unwrap();
            for round in 0..50 {
                let message = query(round, MISSED, Rtype::A);
                for server in &servers {
                    socket.send_to(&message, SocketAddr::new(server.parse().unwrap(), 53)).unwrap();
                }
                let mut from: Vec<_> = servers
                    .iter()
                    .map(|_| {
                        let mut answer = [0; 512];
                        let (length, from) = through_signals(|| socket.recv_from(&mut answer)).unwrap();
                        assert_eq!(read(&answer[..length]), Came::truth(Rtype::A));
                        from
                    })
                    .collect();
                from.sort();
                came.push(from);
            }
        }
        let asked: Vec<_> = world.others.iter().map(|server| server.asked().len()).collect();
        (came, asked)
    };
    let before = talk();
    assert_eq!(before.1, [50, 50, 50]);
    assert_eq!(world.under(fault(DnsEffect::NxDomain), talk), before);
}

fn bytes() {
    let world = World::new();
    let mut answer = query(4, HIT, Rtype::A);
    answer[2] |= 0x80;
    let messages = [
        query(1, "eXaMpLe.org", Rtype::AAAA),
        answer,
        b"no message of DNS".to_vec(),
        (0..1400).map(|n| (n % 251) as u8).collect(),
    ];
    let talk = || {
        let mut answers = Vec::new();
        for mut asker in world.udp().into_iter().chain(world.tcp()) {
            for message in &messages {
                asker.send(message);
                answers.push(asker.receive().unwrap());
            }
        }
        (world.others.iter().map(Server::asked).collect::<Vec<_>>(), answers)
    };
    let before = talk();
    assert_eq!(world.under(fault(DnsEffect::NxDomain), talk), before);
}

fn origins() {
    let world = World::new();
    world.site.scene.target.inside(|| {
        ip("addr add 10.77.0.9/24 dev va");
        ip("addr add fd77::9/64 dev va nodad");
    });
    world.under(fault(DnsEffect::ServFail), || {
        for (from, server) in [
            ("10.77.0.9:0", OTHER),
            ("10.77.0.9:53", FAR),
            ("0.0.0.0:53", OTHER),
            ("[fd77::9]:0", OTHER6),
            ("[fd77::9]:53", OTHER6),
        ] {
            let socket = world.site.scene.target.inside(|| UdpSocket::bind(from).unwrap());
            socket.connect(SocketAddr::new(server.parse().unwrap(), 53)).unwrap();
            let mut asker = Asker::Udp(socket).patient(secs(5));
            assert_eq!(asker.ask(HIT, Rtype::A), Came::Code(2), "{from}");
            assert_eq!(asker.ask(MISSED, Rtype::A), Came::truth(Rtype::A), "{from}");
        }
    });
}

fn open_connections() {
    let world = World::new();
    let mut open = world.tcp();
    true_answers(&mut open, HIT);
    world.under(fault(DnsEffect::NxDomain), || true_answers(&mut open, HIT));
    true_answers(&mut open, HIT);
}

fn composed() {
    let world = World::new();
    let namespace = || world.program.namespace(&world.site);
    let begin = |fault| world.site.begin_on(fault, namespace()).unwrap();
    let [mut other, mut known] = [OTHER, PEER].map(|server| world.site.udp(server));
    let named = begin(fault(DnsEffect::Refused).server(OTHER.parse().unwrap()));
    assert_eq!([other.ask(HIT, Rtype::A), known.ask(HIT, Rtype::A)], [Came::Code(5), Came::truth(Rtype::A)]);
    let wide = begin(fault(DnsEffect::ServFail));
    assert_eq!([other.ask(HIT, Rtype::A), known.ask(HIT, Rtype::A)], [Came::Code(2), Came::Code(2)]);
    run(named.revert()).unwrap();
    assert_eq!([other.ask(HIT, Rtype::A), known.ask(HIT, Rtype::A)], [Came::Code(2), Came::Code(2)]);
    let named = begin(fault(DnsEffect::Refused).server(OTHER.parse().unwrap()));
    run(wide.revert()).unwrap();
    assert_eq!([other.ask(HIT, Rtype::A), known.ask(HIT, Rtype::A)], [Came::Code(5), Came::truth(Rtype::A)]);
    assert_eq!(world.site.udp(FAR).ask(HIT, Rtype::A), Came::truth(Rtype::A));
    run(named.revert()).unwrap();
    assert_eq!(world.site.scene.left(), "");
}

fn narrow() {
    let world = World::new();
    let fault = fault(DnsEffect::NxDomain).known_servers_only();
    assert!(world.plan(&fault).contains("; other servers and TCP connections"), "{}", world.plan(&fault));
    world.under(fault, || {
        assert_eq!(world.site.udp(PEER).ask(HIT, Rtype::A), Came::Code(3));
        true_answers(&mut world.udp(), HIT);
        true_answers(&mut world.tcp(), HIT);
    });
}

/// Its own queries would be hit a second time.
fn local() {
    for own in ["127.0.0.53", "10.77.0.1"] {
        let world = World::knowing(&[own]);
        world.site.scene.target.inside(|| drop(Server::start(&[own])));
        let plan = world.plan(&fault(DnsEffect::NxDomain));
        assert!(plan.contains(&format!("other servers ({own} is on the target's own machine")), "{plan}");
        world.under(fault(DnsEffect::NxDomain), || {
            for mut asker in [world.site.udp(own), world.site.tcp(own)] {
                assert_eq!(asker.ask(HIT, Rtype::A), Came::Code(3));
                assert_eq!(asker.ask(MISSED, Rtype::A), Came::truth(Rtype::A));
            }
            true_answers(&mut world.udp(), HIT);
            true_answers(&mut world.tcp(), HIT);
        });
    }
}

fn unnamed_local() {
    let world = World::new();
    let own = ["127.0.0.53", "10.77.0.1", "::1", "fd77::1"];
    world.site.scene.target.inside(|| drop(Server::start(&own)));
    world.under(fault(DnsEffect::NxDomain), || {
        assert_eq!(world.site.udp(OTHER).ask(HIT, Rtype::A), Came::Code(3));
        for server in own {
            true_answers(&mut [world.site.udp(server), world.site.tcp(server)], HIT);
        }
    });
}

fn closed() {
    let world = World::new();
    world.under(fault(DnsEffect::NxDomain), || {
        let open = world.site.scene.target.inside(|| output("ss", "--udp --listening --numeric --no-header"));
        let ports: Vec<u16> = open
            .lines()
            .filter_map(|line| line.split_whitespace().nth(3)?.rsplit_once(':'))
            .filter(|(address, _)| ["0.0.0.0", "*", "[::]"].contains(address))
            .map(|(_, port)| port.parse().unwrap())
            .collect();
        assert_eq!(ports.len(), 2, "{open}");
        for port in ports {
            for target in ["10.77.0.1", "fd77::1"] {
                let mut socket = world.site.scene.peer.inside(|| Asker::udp(target));
                let Asker::Udp(inner) = &mut socket else { continue };
                inner.connect(SocketAddr::new(target.parse().unwrap(), port)).unwrap();
                inner.send(&query(1, HIT, Rtype::A)).unwrap();
                let refused = through_signals(|| inner.recv(&mut [0; 512])).unwrap_err();
                assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused, "{target} {port}");
            }
        }
    });
    assert!(world.others.iter().all(|server| server.asked().is_empty()), "nobody was asked");
}

/// As kube-proxy has them on a node, and as a gateway has them for all that leaves it.
fn translated() {
    const VIRTUAL: &str = "10.96.0.10";
    let world = World::new();
    world.site.scene.target.inside(|| {
        for rule in [
            "add table ip nat".to_owned(),
            "add chain ip nat OUTPUT { type nat hook output priority -100 ; }".to_owned(),
            "add chain ip nat POSTROUTING { type nat hook postrouting priority 100 ; }".to_owned(),
            format!("add rule ip nat OUTPUT ip daddr {VIRTUAL} udp dport 53 dnat to {PEER}:53"),
            format!("add rule ip nat OUTPUT ip daddr {VIRTUAL} tcp dport 53 dnat to {PEER}:53"),
            "add rule ip nat POSTROUTING masquerade".to_owned(),
        ] {
            output("nft", &rule);
        }
    });
    let mut old = world.site.udp(VIRTUAL);
    let mut first_under_it = world.site.udp(VIRTUAL);
    for _ in 0..2 {
        assert_eq!(old.ask(HIT, Rtype::A), Came::truth(Rtype::A));
        world.under(fault(DnsEffect::NxDomain), || {
            let (mut udp, mut tcp) = (world.site.udp(FAR), world.site.tcp(FAR));
            let mut virtual_tcp = world.site.tcp(VIRTUAL);
            for asker in [&mut old, &mut first_under_it, &mut udp, &mut tcp, &mut virtual_tcp] {
                assert_eq!(asker.ask(HIT, Rtype::A), Came::Code(3));
                assert_eq!(asker.ask(MISSED, Rtype::A), Came::truth(Rtype::A));
            }
        });
    }
    for asker in [&mut old, &mut first_under_it] {
        assert_eq!(asker.ask(HIT, Rtype::A), Came::truth(Rtype::A));
    }
}

fn killed() {
    let world = World::new();
    let before = world.site.scene.state();
    let mut old: Vec<_> = world.udp().into_iter().map(|asker| asker.patient(ms(50))).collect();
    let injector = world.injector(&fault(DnsEffect::NxDomain), None);
    for asker in &mut old {
        wait_until("the fault", secs(5), || asker.ask(HIT, Rtype::A) == Came::Code(3));
    }
    assert_eq!(world.site.tcp(FAR).ask(HIT, Rtype::A), Came::Code(3));
    drop(injector);
    for asker in &mut old {
        wait_until("true answers", secs(5), || asker.ask(HIT, Rtype::A) == Came::truth(Rtype::A));
    }
    true_answers(&mut world.tcp(), HIT);
    assert_eq!(world.site.scene.state(), before);
    let undos = world.site.scene.node.undos().unwrap();
    let swept = run(chaos_core::ledger::sweep(&world.ledger(), &undos)).unwrap();
    assert!(swept.is_clean(), "{swept:?}");
}

fn stopped() {
    let world = World::new();
    let before = world.site.scene.state();
    let mut old: Vec<_> = world.udp().into_iter().map(|asker| asker.patient(ms(50))).collect();
    let mut injector = world.injector(&fault(DnsEffect::NxDomain), Some(secs(1)));
    for asker in &mut old {
        wait_until("the fault", secs(5), || asker.ask(HIT, Rtype::A) == Came::Code(3));
    }
    injector.stop();
    wait_until("nobody answers", secs(3), || old[0].ask(HIT, Rtype::A) == Came::Nothing);
    for asker in &mut old {
        wait_until("true answers", secs(30), || asker.ask(HIT, Rtype::A) == Came::truth(Rtype::A));
    }
    true_answers(&mut world.tcp(), HIT);
    injector.go_on_and_revert();
    assert_eq!(world.site.scene.state(), before);
}

fn contract() {
    let world = World::new();
    let target = async || Ok(world.program.namespace(&world.site));
    let state = async |_: &_| world.site.scene.state();
    run(conformance(fault(DnsEffect::NxDomain), target, state)).assert_passed();
    let plan = run(fault(DnsEffect::NxDomain).prepare(&world.program.namespace(&world.site))).unwrap();
    // As it stands in a ledger.
    let undo = serde_json::to_string(plan.undo()).unwrap();
    assert!(undo.contains(r#""others":true"#), "{undo}");
    assert!(run(plan.undo().is_gone(&world.site.scene.node)).unwrap());
}
