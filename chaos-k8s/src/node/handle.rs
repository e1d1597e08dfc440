//! [`Node`]: the handle to the engines of this host.

use std::path::Path;
use std::sync::Arc;

#[cfg(feature = "net")]
use chaos_core::Error;
use chaos_core::ledger::RunId;
use chaos_core::{Chaos, Result, Undos};

use super::cgroup::Cgroup;
use super::namespace::Namespace;
#[cfg(feature = "net")]
use super::net::trial::Piece;
#[cfg(feature = "stress")]
use super::stress::{Crews, StressUndo};
use super::sweep::MarksSwept;

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
    #[cfg(feature = "stress")]
    crews: Crews,
    #[cfg(feature = "process")]
    processes: super::process::InForce,
    #[cfg(feature = "net")]
    dns: super::net::dns::Engine,
}

impl Node {
    /// A handle with engines at rest: nothing is opened or touched until a fault is planned. Seed and clock are those of
    /// `chaos`.
    pub fn new(chaos: &Chaos) -> Self {
        Self::made(
            chaos,
            #[cfg(feature = "net")]
            Vec::new(),
        )
    }

    /// For tests: a handle that acts as on a kernel without these pieces of the network, called as [`doctor`](Self::doctor) calls them.
    ///
    /// # Errors
    /// No such piece.
    #[cfg(feature = "net")]
    #[doc(hidden)]
    pub fn without(chaos: &Chaos, pieces: &[&str]) -> Result<Self> {
        let piece = |name: &&str| {
            let found = Piece::ALL.into_iter().find(|piece| piece.name() == *name);
            found.ok_or_else(|| Error::invalid(format!("the doctor knows no piece {name:?}")))
        };
        Ok(Self::made(chaos, pieces.iter().map(piece).collect::<Result<_>>()?))
    }

    fn made(chaos: &Chaos, #[cfg(feature = "net")] without: Vec<Piece>) -> Self {
        let run = RunId::fresh();
        let inner = Inner {
            chaos: chaos.clone(),
            run,
            #[cfg(feature = "net")]
            net: super::net::Engine::new(run, without),
            #[cfg(feature = "net")]
            dns: super::net::dns::Engine::new(run),
            #[cfg(feature = "stress")]
            crews: Crews::default(),
            #[cfg(feature = "process")]
            processes: super::process::InForce::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Every kind of undo that the engines leave in a ledger, for [`Ledger::open`](chaos_core::Ledger::open), a sweep and
    /// a guardian.
    ///
    /// # Errors
    /// None, as long as no two engines call their undos the same.
    pub fn undos(&self) -> Result<Undos> {
        let undos = Undos::none();
        #[cfg(feature = "net")]
        let undos =
            undos.with::<super::net::NetUndo>(self.clone())?.with::<super::net::DnsUndo>(self.clone())?;
        #[cfg(feature = "stress")]
        let undos = undos.with::<StressUndo>(self.clone())?;
        #[cfg(feature = "process")]
        let undos = super::process::undos(self, undos)?;
        Ok(undos)
    }

    /// Takes away what dead runs left on this host, found by its marks alone: for when their ledger is lost, or was in memory.
    /// See [`sweep`](super::sweep) for what is found, and what is not.
    ///
    /// # Errors
    /// When `/proc` cannot be read. What could not be looked at or taken away is in what it returns.
    pub async fn sweep_marks(&self) -> Result<MarksSwept> {
        super::sweep::everywhere(self).await
    }

    /// [`sweep_marks`](Self::sweep_marks) in one network namespace, and nowhere else.
    ///
    /// # Errors
    /// When it cannot be entered.
    #[cfg(feature = "net")]
    pub async fn sweep_marks_in(&self, namespace: &Namespace) -> Result<MarksSwept> {
        super::sweep::in_namespace(self, namespace).await
    }

    /// [`sweep_marks`](Self::sweep_marks) below one cgroup, and nowhere else.
    ///
    /// # Errors
    /// None today: what could not be taken away is in what it returns.
    pub async fn sweep_marks_below(&self, cgroup: &Cgroup) -> Result<MarksSwept> {
        super::sweep::below(self, cgroup).await
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

    /// The cgroup that the process `pid` is in now: with the pid of a container's first process, the container.
    ///
    /// # Errors
    /// No such process, or a cgroup outside of what is mounted here.
    pub fn cgroup_of(&self, pid: u32) -> Result<Cgroup> {
        Cgroup::of_process(self, pid)
    }

    /// The cgroup that this directory in `/sys/fs/cgroup` is. On v1 one of its directories; the others are those of the
    /// same path.
    ///
    /// # Errors
    /// A path that is not there, or no cgroup.
    pub fn cgroup_at(&self, path: impl AsRef<Path>) -> Result<Cgroup> {
        Cgroup::at(self, path.as_ref())
    }

    /// The cgroup that this program itself runs in, said on purpose: reached by the other two ways it is protected.
    ///
    /// # Errors
    /// When no cgroup tree is mounted.
    pub fn own_cgroup(&self) -> Result<Cgroup> {
        Cgroup::own(self)
    }

    /// The whole host: what acts on it has a cgroup of its own, as high as we may make one, and no container's limits.
    ///
    /// # Errors
    /// When no cgroup tree is mounted.
    pub fn host(&self) -> Result<Cgroup> {
        Cgroup::host(self)
    }

    #[cfg(feature = "stress")]
    pub(crate) fn crews(&self) -> &Crews {
        &self.inner.crews
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
    #[cfg(feature = "process")]
    pub(crate) fn in_force(&self) -> &super::process::InForce {
        &self.inner.processes
    }

    #[cfg(feature = "net")]
    pub(crate) fn dns(&self) -> &super::net::dns::Engine {
        &self.inner.dns
    }
}
