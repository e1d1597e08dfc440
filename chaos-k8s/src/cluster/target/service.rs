//! [`Service`]: a service by name, as what a fault on pods is about.

use std::collections::BTreeMap;
use std::fmt;

use chaos_core::{Error, Result};
use serde::Deserialize;

use crate::cluster::Cluster;
use crate::cluster::api::{Kind, Meta, Request};
use crate::cluster::select::names;

/// A service by name; made by [`Cluster::service`]. It is looked up when a fault is planned.
#[derive(Clone)]
pub struct Service {
    cluster: Cluster,
    namespace: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Raw {
    metadata: Meta,
    spec: RawSpec,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawSpec {
    selector: BTreeMap<String, String>,
}

impl Service {
    pub(crate) fn new(cluster: &Cluster, namespace: String, name: String) -> Self {
        Self { cluster: cluster.clone(), namespace, name }
    }

    /// Its namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Its name in that namespace.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The labels that make a pod one of its endpoints.
    pub(crate) async fn selector(&self) -> Result<BTreeMap<String, String>> {
        names::label("namespace", &self.namespace)?;
        names::subdomain("service", &self.name)?;
        let request = Request::get(Kind::SERVICE, Some(&self.namespace), &self.name);
        let found: Option<Raw> = self.cluster.api().find(request).await?;
        let Some(Raw { metadata, spec }) = found else {
            return Err(Error::refused(format!("{self} is not there: check its name and namespace")));
        };
        if spec.selector.is_empty() {
            return Err(Error::refused(format!(
                "service {}/{} selects no pods: its endpoints are made by something else",
                self.namespace, metadata.name
            )));
        }
        Ok(spec.selector)
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "service {}/{}", self.namespace, self.name)
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Service({}/{})", self.namespace, self.name)
    }
}
