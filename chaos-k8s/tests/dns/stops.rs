//! The injector is stopped: nobody answers what is led aside, until the kernel leads nothing aside any more.

use std::thread;
use std::time::{Duration, Instant};

use chaos_core::units::{ms, secs};
use domain::base::Rtype;

use crate::asking::Came;
use crate::deaths::Injector;
use crate::scene::wait_until;
use crate::site::{SERVERS, Site};
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] =
    &[("a_stopped_injector_leaves_names_that_resolve", &[Need::Root, Need::Nft], stopped)];

/// How long the resolver is waited for after its last word, and how long a fault lasts beyond what was said.
const LIVES: Duration = secs(10);
const MARGIN: Duration = secs(5);

fn stopped() {
    thread::scope(|scope| {
        scope.spawn(|| stop("held without an end", None, LIVES));
        scope.spawn(|| stop("lasting 1 s", Some(secs(1)), secs(1) + MARGIN));
    });
}

fn stop(what: &str, lasting: Option<Duration>, at_most: Duration) {
    let site = Site::new();
    let home = tempfile::tempdir().unwrap();
    let before = site.scene.state();
    let mut old: Vec<_> = SERVERS.map(|server| site.udp(server).patient(ms(50))).into();
    let mut injector = Injector::start(&site, &home.path().join("ledger"), lasting);
    let since = Instant::now();
    for asker in &mut old {
        wait_until("the fault", secs(5), || asker.ask("a.example.com", Rtype::A) == Came::Code(3));
    }
    injector.stop();
    // Late answers to what was asked before come first.
    wait_until("nobody answers", secs(3), || old[0].ask("a.example.com", Rtype::A) == Came::Nothing);
    let mut true_again = Vec::new();
    for asker in &mut old {
        // Answers to what was asked while it stood still come no more.
        wait_until("true answers", secs(30), || {
            asker.ask("a.example.com", Rtype::A) == Came::truth(Rtype::A)
        });
        true_again.push(since.elapsed());
    }
    assert_eq!(site.tcp(SERVERS[0]).ask("a.example.com", Rtype::A), Came::truth(Rtype::A), "{what}");
    println!(
        "{what}: true answers {:?} after it was in force, {at_most:?} at most after its last word",
        true_again[1]
    );
    assert!(true_again[0] > at_most / 2, "{what}: in force until then, {true_again:?}");
    // It wakes up: what is over stays over, and it takes back what is left.
    injector.go_on_and_revert();
    assert_eq!(site.scene.state(), before, "{what}");
    assert_eq!(old[0].ask("a.example.com", Rtype::A), Came::truth(Rtype::A), "{what}");
}
