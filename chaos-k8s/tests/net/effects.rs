//! Each effect, as a program in the target and its peer see it.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use chaos_core::Percent;
use chaos_core::units::{ms, secs};
use chaos_k8s::node::net::{
    self, Bandwidth, Carrier, Distribution, Flow, LossModel, Netem, Odds, Refusal, Slot,
};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};

use crate::scene::{
    KERNEL, OTHER, OTHER_PORT, OTHER6, PEER, PEER6, PORT, PROCESS, PROCESS_BOTH, Scene, assert_share, at,
};
use crate::support::{Need, Test, through_signals};

const NFT: &[Need] = &[Need::Root, Need::Nft];

pub(crate) const TESTS: &[Test] = &[
    ("packets_vanish_on_their_way_out_and_in", NFT, vanish),
    ("loss_is_random_and_silent", NFT, || loss(Carrier::Automatic)),
    ("a_refusal_is_told_to_who_connects", NFT, refuse),
    ("a_rate_holds_each_way", NFT, rate),
    ("a_delay_is_met_by_its_peers_alone", KERNEL, || delay(Carrier::Kernel)),
    ("netem_loses_by_its_models", KERNEL, || models(Carrier::Kernel)),
    ("netem_duplicates_corrupts_and_reorders", KERNEL, || damage(Carrier::Kernel)),
    ("jitter_strays_as_far_as_it_says", KERNEL, || jitter(Carrier::Kernel)),
    ("a_link_has_its_rate_and_its_slots", KERNEL, || link(Carrier::Kernel)),
    ("congestion_is_marked_instead_of_lost", KERNEL, || ecn(Carrier::Kernel)),
    ("a_delay_is_met_by_its_peers_alone_through_this_process", PROCESS_BOTH, || delay(Carrier::Process)),
    ("loss_is_random_and_silent_through_this_process", PROCESS_BOTH, || loss(Carrier::Process)),
    ("netem_loses_by_its_models_through_this_process", PROCESS, || models(Carrier::Process)),
    ("netem_duplicates_corrupts_and_reorders_through_this_process", PROCESS, || damage(Carrier::Process)),
    ("jitter_strays_as_far_as_it_says_through_this_process", PROCESS, || jitter(Carrier::Process)),
    ("a_link_has_its_rate_and_its_slots_through_this_process", PROCESS, || link(Carrier::Process)),
    ("congestion_is_marked_instead_of_lost_through_this_process", PROCESS, || ecn(Carrier::Process)),
    ("a_seed_loses_the_same_packets_again", PROCESS, seed),
];

pub(crate) fn percent(value: f64) -> Percent {
    Percent::try_new(value).unwrap()
}

pub(crate) fn delay(carrier: Carrier) {
    let scene = Scene::new();
    let client = scene.client();
    let before = scene.state();
    let there = Flow::peers([PEER, PEER6]).unwrap();
    scene.under(net::delay(ms(40)).to(there).carrier(carrier), || {
        client.about(at(PEER, PORT), ms(40));
        client.about(at(PEER6, PORT), ms(40));
        client.about(at(OTHER, PORT), ms(0));
        client.about(at(OTHER6, PORT), ms(0));
    });
    client.about(at(PEER, PORT), ms(0));
    scene.under(net::delay(ms(40)).between(Flow::all()).carrier(carrier), || {
        client.about(at(OTHER, PORT), ms(80));
        client.about(at(OTHER6, PORT), ms(80));
    });
    let back = Flow::peer(PEER).unwrap().port(PORT).unwrap().udp();
    scene.under(net::delay(ms(30)).from(back).carrier(carrier), || {
        client.about(at(PEER, PORT), ms(30));
        client.about(at(PEER, OTHER_PORT), ms(0));
    });
    assert_eq!(scene.state(), before);
}

pub(crate) fn vanish() {
    let scene = Scene::new();
    let client = scene.client();
    let before = scene.state();
    let flow = || Flow::peers([PEER, "fd77::2/128"]).unwrap().port(PORT).unwrap();
    for fault in [net::drop().to(flow()), net::drop().from(flow())] {
        scene.under(fault, || {
            assert_eq!(client.one(at(PEER, PORT)), None);
            assert_eq!(client.one(at(PEER6, PORT)), None);
            client.about(at(PEER, OTHER_PORT), ms(0));
            client.about(at(OTHER6, PORT), ms(0));
        });
    }
    client.about(at(PEER, PORT), ms(0));
    assert_eq!(scene.state(), before);
}

