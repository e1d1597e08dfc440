//! [`Held`]: what an object's annotation says of the faults that have hold of it.
//!
//! ```text
//! chaos-sdk.dev/faults: {"claims": [{"id": .., "run": .., "fault": "pods::fail", "until": .., "wants": {"image/web": "..."}}],
//!                        "found":  {"image/web": "shop/web:1.2"}}
//! ```
//! The first fault on a field writes down what it found, the last one that lets go restores it, in whatever order they
//! end. What somebody else has put into a field meanwhile stays.

use std::collections::BTreeMap;

use chaos_core::ledger::RunId;
use chaos_core::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::deadline::Deadline;
use super::field::{Field, write_all};
use super::{FAULTS, UNDER_FAULT};

/// Fields with the values that they are to have.
pub(crate) type Fields = BTreeMap<Field, Value>;

/// One fault's hold on an object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Claim {
    pub(crate) id: RunId,
    pub(crate) run: RunId,
    pub(crate) fault: String,
    pub(crate) until: Deadline,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) wants: Fields,
}

/// The faults that have hold of an object, the last one last.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Held {
    pub(crate) claims: Vec<Claim>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) found: Fields,
}

impl Held {
    /// # Errors
    /// Refused where the annotation is not what we write: nothing is changed then.
    pub(crate) fn read(object: &Value) -> Result<Self> {
        let text = object["metadata"]["annotations"].get(FAULTS).and_then(Value::as_str);
        text.map_or_else(|| Ok(Self::default()), Self::parse)
    }

