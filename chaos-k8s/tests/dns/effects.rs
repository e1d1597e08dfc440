//! What programs see of each effect, and that others see nothing of it.

use std::time::{Duration, Instant};

use chaos_core::testing::conformance;
use chaos_core::units::{ms, secs};
use chaos_k8s::node::net::{DnsEffect, QueryType};
use domain::base::Rtype;

use crate::asking::{Came, query, read};
use crate::scene::{PEER, Scene, interval, run};
use crate::site::{SERVERS, Site, fault};
use crate::support::{Need, Test};

const NEEDS: &[Need] = &[Need::Root, Need::Nft];

pub(crate) const TESTS: &[Test] = &[
    ("failures_have_their_codes", NEEDS, failures),
    ("no_answer_comes", NEEDS, no_answer),
    ("wrong_addresses_are_given", NEEDS, wrong_addresses),
    ("answers_come_late", NEEDS, delay),
    ("a_revert_lets_go_who_waits", NEEDS, released),
    ("types_are_told_apart", NEEDS, types),
    ("some_queries_are_hit_by_chance", NEEDS, probability),
    ("several_faults_compose", NEEDS, several),
    ("the_contract_is_kept", NEEDS, contract),
];

const NAME: &str = "wWw.Example.COM";
const OTHER: &str = "example.com";

fn failures() {
    let site = Site::new();
    // Sockets that were open before: over UDP they are hit as well. New connections over TCP.
    let mut old: Vec<_> = SERVERS.map(|server| site.udp(server)).into();
    for (effect, code) in [(DnsEffect::NxDomain, 3), (DnsEffect::ServFail, 2), (DnsEffect::Refused, 5)] {
        for asker in &mut old {
            assert_eq!(asker.ask(NAME, Rtype::A), Came::truth(Rtype::A), "before");
        }
        site.under(fault(effect), || {
            let mut new = site.askers();
            for asker in old.iter_mut().chain(&mut new) {
                for kind in [Rtype::A, Rtype::AAAA, Rtype::MX, Rtype::from_int(65_280)] {
                    assert_eq!(asker.ask(NAME, kind), Came::Code(code));
                }
                assert_eq!(asker.ask(OTHER, Rtype::A), Came::truth(Rtype::A));
                assert_eq!(asker.ask("www.example.com.evil.org", Rtype::AAAA), Came::truth(Rtype::AAAA));
            }
        });
        for asker in &mut old {
            assert_eq!(asker.ask(NAME, Rtype::AAAA), Came::truth(Rtype::AAAA), "after");
        }
    }
}

fn no_answer() {
    let site = Site::new();
    site.under(fault(DnsEffect::NoAnswer), || {
        for asker in site.askers() {
            let mut asker = asker.patient(ms(300));
            assert_eq!(asker.ask(NAME, Rtype::A), Came::Nothing);
            let mut asker = asker.patient(secs(5));
            assert_eq!(asker.ask(OTHER, Rtype::A), Came::truth(Rtype::A));
        }
    });
    let asked = site.server.asked();
    assert!(!asked.iter().any(|query| query.windows(3).any(|part| part == b"wWw")), "the server was asked");
}

fn wrong_addresses() {
    let site = Site::new();
    let given = ["192.0.2.1", "192.0.2.2", "2001:db8::1"];
    let addresses = given.map(|address| address.parse().unwrap()).to_vec();
    site.under(fault(DnsEffect::Addresses(addresses)), || {
        for mut asker in site.askers() {
            assert_eq!(asker.ask(NAME, Rtype::A), Came::addresses(&given[..2]));
            assert_eq!(asker.ask(NAME, Rtype::AAAA), Came::addresses(&given[2..]));
            assert_eq!(asker.ask(OTHER, Rtype::A), Came::truth(Rtype::A));
        }
    });
    site.under(fault(DnsEffect::RandomAddress), || {
        for mut asker in site.askers() {
            for (kind, begins) in [(Rtype::A, "198.1"), (Rtype::AAAA, "2001:db8:")] {
                let Came::Addresses(addresses) = asker.ask(NAME, kind) else { panic!("a failure") };
                assert!(
                    addresses.len() == 1 && addresses[0].to_string().starts_with(begins),
                    "{addresses:?}"
                );
            }
        }
    });
}

