//! Whether something else decides how many replicas a workload has.

use chaos_core::Result;
use serde::Deserialize;

use crate::cluster::Workload;
use crate::cluster::api::{Kind, Meta, Query};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Raw {
    metadata: Meta,
    spec: RawSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawSpec {
    scale_target_ref: Reference,
    min_replicas: Option<u32>,
    max_replicas: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Reference {
    kind: String,
    name: String,
}

/// The autoscaler that scales `workload`, and between which bounds, in words.
pub(super) async fn of(workload: &Workload) -> Result<Option<String>> {
    let object = workload.object();
    let is_its = |raw: Raw| {
        let target = &raw.spec.scale_target_ref;
        (target.kind == object.kind.kind && target.name == object.name).then(|| {
            // What the API server fills in.
            let least = raw.spec.min_replicas.unwrap_or(1);
            format!("{} (between {least} and {} replicas)", raw.metadata.name, raw.spec.max_replicas)
        })
    };
    let found = workload
        .cluster()
        .api()
        .list(Kind::AUTOSCALER, object.namespace(), &Query::default(), is_its)
        .await?;
    Ok(found.into_iter().next())
}
