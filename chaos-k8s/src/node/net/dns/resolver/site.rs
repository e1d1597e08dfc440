//! [`Site`]: the resolver's sockets and its table, kept in step with the rules.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chaos_core::{Error, Result};
use nix::libc;
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;

use super::observe::OVER;
use super::others::Datagrams;
use super::rules::Rule;
use super::{AT_ONCE, Server, Shared, tcp, udp};
use crate::node::net::dns::table::{self, IpFamily, Others, Way, Ways};
use crate::node::net::kernel::{Kernel, Table, is_out};

/// So long after its last word the resolver counts as dead, and the kernel leads nothing to it any more: it is stopped with
/// this process, or hangs.
const LIVES: Duration = Duration::from_secs(10);
/// How often there is such a word.
pub(super) const EVERY: Duration = Duration::from_secs(2);

/// Longer than a few ticks of the kernel's slowest clock.
const JIFFIES: Duration = Duration::from_millis(50);

/// How long a revert waits for the servers' answers to what was led aside.
const DRAIN: Duration = Duration::from_secs(2);

/// What there is in the namespace.
#[derive(Debug)]
pub(super) struct Site {
    shared: Arc<Shared>,
    /// From the first rule to the last. The table ends with the first of these.
    table: Option<(Kernel, Table)>,
    ways: BTreeMap<IpAddr, Way>,
    others: Vec<Others>,
    tasks: JoinSet<()>,
}

