//! Network faults, as the application sees them.

use std::time::Instant;

use chaos_core::Percent;
use chaos_core::units::{ms, secs};
use chaos_k8s::cluster::agents::{Delivery, Peers};
use chaos_k8s::node::net::{self, Bandwidth, DnsEffect, Flow};

use crate::scene::{HERE, Scene, UML, until};
use crate::server::really;
use crate::support::{Need, Test};

const CONTAINER: Delivery = Delivery::EphemeralContainer;
const POD: Delivery = Delivery::NodePod;

pub(crate) const TESTS: &[Test] = &[
    ("delay_to_a_service_by_a_container", &[Need::UmlNodes], || delay(UML, CONTAINER)),
    ("delay_to_a_service_by_a_pod", &[Need::UmlNodes], || delay(UML, POD)),
    ("partition_by_a_container", &[Need::Nodes], || partition(HERE, CONTAINER)),
    ("partition_by_a_pod", &[Need::Nodes], || partition(HERE, POD)),
    ("partition_on_another_kernel", &[Need::UmlNodes], || partition(UML, POD)),
    ("peers_are_followed_by_a_container", &[Need::Nodes], || follow(CONTAINER)),
    ("peers_are_followed_by_a_pod", &[Need::Nodes], || follow(POD)),
    ("an_extension_beyond_the_longest_is_refused", &[Need::Nodes], extend),
    ("loss", &[Need::UmlNodes], || loss(UML)),
    ("bandwidth_by_a_container", &[Need::Nodes], || bandwidth(HERE, CONTAINER)),
    ("bandwidth_by_a_pod", &[Need::Nodes], || bandwidth(HERE, POD)),
    ("dns_by_a_container", &[Need::Nodes], || dns(HERE, CONTAINER)),
    ("dns_by_a_pod", &[Need::Nodes], || dns(HERE, POD)),
];

/// Of 200 ms to a database's service, and nothing else of the same pod.
fn delay(node: &str, by: Delivery) {
    really(async {
        let scene = Scene::new().await;
        let (front, db, other) =
            tokio::join!(scene.part("front", node), scene.part("db", HERE), scene.part("other", HERE));
        let to_db = scene.service("db", 5432).await;
        let to_other = format!("{}:8080", other.address);
        front.reaches(&to_db).await;
        front.reaches(&to_other).await;
        let (before, other_before) = (front.asks(&to_db).await, front.asks(&to_other).await);
        let slow =
            scene.agents(by).net(net::delay(ms(200))).to(scene.cluster.service(scene.namespace(), "db"));
        let begun = Instant::now();
        let injection = scene.inject(slow, scene.pods("front")).await.unwrap();
        let injected = begun.elapsed();
        let (slowed, direct) = (front.asks(&to_db).await, front.asks(&format!("{}:8080", db.address)).await);
        let other = front.asks(&to_other).await;
        let begun = Instant::now();
        injection.revert().await.unwrap();
        let reverted = begun.elapsed();
        let after = front.asks(&to_db).await;
        println!(
            "{by} on {node}: {before:.1} ms before, {slowed:.1} under the fault, {after:.1} after; others {other_before:.1} \
             and {other:.1}; injected in {injected:.1?}, reverted in {reverted:.1?}"
        );
        // A connection and a request: a delay each.
        for slowed in [slowed - before, direct - before] {
            assert!((380.0..420.0).contains(&slowed), "{slowed} ms more");
        }
        assert!(other < other_before + 50.0 && after < before + 50.0);
        scene.over().await;
    });
}

/// Both ways, and one way, by nf_tables alone.
fn partition(node: &str, by: Delivery) {
    really(async {
        let scene = Scene::new().await;
        let (front, db) = tokio::join!(scene.part("front", node), scene.part("db", HERE));
        let to_db = scene.service("db", 80).await;
        let (to_front, direct) = (format!("{}:8080", front.address), format!("{}:8080", db.address));
        front.reaches(&to_db).await;
        db.reaches(&to_front).await;
        let service = || scene.cluster.service(scene.namespace(), "db");

        let cut = scene.agents(by).net(net::drop()).between(service());
        let injection = scene.inject(cut, scene.pods("front")).await.unwrap();
        assert!(front.ask(&to_db).await.is_none() && front.ask(&direct).await.is_none());
        assert!(front.get("/health").await.is_some(), "others still reach it");
        injection.revert().await.unwrap();
        assert!(front.ask(&to_db).await.is_some());

        // What the front says is lost; the database still asks the front, whose answers are lost as well, but hears nothing.
        let deaf = scene.agents(by).net(net::drop()).from(Peers::from(scene.pods("db")));
        let injection = scene.inject(deaf, scene.pods("front")).await.unwrap();
        assert!(db.ask(&to_front).await.is_none() && front.get("/health").await.is_some());
        injection.revert().await.unwrap();
        assert!(db.ask(&to_front).await.is_some());
        scene.over().await;
    });
}

