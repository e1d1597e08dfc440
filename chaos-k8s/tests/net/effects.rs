//! Each effect, as a program in the target and its peer see it.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use chaos_core::Percent;
use chaos_core::units::{ms, secs};
use chaos_k8s::node::net::{self, Bandwidth, Distribution, Flow, LossModel, Netem, Odds, Refusal, Slot};

use crate::scene::{OTHER, OTHER_PORT, OTHER6, PEER, PEER6, PORT, Scene, at, interval};
use crate::support::{Need, Test};

const NETEM: &[Need] = &[Need::Root, Need::Nft, Need::Netem];
const NFT: &[Need] = &[Need::Root, Need::Nft];

pub(crate) const TESTS: &[Test] = &[
    ("a_delay_is_met_by_its_peers_alone", NETEM, delay),
    ("packets_vanish_on_their_way_out_and_in", NFT, vanish),
    ("loss_is_random_and_silent", NFT, loss),
    ("a_refusal_is_told_to_who_connects", NFT, refuse),
    ("a_rate_holds_each_way", NFT, rate),
    ("netem_loses_by_its_models", NETEM, models),
    ("netem_duplicates_corrupts_and_reorders", NETEM, damage),
    ("jitter_strays_as_far_as_it_says", NETEM, jitter),
    ("a_link_has_its_rate_and_its_slots", NETEM, link),
];

fn percent(value: f64) -> Percent {
    Percent::try_new(value).unwrap()
}

fn about(seen: Duration, wanted: Duration) {
    assert!(seen >= wanted && seen < wanted + ms(25), "{seen:?} for {wanted:?}");
}

fn delay() {
    let scene = Scene::new();
    let client = scene.client();
    let before = scene.state();
    scene.under(net::delay(ms(40)).to(Flow::peers([PEER, PEER6]).unwrap()), || {
        about(client.rtt(at(PEER, PORT)), ms(40));
        about(client.rtt(at(PEER6, PORT)), ms(40));
        about(client.rtt(at(OTHER, PORT)), ms(0));
        about(client.rtt(at(OTHER6, PORT)), ms(0));
    });
    about(client.rtt(at(PEER, PORT)), ms(0));
    scene.under(net::delay(ms(40)).between(Flow::all()), || {
        about(client.rtt(at(OTHER, PORT)), ms(80));
        about(client.rtt(at(OTHER6, PORT)), ms(80));
    });
    scene.under(net::delay(ms(30)).from(Flow::peer(PEER).unwrap().port(PORT).unwrap().udp()), || {
        about(client.rtt(at(PEER, PORT)), ms(30));
        about(client.rtt(at(PEER, OTHER_PORT)), ms(0));
    });
    assert_eq!(scene.state(), before);
}

fn vanish() {
    let scene = Scene::new();
    let client = scene.client();
    let before = scene.state();
    let flow = || Flow::peers([PEER, "fd77::2/128"]).unwrap().port(PORT).unwrap();
    for fault in [net::drop().to(flow()), net::drop().from(flow())] {
        scene.under(fault, || {
            assert_eq!(client.one(at(PEER, PORT)), None);
            assert_eq!(client.one(at(PEER6, PORT)), None);
            about(client.rtt(at(PEER, OTHER_PORT)), ms(0));
            about(client.rtt(at(OTHER6, PORT)), ms(0));
        });
    }
    about(client.rtt(at(PEER, PORT)), ms(0));
    assert_eq!(scene.state(), before);
}

fn loss() {
    const COUNT: u32 = 1_500;
    let scene = Scene::new();
    let client = scene.client();
    let pace = Duration::from_micros(400);
    assert_eq!(client.send(at(PEER, PORT), COUNT, pace).len(), COUNT as usize, "without a fault");
    for fault in [net::loss(percent(30.0)).to(Flow::all()), net::loss(percent(30.0)).from(Flow::all())] {
        let answers = scene.under(fault, || client.send(at(PEER, PORT), COUNT, pace));
        let lost = f64::from(COUNT) - answers.len() as f64;
        println!("{lost} of {COUNT} lost at 30 %");
        assert!(interval(COUNT, 0.3).contains(&lost), "{lost}");
    }
}