fn delay() {
    const DELAY: Duration = Duration::from_millis(150);
    let site = Site::new();
    let (late, quick) = site.under(fault(DnsEffect::Delay(DELAY)), || {
        let mut times = (Vec::new(), Vec::new());
        for mut asker in site.askers() {
            for _ in 0..5 {
                for (name, times) in [(NAME, &mut times.0), (OTHER, &mut times.1)] {
                    let since = Instant::now();
                    assert_eq!(asker.ask(name, Rtype::A), Came::truth(Rtype::A));
                    times.push(since.elapsed());
                }
            }
        }
        times
    });
    let median = |mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2]
    };
    let least = *late.iter().min().unwrap();
    assert!(least >= DELAY, "{least:?}");
    let (late, quick) = (median(late), median(quick));
    assert!(quick < DELAY, "{quick:?}");
    println!("delay of {DELAY:?}: median {late:?}, other names {quick:?}");
}

fn released() {
    let site = Site::new();
    let mut asker = site.udp(PEER).patient(secs(30));
    let injection = site.begin(fault(DnsEffect::Delay(secs(60)))).unwrap();
    asker.send(&query(1, NAME, Rtype::A));
    assert_eq!(asker.ask(OTHER, Rtype::A), Came::truth(Rtype::A), "the first has come to the resolver");
    run(injection.revert()).unwrap();
    assert_eq!(read(&asker.receive().unwrap()), Came::truth(Rtype::A));
    assert_eq!(site.scene.left(), "");
}

fn types() {
    let site = Site::new();
    site.under(fault(DnsEffect::NxDomain).types([QueryType::AAAA]), || {
        for mut asker in site.askers() {
            assert_eq!(asker.ask(NAME, Rtype::AAAA), Came::Code(3));
            assert_eq!(asker.ask(NAME, Rtype::A), Came::truth(Rtype::A));
        }
    });
}

fn probability() {
    const QUERIES: u32 = 500;
    let site = Site::new();
    let draw = || {
        let mut asker = site.udp(PEER);
        (0..QUERIES).map(|_| asker.ask(NAME, Rtype::A) == Came::Code(2)).collect::<Vec<_>>()
    };
    let draws = site.under(fault(DnsEffect::ServFail).probability(0.3).unwrap(), draw);
    let hits = draws.iter().filter(|hit| **hit).count();
    assert!(interval(QUERIES, 0.3).contains(&(hits as f64)), "{hits} of {QUERIES}");
    // The scene's seed is 7 wherever it is.
    let again = Site::new();
    let replayed = again.under(fault(DnsEffect::ServFail).probability(0.3).unwrap(), || {
        let mut asker = again.udp(PEER);
        (0..QUERIES).map(|_| asker.ask(NAME, Rtype::A) == Came::Code(2)).collect::<Vec<_>>()
    });
    assert_eq!(draws, replayed, "seed 7");
}

fn several() {
    let site = Site::new();
    let mut asker = site.udp(PEER);
    let slow = site.begin(fault(DnsEffect::Delay(ms(100)))).unwrap();
    let gone = site.begin(fault(DnsEffect::NxDomain).names("other.org").unwrap()).unwrap();
    let since = Instant::now();
    assert_eq!(asker.ask(NAME, Rtype::A), Came::Code(3));
    assert!(since.elapsed() >= ms(100), "both act");
    assert_eq!(asker.ask("other.org", Rtype::A), Came::Code(3));
    run(gone.revert()).unwrap();
    let since = Instant::now();
    assert_eq!(asker.ask(NAME, Rtype::A), Came::truth(Rtype::A));
    assert!(since.elapsed() >= ms(100), "the first acts still");
    assert_eq!(asker.ask("other.org", Rtype::A), Came::truth(Rtype::A));
    run(slow.revert()).unwrap();
    assert_eq!(site.scene.left(), "");
}

fn contract() {
    let site = Site::new();
    let target = async || Ok(site.scene.namespace());
    let world = async |_: &_| site.scene.state();
    let report = run(conformance(fault(DnsEffect::NxDomain), target, world));
    report.assert_passed();
    assert_eq!(Scene::left(&site.scene), "");
}