    /// As [`read`](Self::read), from the annotation itself.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| {
            Error::refused(format!(
                "its annotation {FAULTS} cannot be read: put the object right by hand and take the annotation away"
            ))
            .with_source(error)
        })
    }

    /// What an object carries that was made for one fault.
    pub(crate) fn only(claim: Claim) -> Self {
        Self { claims: vec![claim], found: Fields::new() }
    }

    pub(crate) fn claim(&self, id: RunId) -> Option<&Claim> {
        self.claims.iter().find(|claim| claim.id == id)
    }

    /// Whether a fault has hold of `field`.
    pub(crate) fn has_hold_of(&self, field: &Field) -> bool {
        self.last_that_wants(field).is_some()
    }

    fn last_that_wants(&self, field: &Field) -> Option<&Value> {
        self.claims.iter().rev().find_map(|claim| claim.wants.get(field))
    }

    fn is_wanted(&self, field: &Field, now: &Value) -> bool {
        self.claims.iter().filter_map(|claim| claim.wants.get(field)).any(|wanted| field.is(now, wanted))
    }

    /// Adds `claim`; what has to change in the object.
    pub(crate) fn add(&mut self, object: &Value, claim: Claim) -> Fields {
        for field in claim.wants.keys() {
            self.note_found(field, object);
        }
        let differs = |(field, wanted): &(&Field, &Value)| !field.is(&field.read(object), wanted);
        let changes =
            claim.wants.iter().filter(differs).map(|(field, value)| (field.clone(), value.clone())).collect();
        self.claims.push(claim);
        changes
    }

    /// Writes down what is found in `field`, unless a fault has put it there.
    pub(crate) fn note_found(&mut self, field: &Field, object: &Value) {
        let now = field.read(object);
        if !self.found.contains_key(field) || !self.is_wanted(field, &now) {
            self.found.insert(field.clone(), now);
        }
    }

    /// Takes the claim `id` away; what has to change in the object. `None` where there is no such claim.
    pub(crate) fn remove(&mut self, object: &Value, id: RunId) -> Option<Fields> {
        let place = self.claims.iter().position(|claim| claim.id == id)?;
        let claim = self.claims.remove(place);
        let mut changes = Fields::new();
        for (field, wanted) in claim.wants {
            let is_ours = field.is(&field.read(object), &wanted);
            let next = match self.last_that_wants(&field) {
                Some(next) => Some(next.clone()),
                None => self.found.remove(&field),
            };
            match next {
                Some(next) if is_ours && !field.is(&next, &wanted) => drop(changes.insert(field, next)),
                _ => {}
            }
        }
        Some(changes)
    }

    /// The patch of `object` that writes this down and makes `changes`, if nobody has changed it since it was read.
    pub(crate) fn patch(&self, object: &Value, changes: &Fields) -> Value {
        let none_left = self.claims.is_empty();
        let text = json!(self).to_string();
        let patch = json!({
            "metadata": {
                "uid": object["metadata"]["uid"],
                "resourceVersion": object["metadata"]["resourceVersion"],
                "annotations": {FAULTS: if none_left { Value::Null } else { Value::String(text) }},
                "labels": {UNDER_FAULT: if none_left { Value::Null } else { json!("true") }},
            },
        });
        write_all(changes, object, patch)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn claim(image: &str) -> Claim {
        Claim {
            id: RunId::fresh(),
            run: RunId::fresh(),
            fault: "test".into(),
            until: Deadline::after(Duration::from_secs(60)),
            wants: Fields::from([(field(), json!(image))]),
        }
    }

    fn field() -> Field {
        Field::Image("web".into())
    }

    fn pod(image: &str) -> Value {
        json!({"metadata": {"uid": "u", "resourceVersion": "1"}, "spec": {"containers": [{"name": "web", "image": image}]}})
    }

    /// What a server makes of the patch, as far as these fields go.
    fn apply(object: &mut Value, held: &Held, changes: &Fields) {
        let patch = held.patch(object, changes);
        if let Some(image) = patch.pointer("/spec/containers/0/image") {
            object["spec"]["containers"][0]["image"] = image.clone();
        }
        object["metadata"]["annotations"] = patch["metadata"]["annotations"].clone();
    }

    proptest! {
        #[test]
        fn the_last_one_out_restores_what_the_first_one_found(order in Just((0..5usize).collect::<Vec<_>>()).prop_shuffle(), same in any::<bool>()) {
            let mut object = pod("shop/web:1");
            let claims: Vec<Claim> = (0..5).map(|n| claim(&format!("fail/{}", if same { 0 } else { n }))).collect();
            for claim in &claims {
                let mut held = Held::read(&object).unwrap();
                let changes = held.add(&object, claim.clone());
                apply(&mut object, &held, &changes);
                prop_assert_eq!(field().read(&object), claim.wants[&field()].clone());
            }
            for (gone, index) in order.iter().enumerate() {
                let mut held = Held::read(&object).unwrap();
                let changes = held.remove(&object, claims[*index].id).unwrap();
                apply(&mut object, &held, &changes);
                let left = (0..5).filter(|n| !order[..=gone].contains(n)).max();
                let expected = left.map_or(json!("shop/web:1"), |last| claims[last].wants[&field()].clone());
                prop_assert_eq!(field().read(&object), expected);
            }
            prop_assert_eq!(object["metadata"]["annotations"][FAULTS].clone(), Value::Null);
        }
    }

    #[test]
    fn what_somebody_else_put_there_stays() {
        let mut object = pod("shop/web:1");
        let (first, second) = (claim("fail/1"), claim("fail/2"));
        let mut held = Held::default();
        let changes = held.add(&object, first.clone());
        apply(&mut object, &held, &changes);
        object["spec"]["containers"][0]["image"] = json!("shop/web:2");
        let mut held = Held::read(&object).unwrap();
        let changes = held.add(&object, second.clone());
        apply(&mut object, &held, &changes);
        for id in [first.id, second.id] {
            let mut held = Held::read(&object).unwrap();
            let changes = held.remove(&object, id).unwrap();
            apply(&mut object, &held, &changes);
        }
        assert_eq!(field().read(&object), json!("shop/web:2"));
    }

    #[test]
    fn an_annotation_of_another_form_is_refused() {
        let mut object = pod("shop/web:1");
        object["metadata"]["annotations"] = json!({FAULTS: "{\"claims\": 1}"});
        assert!(Held::read(&object).unwrap_err().is_refused());
        assert_eq!(Held::default().remove(&pod("x"), RunId::fresh()), None);
    }
}
