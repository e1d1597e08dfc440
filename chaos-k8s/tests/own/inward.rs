//! Packets on their way in.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::thread;

use chaos_core::units::ms;
use chaos_k8s::node::net::{LossModel, Netem};

use super::effects::all_sent;
use super::scene::{HERE, INWARD, OTHER, Scene, TARGET, TARGET_6, assert_binomial, numbers, percent};
use super::support::Test;

pub(crate) const TESTS: &[Test] = &[
    ("a_delay_on_the_way_in_is_as_long_as_said_and_only_the_targets", INWARD, delay),
    ("losses_on_the_way_in_are_as_many_as_said", INWARD, loss),
    ("streams_on_the_way_in_arrive_whole", INWARD, streams),
];

fn delay() {
    let scene = Scene::new();
    let siding = scene.inward(Netem { delay: ms(40), ..Netem::default() });
    for peer in [TARGET, TARGET_6] {
        let (least, median) = scene.round_trip(peer, 50);
        println!("{peer}: {least:?} at least, median {median:?}");
        assert!(least >= ms(40) && least < ms(60), "{peer}: {least:?}, {median:?}");
    }
    let (least, _) = scene.round_trip(OTHER, 50);
    assert!(least < ms(5), "{least:?}");
    all_sent(&siding);
    scene.unsteer();
    drop(siding);
    assert!(!scene.has_tap());
    let (least, _) = scene.round_trip(TARGET, 5);
    assert!(least < ms(5), "{least:?}");
}

fn loss() {
    let scene = Scene::new();
    let netem = Netem { loss: Some(LossModel::Random(percent(30.0).into())), ..Netem::default() };
    let _siding = scene.inward(netem);
    let sender = scene.there.inside(|| UdpSocket::bind((TARGET, 0)).unwrap());
    let receiver = scene.here.inside(|| UdpSocket::bind((HERE, 9)).unwrap());
    nix::sys::socket::setsockopt(&receiver, nix::sys::socket::sockopt::RcvBufForce, &(64 << 20)).unwrap();
    assert_binomial("lost", 2_000 - numbers(&sender, &receiver, 2_000, 100).len(), 2_000, 0.3);
}

fn streams() {
    for netem in [
        Netem { delay: ms(1), ..Netem::default() },
        Netem { delay: ms(1), jitter: ms(1), ..Netem::default() },
    ] {
        let name = netem.to_string();
        let scene = Scene::new();
        let siding = scene.inward(netem);
        let listener = scene.here.inside(|| TcpListener::bind((HERE, 80)).unwrap());
        let bytes: Vec<u8> = (0..8_u32 << 18).flat_map(u32::to_be_bytes).collect();
        let mut stream = scene.there.inside(|| TcpStream::connect((HERE, 80)).unwrap());
        let sent = bytes.clone();
        let sender = thread::spawn(move || stream.write_all(&sent).unwrap());
        let mut got = Vec::new();
        listener.accept().unwrap().0.read_to_end(&mut got).unwrap();
        sender.join().unwrap();
        assert!(got == bytes, "{} of {} bytes", got.len(), bytes.len());
        println!("{name}: {}", siding.counters());
        assert_eq!(siding.counters().refused, 0);
    }
}
