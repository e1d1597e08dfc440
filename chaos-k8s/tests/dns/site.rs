//! A namespace whose programs ask a server in another one, and faults on it.

use std::net::IpAddr;
use std::sync::Arc;

use chaos_core::{BlastRadius, Fault, Injection, Mode, Result, Targets};
use chaos_k8s::node::Namespace;
use chaos_k8s::node::net::{self, DnsEffect, DnsFault};

use crate::asking::Asker;
use crate::scene::{PEER, PEER6, Scene, run};
use crate::server::Server;

/// The server's addresses, one of each family.
pub(crate) const SERVERS: [&str; 2] = [PEER, PEER6];

pub(crate) struct Site {
    pub(crate) scene: Scene,
    pub(crate) server: Server,
}

impl Site {
    pub(crate) fn new() -> Self {
        let scene = Scene::new();
        let server = scene.peer.inside(|| Server::start(&SERVERS));
        Self { scene, server }
    }

    /// Sockets of programs in the namespace: UDP and TCP, to both addresses.
    pub(crate) fn askers(&self) -> Vec<Asker> {
        self.scene.target.inside(|| SERVERS.iter().flat_map(|to| [Asker::udp(to), Asker::tcp(to)]).collect())
    }

    pub(crate) fn udp(&self, server: &str) -> Asker {
        self.scene.target.inside(|| Asker::udp(server))
    }

    pub(crate) fn tcp(&self, server: &str) -> Asker {
        self.scene.target.inside(|| Asker::tcp(server))
    }

    pub(crate) fn begin(&self, fault: DnsFault) -> Result<Injection> {
        self.begin_on(fault, self.scene.namespace())
    }

    pub(crate) fn begin_on(&self, fault: DnsFault, namespace: Namespace) -> Result<Injection> {
        let work = fault.on(Targets::one(namespace), Mode::ALL);
        let radius = BlastRadius::count(1).unwrap();
        run(self.scene.chaos.inject(work, radius).ledger(Arc::clone(&self.scene.ledger)).begin())
    }

    /// Does `act` while the fault is in force, which is seen; after it nothing is left.
    pub(crate) fn under<T>(&self, fault: DnsFault, act: impl FnOnce() -> T) -> T {
        self.under_on(fault, self.scene.namespace(), act)
    }

    pub(crate) fn under_on<T>(&self, fault: DnsFault, namespace: Namespace, act: impl FnOnce() -> T) -> T {
        let injection = self.begin_on(fault, namespace).unwrap();
        let done = act();
        for (_, seen) in run(injection.observe()) {
            let seen = seen.unwrap();
            assert!(seen.is_in_force(), "{}", seen.detail());
            println!("{}", seen.detail());
        }
        run(injection.revert()).unwrap();
        assert_eq!(self.scene.left(), "", "after the revert");
        done
    }
}

/// On `*.example.com`, asked of the two servers.
pub(crate) fn fault(effect: DnsEffect) -> DnsFault {
    let servers = SERVERS.map(|server| server.parse::<IpAddr>().unwrap());
    net::dns(effect).names("*.example.com").unwrap().server(servers[0]).server(servers[1])
}
