//! [`Node`]: the handle to the engines of this host.

use std::path::Path;
use std::sync::Arc;

use chaos_core::ledger::RunId;
use chaos_core::{Chaos, Result, Undos};

use super::namespace::Namespace;

/// The engines of this host, as one program uses them. Cheap to clone; clones share everything.
///
/// ```
/// use chaos_core::Chaos;
/// use chaos_k8s::Node;
/// let node = Node::new(&Chaos::seeded(7));
/// let undos = node.undos()?;                          // for the ledger, the sweep and the guardian
/// # let _ = undos;
/// # Ok::<(), chaos_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Node {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    chaos: Chaos,
    run: RunId,
    #[cfg(feature = "net")]
    net: super::net::Engine,
    #[cfg(feature = "net")]
    dns: super::net::dns::Engine,
}

impl Node {
    /// A handle with engines at rest: nothing is opened or touched until a fault is planned. Seed and clock are those of
    /// `chaos`.
    pub fn new(chaos: &Chaos) -> Self {
        let run = RunId::fresh();
        Self {
            inner: Arc::new(Inner {
                chaos: chaos.clone(),
                run,
                #[cfg(feature = "net")]
                net: super::net::Engine::new(run),
                #[cfg(feature = "net")]
                dns: super::net::dns::Engine::new(run),
            }),
        }
    }

    /// Every kind of undo that the engines leave in a ledger, for [`Ledger::open`](chaos_core::Ledger::open), a sweep and
    /// a guardian.
    ///
    /// # Errors
    /// None today.
    pub fn undos(&self) -> Result<Undos> {
        let undos = Undos::none();
        #[cfg(feature = "net")]
        let undos =
            undos.with::<super::net::NetUndo>(self.clone())?.with::<super::net::DnsUndo>(self.clone())?;
        Ok(undos)
    }

    /// The network namespace of the process `pid`, as it is now.
    ///
    /// # Errors
    /// No such process, or no right to look at it.
    pub fn namespace_of(&self, pid: u32) -> Result<Namespace> {
        Namespace::of_process(self, pid)
    }

    /// The network namespace that this file is: one of `/run/netns`, or a container runtime's.
    ///
    /// # Errors
    /// No such file, or one that is no network namespace.
    pub fn namespace_at(&self, path: impl AsRef<Path>) -> Result<Namespace> {
        Namespace::at(self, path.as_ref())
    }

    /// The network namespace that this program itself runs in, said on purpose: reached by the other two ways it is
    /// protected.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn own_namespace(&self) -> Result<Namespace> {
        Namespace::own(self)
    }

    pub(crate) fn chaos(&self) -> &Chaos {
        &self.inner.chaos
    }

    /// The name of this handle's marks on everything that it makes.
    pub(crate) fn run(&self) -> &RunId {
        &self.inner.run
    }

    #[cfg(feature = "net")]
    pub(crate) fn net(&self) -> &super::net::Engine {
        &self.inner.net
    }
    #[cfg(feature = "net")]
    pub(crate) fn dns(&self) -> &super::net::dns::Engine {
        &self.inner.dns
    }
}
