//! Faults on pods by agents: everything of [`node`](crate::node), brought to a pod by Kubernetes itself.
//!
//! ```no_run
//! # async fn example(chaos: chaos_core::Chaos, cluster: chaos_k8s::Cluster) -> chaos_core::Result<()> {
//! use chaos_core::{BlastRadius, Experiment, Fault, Mode, units::{ms, secs}};
//! use chaos_k8s::node::net;
//!
//! let agents = cluster.agents("registry.example.org/chaos-agent:0.1.0")?;
//! let carts = cluster.pods().in_namespace("shop").label("app", "cart")?;
//! let slow = agents.net(net::delay(ms(200))).to(cluster.service("shop", "db"));
//! let report = Experiment::new(&chaos, "carts bear a slow database")
//!     .fault(slow.on(carts, Mode::ALL))
//!     .blast_radius(BlastRadius::count(3)?)
//!     .lasting(secs(60))
//!     .run()
//!     .await?;
//! # let _ = report;
//! # Ok(())
//! # }
//! ```
//!
//! # How an agent comes to its target
//!
//! The plan takes the way with the least rights that is open, and says why no lesser one is ([`Delivery`]). What it takes from
//! the API server is said by [`Pods::rights_for`](super::Pods::rights_for).
//!
//! | fault | ephemeral container in the pod | agent pod on the node |
//! |---|---|---|
//! | network, DNS | NET_ADMIN | NET_ADMIN, SYS_ADMIN, the node's `/var/run/netns` |
//! | stress of the pod's limits | nothing | |
//! | stress of a container's limits | | the node's cgroups; where they are bordered, hostPID, SYS_ADMIN, SYS_PTRACE |
//! | the same in directories of the container: disk, inodes, transfers | | hostPID, SYS_PTRACE, DAC_OVERRIDE as well |
//! | a container's processes all stand still, or all end ([`freeze`](crate::node::process::freeze), [`kill_all`](crate::node::process::kill_all)) | | the node's cgroups; its end by cgroup v2 alone |
//! | signal, pause | | hostPID, and KILL or SYS_PTRACE |
//! | the same to processes of the node itself ([`Agents::node_processes`]) | | the same |
//! | a network fault on a node's own network ([`Agents::node`]) | | hostNetwork, NET_ADMIN |
//! | stress of a node ([`Agents::node`]) | | as of a container's limits |
//! | a node loses its power ([`Agents::power`]) | | hostPID, SYS_BOOT |
//!
//! Kubernetes gives an ephemeral container no resources of its own, and so the least weight: CPU stress by one takes what the pod's
//! containers leave of its limit, or use beside each other. For more there is the agent pod: name a container.
//!
//! netem needs a node whose kernel has it, for a container has no `/dev/net/tun`; the plan does not know, the inject says so.
//!
//! One agent pod serves all targets of an injection on its node. Nothing listens on a port, and nothing is run in the
//! target's own containers.
//!
//! # Targets that come and go
//!
//! A fault stays with the pods that it began with, unless it [follows its selection](chaos_core::injection::On::following): then a pod
//! that replaces one gets it, and the same pod in a new sandbox, whose network is another one. Each time that brings one agent
//! more; one that served others as well goes on for these.
//!
//! ```no_run
//! # async fn example(cluster: chaos_k8s::Cluster) -> chaos_core::Result<()> {
//! use chaos_core::{Fault, Mode, injection::Following};
//! use chaos_k8s::node::net;
//!
//! let agents = cluster.agents("registry.example.org/chaos-agent:0.1.0")?;
//! let carts = cluster.pods().in_namespace("shop").label("app", "cart")?;
//! let cut = agents.net(net::drop()).to(cluster.service("shop", "db"));
//! let step = cut.on(carts, Mode::fixed(2)?).following(Following::default());
//! # let _ = step;
//! # Ok(())
//! # }
//! ```
//!
//! # Peers that come and go
//!
//! The peers of a network fault are looked up again every 5 s, and the agents told. An order to one in a pod of its own is an
//! annotation of that pod; to one in an ephemeral container it is one more of these, without any right, 16 at the most.
//!
//! # When it ends
//!
//! By a revert, which ends the agent and reads how that went; or by the agent's own clock, whoever lives then: the
//! controller, the kubelet, the API server and the network need not. A container killed whole leaves what the kernel does not own, and an
//! agent pod is then started again and takes it back: also when that comes while it is being ended, for an agent with such a fault is
//! ended by an order, which its next start finds too.
//!
//! An agent that does not come to begin within 3 minutes of its plan, its kubelet being away, does not begin any more. What ended by
//! itself stays in the API until a [sweep](crate::Cluster::sweep): a pod that has run, and ephemeral containers for good.
//!
//! Faults that change what the API keeps need no agent, and have nobody near the target who would end them: see
//! [`guardian`] for that.

mod ask;
mod choose;
mod delivery;
mod end;
mod facts;
mod fault;
mod follow;
pub mod guardian;
mod hear;
mod left;
mod live;
mod manifest;
mod on_node;
mod peers;
mod place;
mod plan;
mod power;
mod raw_node;
mod settings;
mod speaker;

pub use delivery::Delivery;
pub use end::AgentEnd;
pub use fault::{Carried, PodFault};
pub(crate) use guardian::{Guardians, main as guard};
pub(crate) use left::{containers, end_pod};
pub(crate) use live::AtWork;
pub use on_node::NodeFault;
pub use peers::Peers;
pub use power::{AgentGone, PowerFault};
pub use settings::Agents;