pub(crate) fn loss(carrier: Carrier) {
    const COUNT: u32 = 1_500;
    let scene = Scene::new();
    let client = scene.client();
    let pace = Duration::from_micros(400);
    assert_eq!(client.send(at(PEER, PORT), COUNT, pace).len(), COUNT as usize, "without a fault");
    let loss = || net::loss(percent(30.0)).carrier(carrier);
    for fault in [loss().to(Flow::all()), loss().from(Flow::all())] {
        assert_share("lost", COUNT, 0.3, || {
            let answers = scene.under(fault.clone(), || client.send(at(PEER, PORT), COUNT, pace));
            f64::from(COUNT) - answers.len() as f64
        });
    }
}

/// How connecting there ended, and after how long.
pub(crate) fn connect(to: SocketAddr) -> (Result<(), ErrorKind>, Duration) {
    let since = Instant::now();
    let ended = TcpStream::connect_timeout(&to, secs(3)).map(drop).map_err(|error| error.kind());
    (ended, since.elapsed())
}

fn refuse() {
    let scene = Scene::new();
    let connect = |address: &str| scene.target.inside(|| connect(at(address, PORT)));
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

/// Asserts a rate of 800 kbit/s within 5 % in one of five measurements: a machine that stands still at the start or the end of one
/// shows another.
fn has_its_rate(what: &str, scene: &Scene) {
    let mut rates = (0..5).map(|_| measured_rate(scene, 400));
    let is_right = rates.any(|rate| {
        println!("{what}: {rate:.0} bit/s of 800000");
        (760_000.0..840_000.0).contains(&rate)
    });
    assert!(is_right, "{what}");
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

pub(crate) fn rate() {
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
        scene.under(fault, || {
            if what == "in" {
                client.about(at(OTHER, PORT), ms(0));
            }
            has_its_rate(what, &scene);
        });
    }
    // What waits too long is dropped: at most the queue, and what went meanwhile.
    let narrow = net::bandwidth(Bandwidth::kbit(80).unwrap()).burst(600).queue(5_000).to(Flow::all());
    let answers = scene.under(narrow, || client.send(at(PEER, PORT), 100, Duration::from_micros(100)));
    assert!((8..=25).contains(&answers.len()), "{}", answers.len());
}

fn models(carrier: Carrier) {
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
    let answers = scene.under(net::netem(elliott).carrier(carrier).to(Flow::all()), || {
        client.send(at(PEER, PORT), COUNT, pace)
    });
    let lost = COUNT as usize - answers.len();
    // A share of p / (p + r) of packets in the bad state, in bursts of 1 / r: 300, with a deviation of about 3 times a
    // binomial's.
    println!("gilbert-elliott: {lost} of {COUNT}");
    assert!((160..=440).contains(&lost), "{lost}");
    let bursts = answers.windows(2).filter(|pair| pair[1] > pair[0] + 3).count();
    assert!(bursts > 5, "{bursts} bursts of three and more");
    // The chance of a correlated loss differs from what is said (tc-netem(8)): only that packets are lost, by netem.
    let correlated = Odds::of(percent(30.0)).correlated(percent(25.0));
    let answers = scene.under(net::loss(correlated).carrier(carrier).to(Flow::all()), || {
        client.send(at(PEER, PORT), COUNT, pace)
    });
    assert!((500..1_499).contains(&answers.len()), "{}", answers.len());
}

pub(crate) fn damage(carrier: Carrier) {
    const COUNT: u32 = 1_000;
    let scene = Scene::new();
    let client = scene.client();
    let pace = Duration::from_micros(400);
    assert_share("twice", COUNT, 0.2, || {
        let twice = net::duplicate(percent(20.0)).carrier(carrier).to(Flow::all());
        let answers = scene.under(twice, || client.send(at(PEER, PORT), COUNT, pace));
        answers.len() as f64 - f64::from(COUNT)
    });

    // One wrong bit: the checksum finds it, and the packet is lost.
    assert_share("spoiled", COUNT, 0.1, || {
        let spoiled = net::corrupt(percent(10.0)).carrier(carrier).to(Flow::peer(PEER).unwrap());
        let answers = scene.under(spoiled, || client.send(at(PEER, PORT), COUNT, pace));
        f64::from(COUNT) - answers.len() as f64
    });

    let mixed = scene.under(net::reorder(percent(25.0), ms(20)).carrier(carrier).to(Flow::all()), || {
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

fn jitter(carrier: Carrier) {
    let scene = Scene::new();
    let client = scene.client();
    for distribution in
        [Distribution::Uniform, Distribution::Normal, Distribution::Pareto, Distribution::ParetoNormal]
    {
        let fault = net::delay(ms(60)).jitter(ms(20)).distribution(distribution.clone()).carrier(carrier);
        let times: Vec<Duration> =
            scene.under(fault, || (0..40).map(|_| client.sure(at(PEER, PORT))).collect());
        let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
        println!("{distribution}: {least:?} to {most:?}");
        assert!(*most - *least > ms(15), "{distribution}: {least:?} to {most:?}");
        if distribution == Distribution::Uniform {
            assert!(*least >= ms(40), "{least:?}");
        }
    }
}

fn link(carrier: Carrier) {
    let scene = Scene::new();
    let fault = net::delay(ms(20)).and_rate(Bandwidth::kbit(800).unwrap()).carrier(carrier);
    scene.under(fault, || has_its_rate("link", &scene));
    let slots = Netem { slot: Some(Slot::every(ms(60), ms(60)).unwrap()), ..Netem::default() };
    let slots = net::netem(slots).carrier(carrier);
    // On a machine that stands still for a moment a bunch is seen as two.
    let tries: Vec<_> = (0..3).map(|_| bunches(&scene, slots.clone())).take_while(|fit| !fit).collect();
    assert!(tries.len() < 3, "three times other bunches than slots of 60 ms make");
}

/// Sends a packet every 2 ms; whether those that wait for a slot, of which there is one every 60 ms, go together in it.
fn bunches(scene: &Scene, slots: net::NetFault<Netem>) -> bool {
    let answers = scene.under(slots, || scene.client().exchange(at(PEER, PORT), 120, ms(2)));
    assert_eq!(answers.len(), 120);
    let bunches = 1 + answers.windows(2).filter(|pair| pair[1].1 - pair[0].1 > ms(20)).count();
    let time = answers[119].1 - answers[0].1;
    println!("120 packets over {time:?} in {bunches} bunches");
    let slots = 1 + (time.as_millis() / 60) as usize;
    bunches >= 3 && bunches.abs_diff(slots) <= 2
}

/// Half of what would be lost is marked instead, where the sender says that it can be.
fn ecn(carrier: Carrier) {
    const COUNT: u32 = 400;
    /// "ECN-capable transport", "congestion experienced" (RFC 3168, section 5).
    const ECT: i32 = 0b10;
    const CE: u8 = 0b11;
    let scene = Scene::new();
    let sender = scene.target.inside(|| UdpSocket::bind("0.0.0.0:0").unwrap());
    setsockopt(&sender, sockopt::Ipv4Tos, &ECT).unwrap();
    let receiver = scene.peer.inside(|| UdpSocket::bind((PEER, 9)).unwrap());
    setsockopt(&receiver, sockopt::IpRecvTos, &true).unwrap();
    receiver.set_read_timeout(Some(secs(5))).unwrap();
    let loss = Some(LossModel::Random(percent(50.0).into()));
    let netem = Netem { loss, ecn: true, ..Netem::default() };
    let draw = || {
        let mut marked = 0;
        for _ in 0..COUNT {
            sender.send_to(b"ecn", (PEER, 9)).unwrap();
            let class = class_of_next(&receiver).expect("none is lost");
            marked += u32::from(class & CE == CE);
        }
        f64::from(marked)
    };
    scene.under(net::netem(netem).carrier(carrier), || assert_share("marked", COUNT, 0.5, draw));
}

/// The type of service of the next packet; none if none comes.
fn class_of_next(receiver: &UdpSocket) -> Option<u8> {
    let mut bytes = [0; 64];
    let mut buffer = [std::io::IoSliceMut::new(&mut bytes)];
    let mut room = nix::cmsg_space!(u8);
    let message = through_signals(|| {
        let fd = std::os::fd::AsRawFd::as_raw_fd(receiver);
        Ok(recvmsg::<()>(fd, &mut buffer, Some(&mut room), MsgFlags::empty())?.cmsgs()?.next())
    });
    match message.ok()?? {
        ControlMessageOwned::Ipv4Tos(class) => Some(class),
        _ => None,
    }
}

fn seed() {
    const COUNT: u32 = 300;
    let lost = || {
        let scene = Scene::new();
        let client = scene.client();
        let fault = net::loss(percent(30.0)).seed(11).carrier(Carrier::Process);
        scene.under(fault.to(Flow::peer(PEER).unwrap().udp()), || {
            client.send(at(PEER, PORT), COUNT, Duration::from_micros(400))
        })
    };
    let first = lost();
    assert!(first.len() < COUNT as usize - 50, "{}", first.len());
    assert_eq!(first, lost());
}
