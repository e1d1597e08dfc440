//! The agent: the engines of [`node`](crate::node) in a pod, told by a [`Spec`](spec::Spec), telling how it goes by lines on
//! its log.
//!
//! ```text
//! controller                                   pod
//!   Spec --base64, a variable--> chaos-agent   guardian (first process) ── injector ── engines
//!   Reader <--lines of the log--               its own deadline, SIGTERM, orders over @chaos-RUN: revert and end
//!   Orders --an annotation, a file-->          the same orders, in a pod of the agent's own
//! ```
//!
//! It comes to its targets in one of two ways, and the [`Rights`](rights::Rights) of the items say what it needs there:
//!
//! - As an ephemeral container in the target pod: for that pod's own network, with NET_ADMIN and nothing else.
//! - As a pod on the targets' node: for the networks, cgroups and processes of all pods there.
//!
//! It has no port, no token of Kubernetes, no shell, and asks nobody for anything: what it must know is in its spec. (Built with the
//! feature `agents`, as its image is, the same program is the guardian pod's as well, which does have a token: see
//! `cluster::agents::guardian`.)
//!
//! # The map, in reading order
//!
//! | module | what |
//! |---|---|
//! | [`spec`] | what is to be done, as data |
//! | [`rights`] | what an agent needs for it, and why |
//! | [`status`] | what it says, and the reader for it |
//! | [`control`] | orders to one that runs |
//! | [`main`] | the program `chaos-agent` |
//!
//! # Ends
//! Whichever comes first, everything is taken back and seen to be gone:
//!
//! - Its time is over, by the node's monotonic clock, wherever controller, API server, kubelet and network are. It counts
//!   from the moment when all items have come to their turn; what is not in force in the time for that stays undone.
//! - SIGTERM or SIGINT; an order of who knows the token, or may write the file that the spec names.
//! - The injector is killed, or stopped past its time: the kernel takes back what is its, the guardian the rest. So it is
//!   with a panic that nothing catches.
//! - The container is killed whole: the kernel takes back what is its. Started again with the same
//!   [directory](spec::Spec::kept_in), it takes back the rest, and goes on if the spec says so.
//!
//! # What it leaves alone
//! A fault on a target whose pod was made anew is gone with the old one, and stays so: the item is *absent*, and the
//! controller decides. HTTP faults on a pod's traffic are not here yet.

pub mod control;
mod ending;
mod program;
pub mod rights;
pub mod spec;
pub mod status;
mod work;

pub use program::main;
