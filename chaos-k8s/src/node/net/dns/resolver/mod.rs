//! [`Resolver`]: what answers the queries of one namespace, on a thread of its own there. The thread owns the table that leads
//! queries to it: they end together, however it ends.

mod message;
mod observe;
mod others;
mod rules;
mod site;
mod tcp;
mod udp;
mod upstream;

use std::fs::File;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use chaos_core::ledger::RunId;
use chaos_core::{Clock, Error, Observed, Result};
use tokio::runtime::Builder;
use tokio::sync::{Semaphore, mpsc, oneshot};

use message::Query;
pub(super) use rules::Rule;
use rules::Rules;
use site::Site;

use crate::node::net::dns::servers;
use crate::node::net::dns::table::IpFamily;
use crate::node::netns;

/// Queries over UDP that are worked on at once, of all programs of a namespace: a few of them for each 10 ms of an answer.
const AT_ONCE: usize = 1024;
/// Connections of programs.
const CONNECTIONS: usize = 256;
/// After an error of a socket that should go on.
const PAUSE: Duration = Duration::from_millis(10);
/// Changes that wait their turn.
const COMMANDS: usize = 8;

/// What the tasks of a resolver share.
#[derive(Debug)]
struct Shared {
    clock: Clock,
    run: RunId,
    rules: Rules,
    /// Of which families other servers are led aside, once they are.
    others: OnceLock<Vec<IpFamily>>,
    at_once: Arc<Semaphore>,
    connections: Arc<Semaphore>,
}

impl Shared {
    /// The answer to a question about a fault itself, by which it is observed over the way that queries go.
    fn about_itself(&self, query: &Query<'_>) -> Option<Vec<u8>> {
        if !query.is_about_server() {
            return None;
        }
        let rule =
            self.rules.list().into_iter().find(|rule| query.name == observe::name(&self.run, rule.id))?;
        let (seen, hits) = rule.counts();
        query.say(&format!("{hits} of {seen} matching queries hit")).ok()
    }
}

/// A server, as a query finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Server {
    address: IpAddr,
    /// On this machine: it asks others itself, for what it does not know.
    is_here: bool,
}

impl Server {
    /// Looks from the calling thread's namespace.
    fn seen_from_here(address: IpAddr) -> Self {
        Self { address, is_here: servers::is_here(address) }
    }

    fn elsewhere(address: IpAddr) -> Self {
        Self { address, is_here: false }
    }
}

enum Command {
    Add(Arc<Rule>, oneshot::Sender<Result<()>>),
    Extend(u64, Option<Duration>, oneshot::Sender<Result<()>>),
    Remove(u64, oneshot::Sender<Result<()>>),
    Observe(u64, oneshot::Sender<Result<Observed>>),
    Has(u64, oneshot::Sender<Result<bool>>),
}

/// The way to the thread of a resolver, which ends with its last rule or with this value.
#[derive(Debug)]
pub(super) struct Resolver {
    commands: mpsc::Sender<Command>,
}

impl Resolver {
    /// Starts the thread. Nothing is led to it before the first rule.
    pub(super) fn start(namespace: &File, run: RunId, clock: Clock) -> Result<Self> {
        let (commands, received) = mpsc::channel(COMMANDS);
        let namespace = namespace.try_clone()?;
        thread::Builder::new()
            .name("chaos-dns".to_owned())
            .spawn(move || run_in(&namespace, run, clock, received))?;
        Ok(Self { commands })
    }

    pub(super) fn has_ended(&self) -> bool {
        self.commands.is_closed()
    }

    pub(super) async fn add(&self, rule: Arc<Rule>) -> Result<()> {
        self.ask(|reply| Command::Add(rule, reply)).await
    }

    pub(super) async fn extend(&self, rule: u64, lasting: Option<Duration>) -> Result<()> {
        self.ask(|reply| Command::Extend(rule, lasting, reply)).await
    }

    pub(super) async fn remove(&self, rule: u64) -> Result<()> {
        self.ask(|reply| Command::Remove(rule, reply)).await
    }

    pub(super) async fn observe(&self, rule: u64) -> Result<Observed> {
        self.ask(|reply| Command::Observe(rule, reply)).await
    }

    pub(super) async fn has(&self, rule: u64) -> Result<bool> {
        self.ask(|reply| Command::Has(rule, reply)).await
    }

    /// Every command is answered within the bounds of netlink and of the waits in [`Site`].
    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<Result<T>>) -> Command) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let ended = || Error::failed("the resolver of this namespace has ended");
        self.commands.send(command(reply)).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }
}

fn run_in(namespace: &File, run: RunId, clock: Clock, commands: mpsc::Receiver<Command>) {
    let entered = netns::enter(namespace)
        .and_then(|()| Ok(Builder::new_current_thread().enable_io().enable_time().build()?));
    match entered {
        Ok(runtime) => runtime.block_on(serve(run, clock, commands)),
        Err(error) => refuse(&error, commands),
    }
}

/// Whoever started it asks for a rule next, and is told.
fn refuse(error: &Error, mut commands: mpsc::Receiver<Command>) {
    if let Some(Command::Add(_, reply)) = commands.blocking_recv() {
        let _ = reply.send(Err(Error::refused(error.chain())));
    }
}

async fn serve(run: RunId, clock: Clock, mut commands: mpsc::Receiver<Command>) {
    let shared = Arc::new(Shared {
        clock,
        run,
        rules: Rules::default(),
        others: OnceLock::new(),
        at_once: Arc::new(Semaphore::new(AT_ONCE)),
        connections: Arc::new(Semaphore::new(CONNECTIONS)),
    });
    let mut site = Site::new(Arc::clone(&shared));
    loop {
        let command = match shared.clock.timeout(site::EVERY, commands.recv()).await {
            Ok(Some(command)) => command,
            Ok(None) => return,
            Err(_) => {
                site.keep_alive();
                continue;
            }
        };
        site.keep_alive();
        // Who asked may have gone meanwhile. The last answer comes when all is done, and no further command is taken.
        match command {
            Command::Add(rule, reply) => {
                let done = site.add(rule).await;
                end_without_rules(&mut site, &mut commands).await;
                let _ = reply.send(done);
            }
            Command::Extend(rule, lasting, reply) => {
                let _ = reply.send(site.extend(rule, lasting));
            }
            Command::Remove(rule, reply) => {
                let done = site.remove(rule);
                end_without_rules(&mut site, &mut commands).await;
                let _ = reply.send(done);
            }
            Command::Observe(rule, reply) => {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move { reply.send(Ok(observe::observe(&shared, rule).await)) });
            }
            Command::Has(rule, reply) => {
                let _ = reply.send(Ok(shared.rules.find(rule).is_some()));
            }
        }
    }
}

async fn end_without_rules(site: &mut Site, commands: &mut mpsc::Receiver<Command>) {
    if site.is_idle() {
        commands.close();
        site.end().await;
    }
}
