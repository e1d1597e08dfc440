//! [`FakeApi`]: an API server in memory, for tests without a cluster.
//!
//! It keeps objects as a real one does, as far as selection and faults go: lists in pages with selectors, versions and
//! conflicts, patches, deletion with preconditions and grace, evictions that disruption budgets refuse,
//! the scale subresource, access reviews and roles. There are no controllers, no scheduler and no kubelet: a pod that is
//! deleted is not made anew, unless the test does. The same tests that run on it run on a real API server.
//!
//! ```
//! use chaos_core::{BlastRadius, Chaos, Fault, Mode};
//! use chaos_k8s::cluster::{pods, testing::FakeApi};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let api = FakeApi::new();
//! for n in 0..4 {
//!     api.put(serde_json::json!({
//!         "apiVersion": "v1", "kind": "Pod",
//!         "metadata": {"name": format!("cart-{n}"), "namespace": "shop", "labels": {"app": "cart"}},
//!         "spec": {"containers": [{"name": "web", "image": "shop/cart:1"}]},
//!         "status": {"phase": "Running"},
//!     }));
//! }
//! let carts = api.cluster().pods().in_namespace("shop").label("app", "cart")?;
//! let half = BlastRadius::percent(50)?;
//! let killed = Chaos::seeded(7).inject(pods::kill().on(carts, Mode::ALL), half).begin().await?;
//! assert_eq!(api.writes().len(), 2);
//! assert_eq!(api.writes()[0].resource, "pods");
//! # drop(killed);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod budget;
mod call;
mod delete;
mod list;
mod patch;
mod roles;
mod route;
mod scale;
mod service;
mod store;
mod world;
mod write;

pub use call::{Call, Meet};
pub use world::FakeApi;
