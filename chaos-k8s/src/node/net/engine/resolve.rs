//! Host names of a rule, as the target resolves them.

use std::fs::File;
use std::net::ToSocketAddrs;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use chaos_core::{Error, Result};
use ipnet::IpNet;
use nix::sched::{CloneFlags, setns, unshare};

use crate::node::Namespace;
use crate::node::namespace::Origin;
use crate::node::net::rule::{Address, Asked, Flow, Traffic};

/// Resolvers try for 10 s by default (resolv.conf(5): 5 s, twice).
const PATIENCE: Duration = Duration::from_secs(15);

/// The rule with addresses for names. A process's own `/etc/hosts` and `/etc/resolv.conf` count, where the namespace was found
/// by a process.
pub(super) fn resolve(namespace: &Namespace, rule: &Asked) -> Result<Asked> {
    let flows = rule.traffic.flows();
    let is_name = |address: &Address| matches!(address, Address::Host(_));
    if !flows.iter().any(|flow| flow.addresses().iter().any(is_name)) {
        return Ok(rule.clone());
    }
    let flows = flows.iter().map(|flow| addresses(namespace, flow)).collect::<Result<Vec<Flow>>>()?;
    Ok(Asked { traffic: Traffic::any_of(flows)?, ..rule.clone() })
}

fn addresses(namespace: &Namespace, flow: &Flow) -> Result<Flow> {
    let mut nets = Vec::new();
    for address in flow.addresses() {
        match address {
            Address::Net(_) => nets.push(address.clone()),
            Address::Host(name) => nets.extend(look_up(namespace, name)?.into_iter().map(Address::Net)),
        }
    }
    Ok(flow.with_addresses(nets))
}

fn look_up(namespace: &Namespace, name: &str) -> Result<Vec<IpNet>> {
    let network = namespace.file().try_clone()?;
    let files = match namespace.origin() {
        // Without the right to enter it, the names are those that this program sees.
        Origin::Process(pid) => File::open(format!("/proc/{pid}/ns/mnt")).ok(),
        Origin::Path(_) | Origin::Own => None,
    };
    let (done, answer) = mpsc::channel();
    let asked = name.to_owned();
    let look = move || -> std::io::Result<Vec<IpNet>> {
        setns(&network, CloneFlags::CLONE_NEWNET)?;
        if let Some(files) = files {
            unshare(CloneFlags::CLONE_FS)?;
            setns(&files, CloneFlags::CLONE_NEWNS)?;
        }
        Ok((asked.as_str(), 0).to_socket_addrs()?.map(|address| address.ip().into()).collect())
    };
    // A resolver cannot be stopped: its thread ends when it gives up, and nobody listens any more.
    thread::Builder::new().name("chaos-resolve".to_owned()).spawn(move || {
        let _ = done.send(look());
    })?;
    let found = answer.recv_timeout(PATIENCE).map_err(|source| {
        Error::timeout(format!("{name} was not resolved within {} s: give its addresses", PATIENCE.as_secs()))
            .with_source(source)
    })?;
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(Error::refused(format!("{name} has no address in the target's namespace"))),
        Err(source) => Err(Error::refused(format!(
            "{name} cannot be resolved in the target's namespace: give its addresses"
        ))
        .with_source(source)),
    }
}
