//! The faults in force, and what they say of a query.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chaos_core::dice::Stream;
use chaos_core::{Clock, Dice};
use tokio::sync::watch;

use super::Server;
use super::message::{Answer, Query};
use crate::node::net::dns::servers::Asked;
use crate::node::net::dns::{DnsEffect, DnsFault, QueryType};

/// A second draw for the same query, of the address.
const ADDRESS: u64 = 1;

/// A fault with the servers that it is about.
#[derive(Debug)]
pub(in crate::node::net::dns) struct Rule {
    pub(in crate::node::net::dns) id: u64,
    pub(in crate::node::net::dns) asked: Asked,
    fault: DnsFault,
    stream: Stream,
    seen: AtomicU64,
    hits: AtomicU64,
    over: watch::Sender<bool>,
    /// When it ends by itself; none for one that is held until it is taken back.
    ends: Mutex<Option<Instant>>,
}

/// What is to be done with a query.
#[derive(Debug)]
pub(super) struct Verdict {
    waits: Vec<Wait>,
    pub(super) then: Then,
}

#[derive(Debug)]
struct Wait {
    time: Duration,
    over: watch::Receiver<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Then {
    /// On to the server.
    Forward,
    Answer(Answer),
    Nothing,
}

impl Rule {
    pub(in crate::node::net::dns) fn new(id: u64, fault: DnsFault, asked: Asked, dice: Dice) -> Self {
        let stream = dice.stream(&["net.dns", &fault.to_string(), &id.to_string()]);
        let (seen, hits, over) = (AtomicU64::new(0), AtomicU64::new(0), watch::Sender::new(false));
        Self { id, asked, fault, stream, seen, hits, over, ends: Mutex::default() }
    }

    /// It lasts so long from now on; without an end if none is said.
    pub(in crate::node::net::dns) fn last(&self, lasting: Option<Duration>) {
        *self.end() = lasting.and_then(|lasting| Instant::now().checked_add(lasting));
    }

    /// How long it still has; the longest of all times if it has no end.
    pub(super) fn left(&self) -> Duration {
        self.end().map_or(Duration::MAX, |ends| ends.saturating_duration_since(Instant::now()))
    }

    pub(super) fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    fn end(&self) -> MutexGuard<'_, Option<Instant>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queries that matched, and of those the ones that it hit.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.seen.load(Ordering::Relaxed), self.hits.load(Ordering::Relaxed))
    }

    /// Which of the matching queries this is, if it is hit.
    fn hit(&self, server: Server, query: &Query<'_>) -> Option<u64> {
        let is_asked = self.asked.servers.contains(&server.address) || self.asked.others && !server.is_here;
        if !is_asked || !self.fault.matches(&query.name, query.kind) || self.is_over() {
            return None;
        }
        let ordinal = self.seen.fetch_add(1, Ordering::Relaxed);
        let is_hit = self.stream.unit(ordinal) < self.fault.probability.value();
        is_hit.then(|| {
            self.hits.fetch_add(1, Ordering::Relaxed);
            ordinal
        })
    }

    fn random_address(&self, ordinal: u64, kind: QueryType) -> IpAddr {
        let drawn = self.stream.lane(ADDRESS).draw(ordinal);
        if kind == QueryType::AAAA {
            let low = self.stream.lane(ADDRESS + 1).draw(ordinal);
            let network = 0x2001_0db8_u128 << 96;
            return Ipv6Addr::from(network | u128::from(drawn as u32) << 64 | u128::from(low)).into();
        }
        // 198.18.0.0/15: 17 bits are free.
        Ipv4Addr::from(0xc612_0000_u32 | (drawn as u32 & 0x1_ffff)).into()
    }
}

impl Then {
    /// The one that is given where several are said: the lower.
    fn rank(&self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Answer(Answer::ServFail) => 1,
            Self::Answer(Answer::Refused) => 2,
            Self::Answer(Answer::NxDomain) => 3,
            Self::Answer(Answer::Addresses(_)) => 4,
            Self::Forward => 5,
        }
    }
}

impl Verdict {
    /// Waits as long as the faults say that are still in force.
    pub(super) async fn wait(&mut self, clock: &Clock) {
        for wait in &mut self.waits {
            // Over, or its rule is gone.
            let _ = clock.timeout(wait.time, wait.over.wait_for(|over| *over)).await;
        }
    }
}

/// The rules of a namespace.
#[derive(Debug, Default)]
pub(super) struct Rules {
    rules: Mutex<Vec<Arc<Rule>>>,
    /// Until when the kernel leads queries here without another word of ours; none before the first.
    led_until: Mutex<Option<Instant>>,
}

