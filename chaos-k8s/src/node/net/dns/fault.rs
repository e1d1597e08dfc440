//! [`DnsFault`] as a [`Fault`] on a [`Namespace`].

use std::net::IpAddr;
use std::sync::Arc;

use chaos_core::{Approved, Error, Fault, Observed, Owner, Plan, Result, Target};

use super::resolver::Rule;
use super::servers::Asked;
use super::{DnsFault, DnsUndo, servers, table};
use crate::node::net::kernel::{Family, Kernel};
use crate::node::{Namespace, Node, netns};

impl Fault for DnsFault {
    type Target = Namespace;
    type Undo = DnsUndo;

    fn describe(&self) -> String {
        self.to_string()
    }

    fn via<'a>(&'a self, target: &'a Namespace) -> &'a Node {
        target.node()
    }

    async fn prepare(&self, target: &Namespace) -> Result<Plan<DnsUndo>> {
        self.check()?;
        let node = target.node();
        node.chaos().clock().require_real("a DNS fault")?;
        let servers = self.servers_of(target)?;
        let (namespace, of_namespace) = (target.clone(), servers.clone());
        let is_wide = self.servers.is_empty() && !self.known_servers_only;
        let here = node.net().run(move || look(&namespace, of_namespace, is_wide)).await?;
        let asked = Asked { servers, others: is_wide && here.is_empty() };
        let why = match here.first().filter(|_| is_wide) {
            Some(here) => format!(" ({here} is on the target's own machine and asks them itself)"),
            None => String::new(),
        };
        let alone = if asked.others { "servers on the target's own machine" } else { "other servers" };
        let change = format!(
            "{}: {self}, asked of {asked} over UDP and TCP; {alone}{why} and TCP connections that are open are left alone",
            target.name(),
        );
        let undo = DnsUndo::new(target, node.dns().fresh_rule(), asked);
        Ok(Plan::reversible(change, undo).owned_by(Owner::Kernel))
    }

    async fn inject(&self, target: &Approved<Namespace>, undo: &DnsUndo) -> Result<()> {
        let node = target.node();
        let rule = Rule::new(undo.rule(), self.clone(), undo.asked(), node.chaos().dice());
        rule.last(target.lasting());
        node.dns().add(target, Arc::new(rule)).await
    }

    async fn extend(&self, target: &Approved<Namespace>, undo: &DnsUndo) -> Result<()> {
        target.node().dns().extend(target.netns(), undo.rule(), target.lasting()).await
    }

    async fn observe(&self, target: &Namespace, undo: &DnsUndo) -> Result<Observed> {
        let seen = target.node().dns().observe(target.netns(), undo.rule()).await?;
        Ok(seen.unwrap_or_else(|| Observed::absent("no resolver of ours runs there")))
    }
}

impl DnsFault {
    fn servers_of(&self, target: &Namespace) -> Result<Vec<IpAddr>> {
        if self.servers.is_empty() {
            return servers::of(target);
        }
        let mut named: Vec<IpAddr> = Vec::new();
        for server in &self.servers {
            if !named.contains(server) {
                named.push(*server);
            }
        }
        Ok(named)
    }
}

/// Refuses where the fault could not act, and says which of the servers are on the target's own machine. Touches nothing.
fn look(namespace: &Namespace, mut servers: Vec<IpAddr>, is_wide: bool) -> Result<Vec<IpAddr>> {
    let mut kernel = Kernel::of(namespace.file())?;
    let has_loopback = kernel.links()?.iter().any(|link| link.is_loopback && link.is_up);
    if !has_loopback {
        return Err(Error::refused(
            "the namespace's loopback device is down: set lo up, queries are led over it",
        ));
    }
    let own = table::of(namespace.node().run())?;
    let other = kernel
        .tables(Family::Inet)?
        .into_iter()
        .find(|table| table::is_ours(&table.name) && table.name != own.name());
    if let Some(table) = other {
        return Err(Error::refused(format!(
            "another run, {}, already leads DNS queries aside there: end it, or let it make this fault too",
            table.name
        )));
    }
    let here = netns::inside(namespace.file(), || {
        servers.retain(|server| servers::is_here(*server));
        Ok(servers)
    })?;
    table::try_out(is_wide && here.is_empty())?;
    Ok(here)
}
