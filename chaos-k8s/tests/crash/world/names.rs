//! Names that a program in the target's namespace asks for.

use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use chaos_core::units::{ms, us};
use chaos_k8s::node::net::DnsEffect;
use domain::base::Rtype;

use super::World;
use super::packets::{left, lists};
use crate::asking::{Came, query, read};
use crate::injector::Wanted;
use crate::site::{SERVERS, Site, fault};

/// An answer takes less.
const QUICK: Duration = ms(40);
const EVERY: Duration = ms(2);

pub(crate) struct Names {
    site: Site,
    socket: UdpSocket,
    next: u16,
    lists: Vec<String>,
    state: String,
}

impl Names {
    pub(crate) fn new() -> Self {
        let site = Site::new();
        let socket = site.scene.target.inside(|| UdpSocket::bind("0.0.0.0:0")).unwrap();
        socket.connect((SERVERS[0], 53)).unwrap();
        socket.set_nonblocking(true).unwrap();
        let (lists, state) = (lists(&site.scene), site.scene.state());
        Self { site, socket, next: 0, lists, state }
    }

    fn ask(&mut self) -> (u16, Instant) {
        self.next = self.next.wrapping_add(1);
        let _ = self.socket.send(&query(self.next, "a.example.com", Rtype::A));
        (self.next, Instant::now())
    }

    /// When the first of these was asked whose true answer came.
    fn answered(&mut self, asked: &[(u16, Instant)]) -> Option<Instant> {
        let mut answer = [0; 2048];
        // No answer yet, or that nobody listens where it was sent.
        while let Ok(length) = self.socket.recv(&mut answer) {
            let id = u16::from_be_bytes(answer[..2].try_into().unwrap());
            let when = asked.iter().find(|(asked, _)| *asked == id).map(|(_, when)| *when);
            if let Some(when) = when.filter(|_| read(&answer[..length]) == Came::truth(Rtype::A)) {
                return Some(when);
            }
        }
        None
    }
}

impl World for Names {
    fn wanted(&self) -> Wanted {
        Wanted::Dns { fault: fault(DnsEffect::NxDomain), namespace: self.site.scene.path() }
    }

    fn feels(&mut self) -> bool {
        let asked = [self.ask()];
        while asked[0].1.elapsed() < QUICK {
            if self.answered(&asked).is_some() {
                return false;
            }
            thread::sleep(us(200));
        }
        true
    }

    fn relieved(&mut self, since: Instant, bound: Duration) -> Option<Duration> {
        let mut asked: Vec<(u16, Instant)> = Vec::new();
        while since.elapsed() < bound {
            if asked.last().is_none_or(|(_, when)| when.elapsed() >= EVERY) {
                asked.push(self.ask());
            }
            if let Some(when) = self.answered(&asked) {
                return Some(when - since);
            }
            thread::sleep(us(200));
        }
        None
    }

    fn left(&mut self) -> Vec<String> {
        left(&lists(&self.site.scene), &self.lists)
    }

    fn must_be_unchanged(&mut self) {
        assert_eq!(self.site.scene.state(), self.state);
    }
}
