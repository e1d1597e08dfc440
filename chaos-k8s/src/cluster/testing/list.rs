//! Lists: selectors, pages, metadata alone.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::answer::{Answer, Outcome, Refused};
use super::route::Route;
use super::store::Stored;
use super::world::World;
use crate::cluster::api::Kind;
use crate::cluster::select::LabelSelector;

/// The lists that were begun: what is left of each, as it was when it began.
#[derive(Debug, Default)]
pub(super) struct Pages {
    left: HashMap<String, Vec<Arc<Stored>>>,
    begun: u64,
}

impl Pages {
    pub(super) fn expire(&mut self) {
        self.left.clear();
    }
}

#[derive(Debug, Default)]
struct Asked {
    limit: Option<usize>,
    token: Option<String>,
    labels: Option<LabelSelector>,
    fields: Vec<(String, bool, String)>,
}

impl Asked {
    fn read(query: &str) -> Outcome<Self> {
        let mut asked = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let wrong = |what: &str| Refused::bad_request(format!("{what} {value:?} cannot be read"));
            match key.as_ref() {
                "limit" => asked.limit = Some(value.parse().map_err(|_| wrong("limit"))?),
                "continue" => asked.token = Some(value.into_owned()),
                "labelSelector" if value.is_empty() => {}
                "labelSelector" => asked.labels = Some(value.parse().map_err(|_| wrong("labelSelector"))?),
                "fieldSelector" => {
                    for term in value.split(',').filter(|term| !term.is_empty()) {
                        let (field, is, wanted) = match (term.split_once("!="), term.split_once('=')) {
                            (Some((field, wanted)), _) => (field, false, wanted),
                            (None, Some((field, wanted))) => (field, true, wanted.trim_start_matches('=')),
                            (None, None) => return Err(wrong("fieldSelector")),
                        };
                        asked.fields.push((field.to_owned(), is, wanted.to_owned()));
                    }
                }
                _ => {}
            }
        }
        Ok(asked)
    }

    fn selects(&self, kind: Kind, object: &Value) -> Outcome<bool> {
        if let Some(labels) = &self.labels {
            let has = object["metadata"]["labels"].as_object().into_iter().flatten();
            let has = has
                .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
                .collect();
            if !labels.matches(&has) {
                return Ok(false);
            }
        }
        for (field, is, wanted) in &self.fields {
            if (field_of(kind, object, field)? == *wanted) != *is {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// As a real server's: pods have more fields than others.
fn field_of(kind: Kind, object: &Value, field: &str) -> Outcome<String> {
    let for_pods = [
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    ];
    let known = matches!(field, "metadata.name" | "metadata.namespace")
        || (kind == Kind::POD && for_pods.contains(&field))
        || (kind == Kind::NODE && field == "spec.unschedulable");
    if !known {
        return Err(Refused::bad_request(format!("field label not supported: {field}")));
    }
    Ok(match object.pointer(&format!("/{}", field.replace('.', "/"))) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(truth)) => truth.to_string(),
        _ if matches!(field, "spec.hostNetwork" | "spec.unschedulable") => "false".to_owned(),
        _ => String::new(),
    })
}

impl World {
    pub(super) fn list(&mut self, route: &Route, parts: &http::request::Parts) -> Outcome<Answer> {
        let asked = Asked::read(parts.uri.query().unwrap_or_default())?;
        let mut left = match &asked.token {
            Some(token) => self.pages.left.remove(token).ok_or_else(|| {
                Refused::new(
                    410,
                    "Expired",
                    "The provided continue parameter is too old to display a consistent list",
                )
            })?,
            None => {
                let mut selected = Vec::new();
                for stored in self.store.of_kind(route.kind, route.namespace.as_deref()) {
                    if self.ignores_selectors || asked.selects(route.kind, &stored.value)? {
                        selected.push(Arc::clone(stored));
                    }
                }
                // Asked even of an empty list.
                asked.selects(route.kind, &json!({}))?;
                selected
            }
        };
        let rest =
            left.split_off(asked.limit.filter(|limit| *limit > 0).unwrap_or(left.len()).min(left.len()));
        let mut meta = json!({"resourceVersion": self.store.version().to_string()});
        if !rest.is_empty() {
            self.pages.begun += 1;
            let token = format!("page-{}", self.pages.begun);
            meta["remainingItemCount"] = json!(rest.len());
            meta["continue"] = json!(token);
            self.pages.left.insert(token, rest);
        }
        let accept = parts
            .headers
            .get(http::header::ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .unwrap_or_default();
        let metadata_only = accept.contains("as=PartialObjectMetadataList");
        let (kind, version) = match metadata_only {
            true => ("PartialObjectMetadataList".to_owned(), "meta.k8s.io/v1".to_owned()),
            false => (format!("{}List", route.kind.kind), route.kind.api_version()),
        };
        if metadata_only && left.is_empty() {
            let none = json!({"kind": kind, "apiVersion": version, "metadata": meta, "items": null});
            return Ok(Answer::new(200, &none));
        }
        let mut body =
            format!("{{\"kind\":{kind:?},\"apiVersion\":{version:?},\"metadata\":{meta},\"items\":[");
        for (index, stored) in left.iter().enumerate() {
            if index > 0 {
                body.push(',');
            }
            if metadata_only {
                body.push_str(&json!({"metadata": stored.value["metadata"]}).to_string());
            } else {
                body.push_str(stored.json());
            }
        }
        body.push_str("]}");
        Ok(Answer { code: 200, body: body.into_bytes() })
    }
}