impl Site {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, table: None, ways: BTreeMap::new(), others: Vec::new(), tasks: JoinSet::new() }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.shared.rules.list().is_empty()
    }

    /// Puts a rule in force: who answers first, then the way there.
    pub(super) async fn add(&mut self, rule: Arc<Rule>) -> Result<()> {
        for server in &rule.asked.servers {
            if !self.ways.contains_key(server) {
                let way = self.open(*server).await?;
                self.ways.insert(*server, way);
            }
        }
        if rule.asked.others && self.shared.others.get().is_none() {
            self.others = self.open_others().await?;
        }
        if self.table.is_none() {
            let mut kernel = Kernel::here()?;
            let table = table::of(&self.shared.run)?;
            table::make(&mut kernel, &table)?;
            self.table = Some((kernel, table));
        }
        let id = rule.id;
        // What was over must not come back with it. The kernel's clock may be some jiffies behind.
        if self.shared.rules.are_let_go() {
            self.shared.clock.sleep(JIFFIES).await;
        }
        self.shared.rules.add(rule);
        self.lead().and_then(|()| self.live()).inspect_err(|_| self.shared.rules.remove(id))
    }

    /// A rule may last so long from now on.
    pub(super) fn extend(&mut self, rule: u64, lasting: Option<Duration>) -> Result<()> {
        self.shared.rules.are_let_go();
        let found = self.shared.rules.find(rule);
        let found = found.ok_or_else(|| Error::failed("no such rule is in force"))?;
        if found.is_over() {
            return Err(Error::failed(OVER));
        }
        found.last(lasting);
        self.live().map_err(|error| if is_out(&error) { Error::failed(OVER) } else { error })
    }

    /// The word that the resolver lives, when it is time for it.
    pub(super) fn keep_alive(&mut self) {
        let left = self.shared.rules.led_until().map(|until| until.saturating_duration_since(Instant::now()));
        if self.shared.rules.are_let_go() || left.is_none_or(|left| left + EVERY > LIVES) {
            return;
        }
        if let Err(error) = self.live() {
            // Others come before the kernel ends what was not renewed, and a look says when it has.
            tracing::warn!(target: "chaos", error = %error.chain(), "a DNS fault was not renewed");
        }
    }

    fn live(&mut self) -> Result<()> {
        let Some((kernel, table)) = &mut self.table else { return Ok(()) };
        let left = self.shared.rules.list().iter().map(|rule| rule.left()).max().unwrap_or_default();
        if left.is_zero() {
            return Ok(());
        }
        let (time, now) = (left.min(LIVES), Instant::now());
        let was_said = self.shared.rules.led_until().is_some_and(|until| until > now);
        table::live(kernel, table, time, was_said)?;
        self.shared.rules.are_led_until(now + time);
        Ok(())
    }

    /// Ends a rule; queries that waited for it go on at once.
    pub(super) fn remove(&mut self, rule: u64) -> Result<()> {
        self.shared.rules.remove(rule);
        self.lead()?;
        if self.shared.rules.are_let_go() {
            return Ok(());
        }
        // The others may have less time.
        self.live().or_else(|error| if is_out(&error) { Ok(()) } else { Err(error) })
    }

    /// Leads aside what the rules are about.
    fn lead(&mut self) -> Result<()> {
        let Some((kernel, table)) = &mut self.table else { return Ok(()) };
        let rules = self.shared.rules.list();
        let known = Ways { ways: self.ways.values().copied().collect(), others: self.others.clone() };
        let is_asked = |way: &Way| rules.iter().any(|rule| rule.asked.servers.contains(&way.server));
        let asked = Ways {
            ways: known.ways.iter().copied().filter(is_asked).collect(),
            others: if rules.iter().any(|rule| rule.asked.others) { self.others.clone() } else { Vec::new() },
        };
        table::lead(kernel, table, &asked, &known)
    }

    /// Lets the queries that are here find their answers, and takes the table away.
    pub(super) async fn end(&mut self) {
        let all = self.shared.at_once.acquire_many(AT_ONCE as u32);
        let _ = self.shared.clock.timeout(DRAIN, all).await;
        if let Some((mut kernel, table)) = self.table.take() {
            // What is not deleted so is deleted with its owner, in a moment.
            if let Err(error) = table::delete(&mut kernel, &table) {
                tracing::warn!(%error, "a table of DNS faults ends with its owner");
            }
        }
        self.tasks.shutdown().await;
    }

    async fn open(&mut self, server: IpAddr) -> Result<Way> {
        let own = table::own_address(server);
        let cannot = |error| cannot_listen(own, error);
        let socket = UdpSocket::bind((own, 0)).await.map_err(cannot)?;
        let listener = TcpListener::bind((own, 0)).await.map_err(cannot)?;
        let way = Way {
            server,
            udp: socket.local_addr().map_err(cannot)?.port(),
            tcp: listener.local_addr().map_err(cannot)?.port(),
        };
        let server = Server::seen_from_here(server);
        self.tasks.spawn(udp::serve(Arc::clone(&self.shared), Arc::new(socket), server));
        self.tasks.spawn(tcp::serve(Arc::clone(&self.shared), listener, Some(server)));
        Ok(way)
    }

    /// For each family that the namespace has.
    async fn open_others(&mut self) -> Result<Vec<Others>> {
        let mut opened = Vec::new();
        for family in [IpFamily::V4, IpFamily::V6] {
            let own = family.loopback();
            let cannot = |error| cannot_listen(own, error);
            let listener = match TcpListener::bind((own, 0)).await {
                Ok(listener) => listener,
                Err(error) if is_without(&error) => continue,
                Err(error) => return Err(cannot(error)),
            };
            let datagrams = Datagrams::open(family).map_err(cannot)?;
            let (udp, tcp) =
                (datagrams.port().map_err(cannot)?, listener.local_addr().map_err(cannot)?.port());
            opened.push(Others { family, udp, tcp });
            self.tasks.spawn(datagrams.serve(Arc::clone(&self.shared)));
            self.tasks.spawn(tcp::serve(Arc::clone(&self.shared), listener, None));
        }
        let families = opened.iter().map(|others| others.family).collect();
        let _ = self.shared.others.set(families);
        Ok(opened)
    }
}

fn cannot_listen(own: IpAddr, source: io::Error) -> Error {
    Error::refused(format!("a resolver cannot listen at {own} in the namespace: set lo up"))
        .with_source(source)
}

/// Whether the namespace, or the kernel, has no such family.
fn is_without(error: &io::Error) -> bool {
    let none = [libc::EADDRNOTAVAIL, libc::EAFNOSUPPORT];
    error.raw_os_error().is_some_and(|number| none.contains(&number))
}
