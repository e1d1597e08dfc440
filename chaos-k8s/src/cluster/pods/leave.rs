//! [`leave_service`]: takes a pod out of a service.

use chaos_core::{Approved, Error, Fault, Observed, Owner, Plan, Result, Target};
use serde_json::Value;

use super::place;
use crate::cluster::api::Kind;
use crate::cluster::mark::{Field, Fields, Release};
use crate::cluster::rights::{Needs, Place, Right, Rights};
use crate::cluster::select::names;
use crate::cluster::{Cluster, Pod, Service};

/// Takes the pod out of `service`: a label that makes it one of the endpoints is taken away. The pod itself goes on.
///
/// Which label: the first that the service selects by, or the one that [`by_label`](LeaveService::by_label) names. Where
/// the pod's controller selects by the same label, it lets go of the pod and makes another, and deletes one of the two
/// when the label is back: the plan says so. Take a label that only the service selects by where there is one.
///
/// The undo puts the label back exactly as it was.
pub fn leave_service(service: Service) -> LeaveService {
    LeaveService { service, key: None }
}

/// See [`leave_service`].
#[derive(Debug, Clone)]
#[must_use = "a fault does nothing until it is injected"]
pub struct LeaveService {
    service: Service,
    key: Option<String>,
}

impl LeaveService {
    /// By this label, which the service must select by.
    ///
    /// # Errors
    /// What Kubernetes does not take for a key.
    pub fn by_label(mut self, key: impl Into<String>) -> Result<Self> {
        let key = key.into();
        names::key("label", &key)?;
        self.key = Some(key);
        Ok(self)
    }

    async fn key_for(&self, pod: &Pod) -> Result<String> {
        if pod.namespace() != self.service.namespace() {
            return Err(Error::refused(format!(
                "{} selects no pods of namespace {}",
                self.service,
                pod.namespace()
            )));
        }
        let selector = self.service.selector().await?;
        if !selector.iter().all(|(key, value)| pod.labels().get(key) == Some(value)) {
            return Err(Error::refused(format!("pod {} is no endpoint of {}", pod.name(), self.service)));
        }
        match &self.key {
            Some(key) if selector.contains_key(key) => Ok(key.clone()),
            Some(key) => {
                let keys: Vec<&str> = selector.keys().map(String::as_str).collect();
                Err(Error::refused(format!("{} selects by {}, not by {key}", self.service, keys.join(", "))))
            }
            None => selector
                .into_keys()
                .next()
                .ok_or_else(|| Error::refused(format!("{} selects no pods", self.service))),
        }
    }
}

impl Needs for LeaveService {
    fn needs(&self, place: Place<'_>) -> Rights {
        let service = Right::new("get", Kind::SERVICE, Some(self.service.namespace()));
        Rights::from_iter([place.right("get"), place.right("patch"), service])
    }
}

impl Fault for LeaveService {
    type Target = Pod;
    type Undo = Release;

    fn describe(&self) -> String {
        format!("leave {}", self.service)
    }

    fn via<'a>(&'a self, pod: &'a Pod) -> &'a Cluster {
        pod.cluster()
    }

    async fn prepare(&self, pod: &Pod) -> Result<Plan<Release>> {
        pod.cluster().require(&self.needs(place(pod))).await?;
        let key = self.key_for(pod).await?;
        let wants = Fields::from([(Field::Label(key.clone()), Value::Null)]);
        let (_, undo) = Release::plan(pod.cluster(), &pod.object(), "pods::leave_service", wants).await?;
        let value = pod.label(&key).unwrap_or_default();
        let controller = match pod.controller() {
            Some(controller) => format!(
                "; if {} {} selects by it too, it makes another pod, and deletes one when the label is back",
                controller.kind, controller.name
            ),
            None => String::new(),
        };
        let change =
            format!("loses its label {key}={value}, and {} no longer leads to it{controller}", self.service);
        Ok(Plan::reversible(change, undo).owned_by(Owner::Sweep))
    }

    async fn inject(&self, pod: &Approved<Pod>, undo: &Release) -> Result<()> {
        undo.take(pod.cluster(), pod.lasting()).await
    }

    async fn extend(&self, pod: &Approved<Pod>, undo: &Release) -> Result<()> {
        undo.extend(pod.cluster(), pod.lasting()).await
    }

    async fn observe(&self, pod: &Pod, undo: &Release) -> Result<Observed> {
        undo.observe(pod.cluster(), |_| format!("it has no label by which {} selects", self.service)).await
    }
}
