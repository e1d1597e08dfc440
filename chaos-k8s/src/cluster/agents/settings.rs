//! [`Agents`]: how faults get agents.

use std::fmt;
use std::sync::Arc;

use chaos_core::{Error, Result};

use super::delivery::Delivery;
use super::fault::PodFault;
use crate::agent::rights::Ground;
use crate::agent::spec::FaultData;
use crate::cluster::Cluster;
use crate::cluster::select::names;
use crate::node::net::NetRule;

/// Where agents' pods are put unless said otherwise.
const NAMESPACE: &str = "chaos";
/// More than any registry takes.
const LONGEST_IMAGE: usize = 512;

/// How faults on pods get their agents; made by [`Cluster::agents`]. Cheap to clone.
#[derive(Clone)]
pub struct Agents {
    cluster: Cluster,
    settings: Arc<Settings>,
}

#[derive(Debug, Clone)]
struct Settings {
    image: String,
    namespace: String,
    delivery: Option<Delivery>,
    ground: Ground,
}

impl Cluster {
    /// Faults by agents, whose image this is: with a registry that the nodes reach, and a tag or a digest of this crate's
    /// own version. `cargo xtask agent` builds it.
    ///
    /// # Errors
    /// What is no name of an image, or one that says no version.
    pub fn agents(&self, image: impl Into<String>) -> Result<Agents> {
        let image = image.into();
        check(&image)?;
        let settings =
            Settings { image, namespace: NAMESPACE.to_owned(), delivery: None, ground: Ground::default() };
        Ok(Agents { cluster: self.clone(), settings: Arc::new(settings) })
    }
}

fn check(image: &str) -> Result<()> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"./:@_-".contains(&byte);
    let name = image.rsplit('/').next().unwrap_or_default();
    let has_version = name.split_once([':', '@']).is_some_and(|(name, version)| {
        !name.is_empty() && !version.is_empty() && !version.ends_with(':') && version != "latest"
    });
    if has_version && image.len() <= LONGEST_IMAGE && image.bytes().all(is_plain) && !image.starts_with('/') {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{image:?} is no image of an agent: give registry/name:version, or @sha256:... instead of the version"
    )))
}

impl Agents {
    /// Agents' pods are put into this namespace instead of `chaos`. It must exist, and its Pod Security level must be
    /// `privileged` for what agents on nodes do. Nothing else should be in it.
    ///
    /// # Errors
    /// What Kubernetes does not take for a namespace.
    pub fn in_namespace(mut self, namespace: impl Into<String>) -> Result<Self> {
        let namespace = namespace.into();
        names::label("namespace", &namespace)?;
        Arc::make_mut(&mut self.settings).namespace = namespace;
        Ok(self)
    }

    /// Only by this delivery. Without it each plan chooses the one with the least rights that does the job.
    #[must_use]
    pub fn only_by(mut self, delivery: Delivery) -> Self {
        Arc::make_mut(&mut self.settings).delivery = Some(delivery);
        self
    }

    /// What is known of the nodes' cgroups, for stress in a container's: without it agents get what works everywhere.
    #[must_use]
    pub fn ground(mut self, ground: Ground) -> Self {
        Arc::make_mut(&mut self.settings).ground = ground;
        self
    }

    /// A network fault on pods. Its traffic is what it says, or that with the peers of [`to`](PodFault::to) and the like.
    pub fn net(&self, rule: impl Into<NetRule>) -> PodFault<NetRule> {
        PodFault::new(self, rule.into())
    }

    /// Any other fault on pods: DNS faults, stress, freezes, signals, pauses.
    pub fn fault(&self, fault: impl Into<FaultData>) -> PodFault<FaultData> {
        PodFault::new(self, fault.into())
    }

    pub(super) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    pub(super) fn image(&self) -> &str {
        &self.settings.image
    }

    pub(super) fn namespace(&self) -> &str {
        &self.settings.namespace
    }

    pub(super) fn delivery(&self) -> Option<Delivery> {
        self.settings.delivery
    }

    pub(super) fn ground_of_nodes(&self) -> Ground {
        self.settings.ground
    }
}

impl fmt::Debug for Agents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_says_its_version() {
        let digest = format!("r.example.org:5000/a@sha256:{}", "0".repeat(64));
        for good in ["localhost/chaos-agent:0.1.0", "a:1", "r.example.org:5000/team/a:v1", digest.as_str()] {
            check(good).unwrap();
        }
        for bad in
            ["", "a", "a:", ":1", "a:latest", "r.example.org:5000/a", "a b:1", "/a:1", "a:1\n", "a@sha256:"]
        {
            assert!(check(bad).unwrap_err().is_invalid(), "{bad:?}");
        }
    }
}
