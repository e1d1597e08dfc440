//! [`Presence`]: how a run shows in a namespace that it lives, to whoever finds its marks there.
//!
//! An abstract UNIX socket (unix(7)) is of one network namespace, has no file, and goes with its process, however that ends.
//! It is there before the first mark of the run and until after the last.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use chaos_core::ledger::RunId;
use chaos_core::{Error, Result};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, bind, socket};

/// How the names of these sockets begin.
const NAME: &str = "chaos-run-";
/// The sockets of the calling thread's namespace, one a line, the name last (proc(5)).
const LIST: &str = "/proc/thread-self/net/unix";

#[derive(Debug)]
pub(crate) struct Presence {
    socket: OwnedFd,
    run: RunId,
    is_shown: bool,
}

impl Presence {
    /// Of the calling thread's namespace; nothing shows yet.
    pub(crate) fn here(run: RunId) -> Result<Self> {
        let socket = socket(AddressFamily::Unix, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None);
        Ok(Self { socket: socket.map_err(failed)?, run, is_shown: false })
    }

    pub(crate) fn show(&mut self) -> Result<()> {
        // A run is here twice while it leaves and comes again.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        if self.is_shown {
            return Ok(());
        }
        let name = format!("{NAME}{}-{:x}", self.run, NEXT.fetch_add(1, Ordering::Relaxed));
        let address = UnixAddr::new_abstract(name.as_bytes()).map_err(failed)?;
        bind(self.socket.as_raw_fd(), &address).map_err(failed)?;
        self.is_shown = true;
        Ok(())
    }
}

fn failed(errno: nix::Error) -> Error {
    Error::failed("no socket to show this run in the namespace").with_source(std::io::Error::from(errno))
}

/// The runs that live in the calling thread's namespace.
pub(crate) fn living_here() -> Result<BTreeSet<RunId>> {
    let list = fs::read_to_string(LIST)?;
    let named = list.lines().filter_map(|line| line.rsplit_once(" @")?.1.strip_prefix(NAME));
    Ok(named.filter_map(|name| name.rsplit_once('-')?.0.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::netns;

    #[test]
    fn a_run_shows_where_it_is_and_no_longer_than_it_lives() {
        netns::in_a_fresh_one(|| {
            let (run, other) = (RunId::fresh(), RunId::fresh());
            let (mut one, mut two) = (Presence::here(run)?, Presence::here(run)?);
            let mut three = Presence::here(other)?;
            assert!(living_here()?.is_empty());
            one.show()?;
            one.show()?;
            two.show()?;
            three.show()?;
            assert_eq!(living_here()?, BTreeSet::from([run, other]));
            drop(one);
            drop(three);
            assert_eq!(living_here()?, BTreeSet::from([run]));
            assert!(netns::aside(living_here)?.unwrap().is_empty(), "another namespace");
            drop(two);
            assert!(living_here()?.is_empty());
            Ok(())
        });
    }
}
