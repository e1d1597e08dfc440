//! Probes that ask over the network: [`http()`] and [`tcp`]. They become a [`Probe`] of an experiment's steady state.
//!
//! The probes of [`chaos_core::probe`] are here too, so that one `use chaos_net::probe` has all of them.
//!
//! ```
//! use chaos_core::{Probe, units::{ms, secs}};
//! use chaos_net::probe;
//!
//! let healthy = probe::http("http://127.0.0.1:8080/health")?.status(200).body_contains("ok").within(ms(200));
//! let healthy: Probe = healthy.every(ms(250)).retries(1);
//! assert_eq!(healthy.name(), "GET http://127.0.0.1:8080/health");
//! assert_eq!(healthy.tolerance(), "status 200, body contains \"ok\", within 200ms");
//!
//! let listening = probe::tcp("db.test:5432")?.within(secs(1));
//! let fast = probe::http("http://127.0.0.1:8080/")?.latency().at_most(50.0)?;
//! assert!(probe::http("https://shop.test/").unwrap_err().is_invalid());
//! # let _ = (Probe::from(listening), fast);
//! # Ok::<(), chaos_core::Error>(())
//! ```
//!
//! Arguments that cannot be are errors at once where a method answers with a `Result`, and errors of
//! [`Experiment::run`](chaos_core::Experiment::run) where it does not.
//!
//! # What a reading does
//! It resolves the name, connects, asks once and closes: nothing is pooled, so that a connection from before a fault
//! cannot hide it. Redirects are not followed, and proxies of the environment are not used. HTTP is 1.1 without TLS;
//! whoever needs more makes a probe of their own client with [`check`] or [`reading`].
//!
//! # Real time
//! Sockets live in real time, where a virtual timeout is over at once. Under a paused clock every reading fails, and
//! says so.

mod address;
mod ask;
mod bounds;
mod exchange;
mod expect;
#[path = "http.rs"]
mod http_probe;
mod settings;
#[path = "tcp.rs"]
mod tcp_probe;
mod url;

#[doc(no_inline)]
pub use chaos_core::probe::{Probe, Reading, Tolerance, Value, check, reading, value};

pub use self::http_probe::{HttpProbe, http};
pub use self::tcp_probe::{TcpProbe, tcp};