fn refuse() {
    let scene = Scene::new();
    let connect = |address: &str| {
        scene.target.inside(|| {
            let since = Instant::now();
            let error =
                TcpStream::connect_timeout(&at(address, PORT), secs(3)).map(drop).map_err(|e| e.kind());
            (error, since.elapsed())
        })
    };
    assert_eq!(connect(PEER).0, Ok(()));
    let flow = || Flow::peers([PEER, PEER6]).unwrap().port(PORT).unwrap();
    for fault in [net::refuse(Refusal::Reset).to(flow()), net::refuse(Refusal::Reset).between(flow())] {
        scene.under(fault, || {
            for address in [PEER, PEER6] {
                let (answer, after) = connect(address);
                assert_eq!(answer, Err(ErrorKind::ConnectionRefused), "{address}");
                assert!(after < ms(500), "{after:?}");
            }
            assert_eq!(connect(OTHER).0, Ok(()));
        });
    }
    scene.under(net::refuse(Refusal::HostUnreachable).to(flow()), || {
        assert_eq!(connect(PEER).0, Err(ErrorKind::HostUnreachable));
        assert_eq!(connect(PEER6).0, Err(ErrorKind::HostUnreachable));
    });
    scene.under(net::refuse(Refusal::Prohibited).to(flow()), || {
        assert!(connect(PEER).0.is_err());
        assert_eq!(connect(OTHER6).0, Ok(()));
    });
    assert_eq!(connect(PEER).0, Ok(()));
}

/// The time from the first to the last of `packets` on the way there, and so the rate.
fn measured_rate(scene: &Scene, packets: u32) -> f64 {
    let answers = scene.client().timed(at(PEER, PORT), packets);
    assert_eq!(answers.len(), packets as usize, "none lost");
    // Behind the burst.
    const BURST: u32 = 60;
    let (first, last) = (answers[BURST as usize], answers[answers.len() - 1]);
    // 500 bytes, and the headers of UDP, IPv4 and Ethernet.
    f64::from(packets - 1 - BURST) * (500.0 + 8.0 + 20.0 + 14.0) * 8.0 / (last - first).as_secs_f64()
}

fn rate() {
    let scene = Scene::new();
    let client = scene.client();
    for (fault, what) in [
        (net::bandwidth(Bandwidth::kbit(800).unwrap()).burst(20_000).queue(1_000_000).to(Flow::all()), "out"),
        (
            net::bandwidth(Bandwidth::kbit(800).unwrap())
                .burst(20_000)
                .queue(1_000_000)
                .from(Flow::peer(PEER).unwrap()),
            "in",
        ),
    ] {
        let rate = scene.under(fault, || {
            if what == "in" {
                about(client.rtt(at(OTHER, PORT)), ms(0));
            }
            measured_rate(&scene, 400)
        });
        println!("{what}: {rate:.0} bit/s of 800000");
        assert!((760_000.0..840_000.0).contains(&rate), "{what}: {rate}");
    }
    // What waits too long is dropped: at most the queue, and what went meanwhile.
    let narrow = net::bandwidth(Bandwidth::kbit(80).unwrap()).burst(600).queue(5_000).to(Flow::all());
    let answers = scene.under(narrow, || client.send(at(PEER, PORT), 100, Duration::from_micros(100)));
    assert!((8..=25).contains(&answers.len()), "{}", answers.len());
}

