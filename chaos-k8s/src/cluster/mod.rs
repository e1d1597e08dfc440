//! The cluster: selection and faults through the Kubernetes API.
//!
//! ```no_run
//! use chaos_core::{BlastRadius, Chaos, Experiment, Fault, Mode, units::secs};
//! use chaos_k8s::cluster::{Cluster, pods};
//!
//! # async fn example() -> chaos_core::Result<()> {
//! let chaos = Chaos::random();
//! let cluster = Cluster::connect().await?;
//! let carts = cluster.pods().in_namespace("shop").label("app", "cart")?;
//! let report = Experiment::new(&chaos, "the shop survives half of its carts")
//!     .fault(pods::kill().on(carts, Mode::percent(50)?))
//!     .blast_radius(BlastRadius::count(3)?.and_percent(50)?)
//!     .lasting(secs(60))
//!     .run()
//!     .await?;
//! # let _ = report;
//! # Ok(())
//! # }
//! ```
//!
//! | on | fault | what | taken back by |
//! |---|---|---|---|
//! | [`Pods`] | [`pods::kill`] | deletes the pod | nobody: something makes another |
//! | | [`pods::evict`] | asks for its eviction; a disruption budget that says no is heeded | nobody |
//! | | [`pods::fail`] | its containers get an image that is nowhere | ledger, mark |
//! | | [`pods::leave_service`] | a label of it no longer fits a service | ledger, mark |
//! | | [`pods::isolate`] | a network policy that lets nothing through | ledger, mark |
//! | [`Workloads`] | [`workloads::scale_to`] | another number of replicas | ledger, mark |
//! | | [`workloads::restart`] | a rollout of what is there | nobody: it is done |
//! | [`Nodes`] | [`nodes::cordon`], [`nodes::taint`] | no new pods | ledger, mark |
//! | | [`nodes::drain`] | a cordon, and every pod asked to go | ledger, mark (the cordon) |
//! | | [`nodes::delete`] | the node's object | ledger |
//!
//! # What a fault leaves on an object
//!
//! A label, `chaos-sdk.dev/under-fault`, and an annotation, `chaos-sdk.dev/faults`: which runs have hold of it, until when at
//! the most, and what was found. So several faults on one object end in any order, and the last one puts back what the
//! first one found; a run that died is [swept](Cluster::sweep) from anywhere, without its ledger. What somebody else has
//! put into the same field meanwhile stays. With the feature `agents`, a pod in the cluster does that at the deadline of a fault
//! that is `guarded`, whoever has died by then.
//!
//! # What it takes
//!
//! Each selection says [what it and a fault take](Pods::rights_for) from the API server: no wildcards, no secrets, no exec.
//! Every fault asks for its rights before anything is touched. The program that is built with this chooses the version
//! of `k8s-openapi`, or the feature `cluster-latest`.
//!
//! # Never hit
//!
//! See [`Protection`].

#[cfg(all(feature = "agents", target_os = "linux"))]
pub mod agents;
mod api;
mod handle;
mod mark;
pub mod nodes;
pub mod pods;
mod protect;
pub mod rights;
mod select;
mod sweep;
mod target;
#[cfg(feature = "cluster-testing")]
pub mod testing;
pub mod workloads;

pub use handle::Cluster;
/// The client, for [`Cluster::new`].
pub use kube;
pub use mark::Release;
pub use protect::Protection;
pub use rights::{Right, Rights};
pub use select::{
    FieldSelector, LabelSelector, Nodes, OwnedBy, PodPhase, PodSelector, Pods, WorkloadKind, Workloads,
};
pub use sweep::{Ended, Sweep, Swept};
pub use target::{ClusterNode, Pod, Service, Workload};
