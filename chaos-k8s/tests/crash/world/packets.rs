//! Packets from the target to a peer, and back.

use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use chaos_core::units::{ms, us};
use chaos_k8s::node::net::NetRule;
use netlink_bindings::nftables::{self, Nfgenmsg};
use netlink_bindings::tc::{self, Tcmsg};
use netlink_socket2::NetlinkSocket;

use super::World;
use crate::injector::Wanted;
use crate::scene::{PEER, PORT, Scene, at};
use crate::support::interfaces;

/// Packets that are not held come back sooner.
const QUICK: Duration = ms(40);
const EVERY: Duration = ms(2);

pub(crate) struct Packets {
    scene: Scene,
    rule: NetRule,
    without: &'static [&'static str],
    socket: UdpSocket,
    next: u64,
    lists: Vec<String>,
    state: String,
}

impl Packets {
    pub(crate) fn under(rule: NetRule) -> Self {
        Self::without(&[], rule)
    }

    /// On a kernel without these pieces.
    pub(crate) fn without(pieces: &'static [&'static str], rule: NetRule) -> Self {
        let scene = Scene::new();
        let socket = scene.target.inside(|| UdpSocket::bind("0.0.0.0:0")).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket.connect(at(PEER, PORT)).unwrap();
        let (lists, state) = (lists(&scene), scene.state());
        Self { scene, rule, without: pieces, socket, next: 0, lists, state }
    }

    /// Sends two packets: a rate lets one pass at full speed.
    fn send(&mut self) -> Pair {
        let pair = Pair { first: self.next, sent: Instant::now(), came: 0 };
        for _ in 0..2 {
            // A packet that is dropped on its way out may be an error for who sends it.
            let _ = self.socket.send(&self.next.to_ne_bytes());
            self.next += 1;
        }
        pair
    }

    /// Which of these came back at once.
    fn receive(&mut self, pairs: &mut [Pair]) -> Option<Instant> {
        let mut packet = [0; 64];
        // EAGAIN when there is no more, or the refusal of a packet that was sent before.
        while let Ok(8) = self.socket.recv(&mut packet) {
            let number = u64::from_ne_bytes(packet[..8].try_into().unwrap());
            let pair = pairs.iter_mut().find(|pair| number & !1 == pair.first);
            if let Some(pair) = pair.filter(|pair| pair.sent.elapsed() < QUICK) {
                pair.came += 1;
            }
        }
        pairs.iter().find(|pair| pair.came == 2).map(|pair| pair.sent)
    }
}

/// Two packets that were sent at once.
struct Pair {
    first: u64,
    sent: Instant,
    came: u32,
}

impl World for Packets {
    fn wanted(&self) -> Wanted {
        let without = self.without.iter().map(|piece| (*piece).to_owned()).collect();
        Wanted::Net { rule: self.rule.clone(), namespace: self.scene.path(), without }
    }

    fn feels(&mut self) -> bool {
        let mut pair = [self.send()];
        while pair[0].sent.elapsed() < QUICK {
            if self.receive(&mut pair).is_some() {
                return false;
            }
            thread::sleep(us(200));
        }
        true
    }

    fn relieved(&mut self, since: Instant, bound: Duration) -> Option<Duration> {
        let mut pairs = Vec::new();
        while since.elapsed() < bound {
            if pairs.last().is_none_or(|pair: &Pair| pair.sent.elapsed() >= EVERY) {
                pairs.push(self.send());
            }
            if let Some(sent) = self.receive(&mut pairs) {
                return Some(sent - since);
            }
            thread::sleep(us(200));
        }
        None
    }

    fn left(&mut self) -> Vec<String> {
        left(&lists(&self.scene), &self.lists)
    }

    fn must_be_unchanged(&mut self) {
        assert_eq!(self.scene.state(), self.state);
    }
}

/// What is new, and what is missing; devices of ours that no table leads to are idle, and so is a clsact whose filters have ended.
pub(super) fn left(now: &[String], before: &[String]) -> Vec<String> {
    let mut new: Vec<String> = now.iter().filter(|line| !before.contains(line)).cloned().collect();
    if !new.iter().any(|line| line.starts_with("table")) {
        for line in new.iter_mut().filter(|line| line.starts_with("device chaos")) {
            *line = "idle device".to_owned();
        }
    }
    for line in new.iter_mut().filter(|line| line.starts_with("qdisc clsact")) {
        *line = "idle clsact".to_owned();
    }
    new.extend(before.iter().filter(|line| !now.contains(line)).map(|line| format!("no {line}")));
    new
}

/// Devices, the qdiscs of those that were there before us, and tables.
pub(super) fn lists(scene: &Scene) -> Vec<String> {
    scene.target.inside(|| {
        let mut socket = NetlinkSocket::new();
        let names = interfaces();
        let mut lines: Vec<String> = names.iter().map(|name| format!("device {name}")).collect();
        let ours = names.iter().filter(|name| name.starts_with("chaos"));
        let ours: Vec<u32> =
            ours.filter_map(|name| nix::net::if_::if_nametoindex(name.as_str()).ok()).collect();
        let request = tc::Request::new().op_getqdisc_dump(&Tcmsg::new());
        let mut qdiscs = socket.request(&request).unwrap();
        while let Some(found) = qdiscs.recv() {
            let (header, attributes) = found.unwrap();
            if !ours.iter().any(|index| i64::from(*index) == i64::from(header.ifindex)) {
                let kind = attributes.get_kind().unwrap().to_string_lossy();
                lines.push(format!("qdisc {kind} {:x} of {}", header.handle, header.ifindex));
            }
        }
        let request = nftables::Request::new().op_gettable_dump(&Nfgenmsg::new());
        let mut tables = socket.request(&request).unwrap();
        while let Some(found) = tables.recv() {
            let (_, attributes) = found.unwrap();
            lines.push(format!("table {}", attributes.get_name().unwrap().to_string_lossy()));
        }
        lines
    })
}
