//! The guardian pod: what a fault changed in the API is put back from inside the cluster, whoever is gone by then.
//!
//! A cordon, a number of replicas, a label or a policy stays when the program that made it dies. Its ledger and its sibling
//! process put it back as long as their machine lives; the guardian pod does when it does not.
//!
//! ```no_run
//! # async fn example(chaos: chaos_core::Chaos, cluster: chaos_k8s::Cluster) -> chaos_core::Result<()> {
//! use chaos_core::{BlastRadius, Experiment, Fault, Ledger, Mode, units::secs};
//! use chaos_k8s::cluster::nodes;
//!
//! let agents = cluster.agents("registry.example.org/chaos-agent:0.1.0")?;
//! let cordon = agents.guarded(nodes::cordon());
//! let ledger = Ledger::open("/var/lib/chaos", cluster.undos()?)?;
//! let report = Experiment::new(&chaos, "the shop bears a node that takes no more pods")
//!     .fault(cordon.on(cluster.nodes().label("role", "worker")?, Mode::ONE))
//!     .blast_radius(BlastRadius::count(1)?)
//!     .lasting(secs(60))
//!     .ledger(ledger)
//!     .run()
//!     .await?;
//! # let _ = report;
//! # Ok(())
//! # }
//! ```
//!
//! # Flow
//! ```text
//! controller                           cluster
//!   roles, account, bindings, Job -->  guardian pod: tries its rights, looks at the objects
//!   <-- "armed", a line of its log
//!   the change, marked with its deadline
//!   the revert                         looks at the marks; at the deadline of one that is still there: the same undo
//!   takes the roles away          -->  the rest is theirs, and goes with them
//! ```
//! Roles and bindings, account and Job are called `chaos-guardian-RUN`, which the label `app.kubernetes.io/instance` says of the pod as
//! well. All but the roles belong to these (`ownerReferences`), so that Kubernetes' garbage collection takes them away behind the
//! roles, whoever deletes those.
//!
//! The Job makes the pod, and another where that is gone. Each begins with the undos in its spec and the marks on the objects, and
//! needs nothing of the one before: a mark that is there is kept to, and a fault that is not marked may still be on its way until a
//! moment that stands in the spec. Two of them at a time, one on a node that is cut off, do what one does: each change is made
//! under the version that was read.
//!
//! One for all targets of an injection, of which there may be some hundreds: 500 fit in any case. Nothing is changed before it is
//! armed; where it cannot be had, the inject is refused with the reason.
//!
//! # What it may do
//! Its service account may read and patch the objects of its undos, by their names, and take its own roles away; the
//! account's token is in that pod alone. Kubernetes lets nobody grant what they do not hold: [`rights_for`] says what that
//! takes of the controller.
//!
//! # When it acts
//! The deadline of a fault stands on the object (`chaos-sdk.dev/faults`), and an extension writes it anew. The guardian reads it
//! there, by the clock of the controller that wrote it: the API server's dates tell how far its own is from that. It takes
//! back what is marked and over, and nothing else: a mark that is gone was taken back by somebody else, and what others have
//! put into a field meanwhile stays, as in every revert.
//!
//! # Whoever dies
//! - The controller, and its machine with it: the guardian acts 3 s after the deadline that is marked, which is itself
//!   [5 s](chaos_core::injection::MARGIN) after what the experiment was to last.
//! - The controller, while it makes or dismisses the guardian: roles, account and bindings without a pod are left to a sweep. A guardian
//!   whose fault did not come waits for it as long as that was to last, and 2 minutes; then it goes. One that has lost the role for its
//!   targets, its fault taken back, cannot see that, and stays until a sweep or the end of its own time.
//! - The API server: the guardian goes on to try, for 15 minutes after the last moment that the faults could be extended to.
//! - The guardian's container: its kubelet starts it again, and it has everything it needs in its spec and on the objects.
//! - Its pod, deleted or evicted: its Job makes another 10 s later, the next time 20 s, and so on up to 10 minutes (Kubernetes'
//!   own pace).
//! - Its node, cut off or without power: the same from when Kubernetes evicts the pods of a node that it takes for lost, by default
//!   50 s later (`node-monitor-grace-period`). Where most nodes of a zone are lost it evicts nobody (`unhealthy-zone-threshold`): then
//!   the guardian acts when its node is back.
//!   A pod goes to nodes with any taint that keeps pods away, cordoned ones as well; one that evicts pods (`NoExecute`) evicts it too,
//!   unless it is a fault of its own.
//! - Its Job or its roles: a run that lives goes on without it, and says so when it is looked at. With the controller dead as well,
//!   [`sweep`](crate::Cluster::sweep) is what is left.
//!
//! # What it leaves alone
//! [`nodes::delete`](crate::cluster::nodes::delete) has no guardian pod: there is no object to hold a mark, and a right to
//! create nodes cannot be limited to one.
//!
//! [`rights_for`]: crate::cluster::Nodes::rights_for

mod duty;
mod entrusted;
mod fault;
mod grant;
mod live;
mod make;
mod manifest;
mod program;
mod registry;
#[cfg(feature = "cluster-testing")]
#[cfg(test)]
mod tests;
mod watch;

pub use entrusted::Entrusted;
pub use fault::Guarded;
pub(crate) use program::main;
pub(crate) use registry::Guardians;
