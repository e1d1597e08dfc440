//! A packet fault of one's own, tested without a network.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "../packet_fault/fault.rs"]
mod fault;

use chaos_core::units::ms;
use chaos_k8s::node::net::own::Rehearsal;
use etherparse::PacketBuilder;
use fault::SilentName;

fn is_lost(frame: &[u8]) -> bool {
    Rehearsal::seeded(7).frame(&mut SilentName::new("db.example"), ms(0), frame).is_empty()
}

fn udp(port: u16, message: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    let headers = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv6([1; 16], [2; 16], 64).udp(40_000, port);
    headers.write(&mut frame, message).unwrap();
    frame
}

fn question(name: &[u8]) -> Vec<u8> {
    [&[0; 12], name, &[0, 0, 28, 0, 1]].concat()
}

#[test]
fn only_questions_about_the_name_are_lost() {
    assert!(is_lost(&udp(53, &question(b"\x02db\x07example"))));
    assert!(is_lost(&udp(53, &question(b"\x01a\x02Db\x07eXample"))));
    assert!(!is_lost(&udp(53, &question(b"\x03xdb\x07example"))));
    assert!(!is_lost(&udp(53, &question(b"\x02db\x07example\x03com"))));
    assert!(!is_lost(&udp(5353, &question(b"\x02db\x07example"))));
}

#[test]
fn what_is_no_question_passes() {
    let whole = udp(53, &question(b"\x02db\x07example"));
    // Too short at every place: the fault must not fail, and what it cannot read is not its.
    let last = whole.len() - 5;
    for length in 0..last {
        assert!(!is_lost(&whole[..length]), "{length}");
    }
    assert!(!is_lost(&udp(53, &question(b"\xc0\x0c"))));
}