/// Of datagrams to one peer: within the 99 % interval of the binomial distribution of 400 at 20 %.
fn loss(node: &str) {
    really(async {
        let scene = Scene::new().await;
        let (front, db) = tokio::join!(scene.part("front", node), scene.part("db", HERE));
        let to = format!("{}:8080", db.address);
        front.reaches(&to).await;
        let count = |text: Option<String>| text.unwrap().parse::<u32>().unwrap();
        let lossy = scene
            .agents(Delivery::NodePod)
            .net(net::loss(Percent::try_new(20).unwrap()))
            .to(scene.pods("db"));
        let injection = scene.inject(lossy, scene.pods("front")).await.unwrap();
        let (asked, likely) = (format!("/echo?to={to}&n=400"), 299..=341);
        let mut came = count(front.get(&asked).await);
        if !likely.contains(&came) {
            // Once in a hundred times it is outside.
            println!("{came} of 400 came back, which is asked once more");
            came = count(front.get(&asked).await);
        }
        injection.revert().await.unwrap();
        let after = count(front.get(&format!("/echo?to={to}&n=100")).await);
        println!("{came} of 400 came back under 20 % of loss, {after} of 100 after it");
        assert!(likely.contains(&came) && after == 100, "{came} {after}");
        scene.over().await;
    });
}

/// What the front fetches comes at the bandwidth that was asked.
fn bandwidth(node: &str, by: Delivery) {
    really(async {
        let scene = Scene::new().await;
        let (front, db) = tokio::join!(scene.part("front", node), scene.part("db", HERE));
        let to = format!("{}:8080", db.address);
        front.reaches(&to).await;
        let narrow = net::bandwidth(Bandwidth::kbit(800).unwrap());
        let narrow = scene.agents(by).net(narrow).from(scene.pods("db"));
        let injection = scene.inject(narrow, scene.pods("front")).await.unwrap();
        let took: f64 =
            front.get(&format!("/fetch?to={to}&n=300000&within=20000")).await.unwrap().parse().unwrap();
        injection.revert().await.unwrap();
        let after: f64 =
            front.get(&format!("/fetch?to={to}&n=300000&within=20000")).await.unwrap().parse().unwrap();
        println!("300 kB in {took} ms at 100 kB/s on {node}, {after} ms after it");
        // A bucket's worth comes at once.
        assert!((2300.0..3600.0).contains(&took) && after < 1000.0, "{took} {after}");
        scene.over().await;
    });
}

/// Of the cluster's own DNS: one name fails, the others are answered.
fn dns(node: &str, by: Delivery) {
    really(async {
        let scene = Scene::new().await;
        let (front, db) = tokio::join!(scene.part("front", node), scene.part("db", HERE));
        let _ = db;
        for service in ["db", "cache"] {
            scene.service(service, 80).await;
        }
        let name = |service: &str| format!("{service}.{}.svc.cluster.local", scene.namespace());
        let resolve = |service: &str| {
            let (front, path) = (front.clone(), format!("/resolve?name={}", name(service)));
            async move { front.get(&path).await }
        };
        until(|| async { resolve("db").await.is_some() && resolve("cache").await.is_some() }).await;
        let gone = net::dns(DnsEffect::NxDomain).names(&name("db")).unwrap();
        let injection = scene.inject(scene.agents(by).fault(gone), scene.pods("front")).await.unwrap();
        assert!(resolve("db").await.is_none() && resolve("cache").await.is_some());
        injection.revert().await.unwrap();
        assert!(resolve("db").await.is_some());
        scene.over().await;
    });
}

/// One more endpoint is met by a fault in force, soon after it came.
fn follow(by: Delivery) {
    really(async {
        let scene = Scene::new().await;
        let (front, db) = tokio::join!(scene.part("front", HERE), scene.part("db", HERE));
        let first = format!("{}:8080", db.address);
        front.reaches(&first).await;
        let cut = scene.agents(by).net(net::drop()).to(scene.pods("db"));
        let injection = scene.inject(cut, scene.pods("front")).await.unwrap();
        let more = scene.part("db-2", HERE).await;
        let second = format!("{}:8080", more.address);
        let begun = Instant::now();
        until(|| async { front.ask_within(&second, ms(700)).await.is_none() }).await;
        println!("{by}: one more peer was met {:.1?} after it was ready", begun.elapsed());
        assert!(front.ask_within(&first, ms(700)).await.is_none());
        injection.revert().await.unwrap();
        assert!(front.ask(&first).await.is_some() && front.ask(&second).await.is_some());
        scene.over().await;
    });
}

/// The agent is told by its annotation, and answers; one that is within what is left needs no word.
fn extend() {
    really(async {
        let scene = Scene::new().await;
        let (front, db) = tokio::join!(scene.part("front", HERE), scene.part("db", HERE));
        let to = format!("{}:8080", db.address);
        front.reaches(&to).await;
        let short = scene.cluster.clone().lasting_at_most(secs(600)).unwrap();
        let cut = scene.agents_of(&short, POD).net(net::drop()).to(Flow::peer(&db.address).unwrap());
        let injection = scene.inject(cut, scene.pods("front")).await.unwrap();
        let begun = Instant::now();
        // Less than what is left needs no word to the agent; more than may be is refused.
        injection.extend(secs(300)).await.unwrap();
        assert!(injection.extend(secs(3600)).await.is_err());
        println!("an extension was refused by the agent {:.1?} after it was asked for", begun.elapsed());
        assert!(front.ask_within(&to, ms(700)).await.is_none());
        injection.revert().await.unwrap();
        scene.over().await;
    });
}