fn models() {
    const COUNT: u32 = 1_500;
    let scene = Scene::new();
    let client = scene.client();
    let model = LossModel::GilbertElliott {
        p: percent(5.0),
        r: percent(20.0),
        bad: percent(100.0),
        good: percent(0.0),
    };
    let elliott = Netem { loss: Some(model), ..Netem::default() };
    let pace = Duration::from_micros(400);
    let answers =
        scene.under(net::netem(elliott).to(Flow::all()), || client.send(at(PEER, PORT), COUNT, pace));
    let lost = COUNT as usize - answers.len();
    // A share of p / (p + r) of packets in the bad state, in bursts of 1 / r: 300, with a deviation of about 3 times a
    // binomial's.
    println!("gilbert-elliott: {lost} of {COUNT}");
    assert!((160..=440).contains(&lost), "{lost}");
    let bursts = answers.windows(2).filter(|pair| pair[1] > pair[0] + 3).count();
    assert!(bursts > 5, "{bursts} bursts of three and more");
    // The chance of a correlated loss differs from what is said (tc-netem(8)): only that packets are lost, by netem.
    let correlated = Odds::of(percent(30.0)).correlated(percent(25.0));
    let answers =
        scene.under(net::loss(correlated).to(Flow::all()), || client.send(at(PEER, PORT), COUNT, pace));
    assert!((500..1_499).contains(&answers.len()), "{}", answers.len());
}

fn damage() {
    const COUNT: u32 = 1_000;
    let scene = Scene::new();
    let client = scene.client();
    let pace = Duration::from_micros(400);
    let twice = scene
        .under(net::duplicate(percent(20.0)).to(Flow::all()), || client.send(at(PEER, PORT), COUNT, pace));
    let more = twice.len() as f64 - f64::from(COUNT);
    println!("{more} of {COUNT} twice at 20 %");
    assert!(interval(COUNT, 0.2).contains(&more), "{more}");

    // One wrong bit: the checksum finds it, and the packet is lost.
    let spoiled = scene.under(net::corrupt(percent(10.0)).to(Flow::peer(PEER).unwrap()), || {
        client.send(at(PEER, PORT), COUNT, pace)
    });
    let lost = f64::from(COUNT) - spoiled.len() as f64;
    println!("{lost} of {COUNT} spoiled at 10 %");
    assert!(interval(COUNT, 0.1).contains(&lost), "{lost}");

    let mixed = scene.under(net::reorder(percent(25.0), ms(20)).to(Flow::all()), || {
        client.send(at(PEER, PORT), COUNT, pace)
    });
    assert_eq!(mixed.len(), COUNT as usize);
    let mut latest = 0;
    let late = mixed.iter().filter(|number| {
        let is_late = **number < latest;
        latest = latest.max(**number);
        is_late
    });
    let late = late.count();
    println!("{late} of {COUNT} overtaken at 25 %");
    assert!(late > 300, "{late}");
}

fn jitter() {
    let scene = Scene::new();
    let client = scene.client();
    for distribution in
        [Distribution::Uniform, Distribution::Normal, Distribution::Pareto, Distribution::ParetoNormal]
    {
        let fault = net::delay(ms(60)).jitter(ms(20)).distribution(distribution.clone()).to(Flow::all());
        let times: Vec<Duration> =
            scene.under(fault, || (0..40).map(|_| client.one(at(PEER, PORT)).unwrap()).collect());
        let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
        println!("{distribution}: {least:?} to {most:?}");
        assert!(*most - *least > ms(15), "{distribution}: {least:?} to {most:?}");
        if distribution == Distribution::Uniform {
            assert!(*least >= ms(40), "{least:?}");
        }
    }
}

fn link() {
    let scene = Scene::new();
    let fault = net::delay(ms(20)).and_rate(Bandwidth::kbit(800).unwrap()).to(Flow::all());
    let rate = scene.under(fault, || measured_rate(&scene, 400));
    println!("{rate:.0} bit/s of 800000");
    assert!((760_000.0..840_000.0).contains(&rate), "{rate}");
    let slots = Netem { slot: Some(Slot::every(ms(60), ms(60)).unwrap()), ..Netem::default() };
    // Every 2 ms one; what waits for a slot goes in it.
    let answers = scene
        .under(net::netem(slots).to(Flow::all()), || scene.client().exchange(at(PEER, PORT), 120, ms(2)));
    assert_eq!(answers.len(), 120);
    let bunches = 1 + answers.windows(2).filter(|pair| pair[1].1 - pair[0].1 > ms(20)).count();
    println!("120 packets over 240 ms in {bunches} bunches");
    assert!((3..=7).contains(&bunches), "{bunches}");
}
