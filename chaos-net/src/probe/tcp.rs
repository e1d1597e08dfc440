//! [`tcp`]: whether somebody takes connections.

use std::time::Duration;

use chaos_core::probe::{Probe, Value};
use chaos_core::{Clock, Result};

use super::address::Address;
use super::ask::{Answer, Ask, Stage};
use super::bounds::Bounds;
use super::settings::settings;

/// A probe that holds while `address` (`"127.0.0.1:5432"`, `"db.test:5432"`, `"[::1]:5432"`) takes connections.
///
/// The kernel takes them for whoever listens: this says that something listens and that packets get there, not that
/// anything is answered.
///
/// # Errors
/// What is no host and port, and port 0.
pub fn tcp(address: &str) -> Result<TcpProbe> {
    Ok(TcpProbe { ask: Connect(Address::parse(address)?), bounds: Bounds::default() })
}

/// Connects, and closes at once. Made by [`tcp`].
#[derive(Debug, Clone)]
#[must_use = "a probe measures nothing until an experiment takes it"]
pub struct TcpProbe {
    ask: Connect,
    bounds: Bounds,
}

settings!(TcpProbe);

#[derive(Debug, Clone)]
struct Connect(Address);

impl Ask for Connect {
    const WHAT: &'static str = "a tcp probe";

    fn name(&self) -> String {
        format!("tcp {}", self.0)
    }

    fn expects(&self) -> String {
        "connects".to_owned()
    }

    async fn ask(&self, _: &mut Stage) -> Answer {
        match self.0.connect().await {
            Ok(_closed_by_drop) => Ok("connected".to_owned()),
            Err(error) => Err(format!("no connection: {error}")),
        }
    }
}