impl Rules {
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Rule>>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn led_until(&self) -> Option<Instant> {
        *self.led_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn are_led_until(&self, until: Instant) {
        *self.led_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    /// Whether we were not awake in time, and the kernel has let the queries go. Then that is so for good, for all rules of that
    /// time.
    pub(super) fn are_let_go(&self) -> bool {
        let over = self.led_until().is_some_and(|until| until <= Instant::now());
        if over {
            self.lock().iter().for_each(|rule| rule.last(Some(Duration::ZERO)));
        }
        over
    }

    pub(super) fn list(&self) -> Vec<Arc<Rule>> {
        self.lock().clone()
    }

    pub(super) fn find(&self, id: u64) -> Option<Arc<Rule>> {
        self.lock().iter().find(|rule| rule.id == id).cloned()
    }

    pub(super) fn add(&self, rule: Arc<Rule>) {
        self.lock().push(rule);
    }

    /// Takes a rule away; queries that wait for it wait no longer.
    pub(super) fn remove(&self, id: u64) {
        self.lock().retain(|rule| {
            if rule.id == id {
                rule.over.send_replace(true);
            }
            rule.id != id
        });
    }

    pub(super) fn decide(&self, server: Server, query: &Query<'_>) -> Verdict {
        let mut verdict = Verdict { waits: Vec::new(), then: Then::Forward };
        if !query.is_of_internet() || self.are_let_go() {
            return verdict;
        }
        for rule in self.lock().iter() {
            let Some(ordinal) = rule.hit(server, query) else { continue };
            let then = match &rule.fault.effect {
                DnsEffect::NxDomain => Then::Answer(Answer::NxDomain),
                DnsEffect::ServFail => Then::Answer(Answer::ServFail),
                DnsEffect::Refused => Then::Answer(Answer::Refused),
                DnsEffect::NoAnswer => Then::Nothing,
                DnsEffect::Addresses(addresses) => Then::Answer(Answer::Addresses(addresses.clone())),
                DnsEffect::RandomAddress => {
                    Then::Answer(Answer::Addresses(vec![rule.random_address(ordinal, query.kind)]))
                }
                DnsEffect::Delay(time) => {
                    verdict.waits.push(Wait { time: *time, over: rule.over.subscribe() });
                    continue;
                }
            };
            if then.rank() < verdict.then.rank() {
                verdict.then = then;
            }
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use chaos_core::units::ms;

    use super::super::message::ask_about;
    use super::*;
    use crate::node::net::dns;

    const SERVER: Server = Server { address: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 53)), is_here: false };

    fn rule(id: u64, fault: DnsFault) -> Arc<Rule> {
        let asked = Asked { servers: vec![SERVER.address], others: false };
        Arc::new(Rule::new(id, fault, asked, Dice::seeded(7)))
    }

    fn query(name: &str) -> Vec<u8> {
        let mut bytes = ask_about(name, 1).unwrap();
        let length = bytes.len();
        bytes[length - 4..].copy_from_slice(&[0, 1, 0, 1]);
        bytes
    }

    fn decide(rules: &Rules, name: &str) -> Verdict {
        rules.decide(SERVER, &Query::read(&query(name)).unwrap())
    }

    fn named(effect: DnsEffect) -> DnsFault {
        dns::dns(effect).names("*.example").unwrap()
    }

    #[test]
    fn order_of_coming_does_not_matter() {
        let effects =
            [DnsEffect::RandomAddress, DnsEffect::NxDomain, DnsEffect::Delay(ms(1)), DnsEffect::Refused];
        for turn in 0..effects.len() {
            let rules = Rules::default();
            let mut effects = effects.clone();
            effects.rotate_left(turn);
            for (id, effect) in effects.into_iter().enumerate() {
                rules.add(rule(id as u64, named(effect)));
            }
            let verdict = decide(&rules, "a.example");
            assert_eq!(verdict.then, Then::Answer(Answer::Refused));
            assert_eq!(verdict.waits.len(), 1);
            assert_eq!(decide(&rules, "a.other").then, Then::Forward);
        }
    }

    #[test]
    fn other_servers_are_those_of_other_machines() {
        let rules = Rules::default();
        let asked = Asked { servers: vec![SERVER.address], others: true };
        rules.add(Arc::new(Rule::new(1, named(DnsEffect::NxDomain), asked, Dice::seeded(7))));
        let bytes = query("a.example");
        let decide = |server| rules.decide(server, &Query::read(&bytes).unwrap()).then;
        let other = Server::elsewhere([192, 0, 2, 1].into());
        let hit = Then::Answer(Answer::NxDomain);
        assert_eq!([decide(SERVER), decide(other)], [hit.clone(), hit]);
        assert_eq!(decide(Server { is_here: true, ..other }), Then::Forward, "led here by another rule");
    }

    #[test]
    fn draws_follow_the_seed_and_the_number_of_the_query() {
        let fault = named(DnsEffect::NxDomain).probability(0.3).unwrap();
        let draw = || -> Vec<bool> {
            let rules = Rules::default();
            let rule = rule(4, fault.clone());
            rules.add(Arc::clone(&rule));
            let draws = (0..1000)
                .map(|_| {
                    decide(&rules, "unlike.other");
                    decide(&rules, "a.example").then != Then::Forward
                })
                .collect::<Vec<_>>();
            assert_eq!(rule.counts(), (1000, draws.iter().filter(|hit| **hit).count() as u64));
            draws
        };
        let draws = draw();
        assert_eq!(draws, draw());
        // 99 % of binomial draws of 1000 at 0.3 lie in here.
        assert!((263..=337).contains(&draws.iter().filter(|hit| **hit).count()));
    }

    #[test]
    fn random_addresses_are_nobodys() {
        let rule = rule(1, named(DnsEffect::RandomAddress));
        for ordinal in 0..1000 {
            let IpAddr::V4(four) = rule.random_address(ordinal, QueryType::A) else { panic!("not v4") };
            assert_eq!(u32::from(four) >> 17, 0xc612_0000 >> 17, "{four}");
            let IpAddr::V6(six) = rule.random_address(ordinal, QueryType::AAAA) else { panic!("not v6") };
            assert_eq!(six.segments()[..2], [0x2001, 0xdb8], "{six}");
        }
        assert_ne!(rule.random_address(1, QueryType::A), rule.random_address(2, QueryType::A));
    }

    #[tokio::test]
    async fn nobody_waits_for_a_rule_that_is_gone() {
        let rules = Rules::default();
        rules.add(rule(1, named(DnsEffect::Delay(ms(60_000)))));
        let mut verdict = decide(&rules, "a.example");
        rules.remove(1);
        let clock = Clock::real();
        clock.timeout(ms(5_000), verdict.wait(&clock)).await.unwrap();
        assert!(rules.list().is_empty() && rules.find(1).is_none());
    }
}
