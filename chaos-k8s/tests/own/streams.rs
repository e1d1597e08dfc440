//! TCP through a siding: every byte arrives.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Instant;

use chaos_core::units::ms;
use chaos_k8s::node::net::Netem;
use chaos_k8s::node::net::own::{Frames, NetemFault, PacketFault};

use super::scene::{NEEDS, Scene, TARGET, TARGET_6, odds, percent};
use super::support::Test;

pub(crate) const TESTS: &[Test] = &[
    ("a_stream_of_large_frames_arrives_whole", NEEDS, large),
    ("a_stream_of_packets_of_the_wire_arrives_whole", NEEDS, wire),
    ("a_stream_over_version_6_arrives_whole", NEEDS, version_6),
    ("a_stream_arrives_whole_in_spite_of_all", NEEDS, all),
];

fn large() {
    let netem = Netem { delay: ms(1), ..Netem::default() };
    assert_eq!(NetemFault::try_new(netem.clone()).unwrap().frames(), Frames::Large);
    let packets = stream(netem, TARGET, 32);
    assert!(packets < 15_000, "{packets} packets are not large");
}

fn wire() {
    let netem = Netem { delay: ms(1), jitter: ms(1), ..Netem::default() };
    assert_eq!(NetemFault::try_new(netem.clone()).unwrap().frames(), Frames::Wire);
    let packets = stream(netem, TARGET, 16);
    assert!(packets > 11_000, "{packets} packets are larger than the wire's");
}

fn version_6() {
    stream(Netem { delay: ms(1), ..Netem::default() }, TARGET_6, 32);
}

fn all() {
    let few = odds(1.0);
    let netem = Netem {
        delay: ms(2),
        jitter: ms(1),
        loss: Some(chaos_k8s::node::net::LossModel::Random(percent(1.0).into())),
        duplicate: few,
        corrupt: few,
        ..Netem::default()
    };
    stream(netem, TARGET, 1);
}

/// Bytes of which no run comes twice.
fn byte(at: usize) -> u8 {
    ((at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
}

/// Sends so many MiB to the peer; how many packets it took.
fn stream(netem: Netem, peer: &str, mebibytes: usize) -> u64 {
    let scene = Scene::new();
    let name = netem.to_string();
    let siding = scene.netem(netem);
    let listener = scene.there.inside(|| TcpListener::bind((peer, 80)).unwrap());
    let size = mebibytes << 20;
    let receiver = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = vec![0; 1 << 16];
        let mut at = 0;
        loop {
            let read = stream.read(&mut buffer).unwrap();
            if read == 0 {
                return at;
            }
            for got in &buffer[..read] {
                assert_eq!(*got, byte(at), "at {at}");
                at += 1;
            }
        }
    });
    let bytes: Vec<u8> = (0..size).map(byte).collect();
    let mut stream = scene.here.inside(|| TcpStream::connect((peer, 80)).unwrap());
    let begun = Instant::now();
    stream.write_all(&bytes).unwrap();
    drop(stream);
    assert_eq!(receiver.join().unwrap(), size);
    let took = begun.elapsed();
    let counters = siding.counters();
    println!("{name}: {mebibytes} MiB in {took:?}; {counters}");
    assert_eq!((counters.refused, counters.overflowed, counters.broken), (0, 0, false));
    counters.arrived
}
