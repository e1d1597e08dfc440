//! [`Field`]: a part of an object that a fault takes hold of, and how it is read and written.

use std::fmt;

use chaos_core::Error;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A part of an object that a fault takes hold of. Absent reads as null.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum Field {
    /// The image of the container with this name.
    Image(String),
    /// How many replicas a workload asks for.
    Replicas,
    /// Whether a node takes no more pods; false reads as null.
    Unschedulable,
    /// The taint of a node with this effect and key, whole.
    Taint { effect: String, key: String },
    /// The label with this key.
    Label(String),
}

impl Field {
    pub(crate) fn read(&self, object: &Value) -> Value {
        let at = |path: &str| object.pointer(path).cloned().unwrap_or(Value::Null);
        match self {
            Self::Image(container) => {
                named(object, container).map_or(Value::Null, |found| found["image"].clone())
            }
            // What the API server fills in where a manifest says nothing.
            Self::Replicas => object.pointer("/spec/replicas").cloned().unwrap_or(json!(1)),
            Self::Unschedulable if at("/spec/unschedulable") == json!(true) => json!(true),
            Self::Unschedulable => Value::Null,
            Self::Taint { effect, key } => {
                let taint = taints(object).into_iter().find(|taint| is_taint(taint, effect, key));
                taint.unwrap_or(Value::Null)
            }
            Self::Label(key) => object["metadata"]["labels"].get(key).cloned().unwrap_or(Value::Null),
        }
    }

    /// Whether what was read is what was written: the server adds to a taint when it was made.
    pub(crate) fn is(&self, read: &Value, written: &Value) -> bool {
        match self {
            Self::Taint { .. } => {
                let value = |taint: &Value| taint["value"].as_str().unwrap_or_default().to_owned();
                read.is_null() == written.is_null() && value(read) == value(written)
            }
            _ => read == written,
        }
    }

    /// Adds to `patch` what makes this field `value`; replicas have a subresource of their own.
    fn write(&self, value: &Value, object: &Value, patch: &mut Value) {
        match self {
            Self::Image(container) => {
                let mut list = begun(patch, object, "containers");
                for there in list.iter_mut().filter(|there| there["name"] == container.as_str()) {
                    there["image"] = value.clone();
                }
                patch["spec"]["containers"] = Value::Array(list);
            }
            Self::Replicas => {}
            Self::Unschedulable => patch["spec"]["unschedulable"] = value.clone(),
            Self::Taint { effect, key } => {
                let mut list = begun(patch, object, "taints");
                let place = list.iter().position(|taint| is_taint(taint, effect, key));
                match (place, value.is_null()) {
                    (Some(place), true) => drop(list.remove(place)),
                    (Some(place), false) => list[place] = value.clone(),
                    (None, true) => {}
                    (None, false) => list.push(value.clone()),
                }
                patch["spec"]["taints"] = if list.is_empty() { Value::Null } else { Value::Array(list) };
            }
            Self::Label(key) => patch["metadata"]["labels"][key] = value.clone(),
        }
    }
}

/// The patch that makes these fields what is said, beside what `patch` has already: a merge (RFC 7396), in which lists stand
/// whole and in their order. Kubernetes' own merge of lists by name would order them anew.
pub(crate) fn write_all<'a>(
    fields: impl IntoIterator<Item = (&'a Field, &'a Value)>,
    object: &Value,
    mut patch: Value,
) -> Value {
    for (field, value) in fields {
        field.write(value, object, &mut patch);
    }
    patch
}

/// A list of the object, as far as `patch` changes it already.
fn begun(patch: &Value, object: &Value, list: &str) -> Vec<Value> {
    let of = |whole: &Value| whole["spec"][list].as_array().cloned();
    of(patch).or_else(|| of(object)).unwrap_or_default()
}

fn named<'a>(object: &'a Value, container: &str) -> Option<&'a Map<String, Value>> {
    let containers = object.pointer("/spec/containers")?.as_array()?;
    containers
        .iter()
        .filter_map(Value::as_object)
        .find(|found| found.get("name").is_some_and(|name| name == container))
}

fn taints(node: &Value) -> Vec<Value> {
    node.pointer("/spec/taints").and_then(Value::as_array).cloned().unwrap_or_default()
}

fn is_taint(taint: &Value, effect: &str, key: &str) -> bool {
    taint["effect"] == effect && taint["key"] == key
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(container) => write!(f, "image/{container}"),
            Self::Replicas => f.write_str("replicas"),
            Self::Unschedulable => f.write_str("unschedulable"),
            Self::Taint { effect, key } => write!(f, "taint/{effect}/{key}"),
            Self::Label(key) => write!(f, "label/{key}"),
        }
    }
}

impl From<Field> for String {
    fn from(field: Field) -> Self {
        field.to_string()
    }
}

impl TryFrom<String> for Field {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        let field = match text.split_once('/') {
            None if text == "replicas" => Self::Replicas,
            None if text == "unschedulable" => Self::Unschedulable,
            Some(("image", container)) => Self::Image(container.to_owned()),
            Some(("label", key)) => Self::Label(key.to_owned()),
            Some(("taint", taint)) => match taint.split_once('/') {
                Some((effect, key)) => Self::Taint { effect: effect.to_owned(), key: key.to_owned() },
                None => return Err(unknown(&text)),
            },
            _ => return Err(unknown(&text)),
        };
        Ok(field)
    }
}

fn unknown(text: &str) -> Error {
    Error::invalid(format!("{text:?} is not a field that faults take hold of"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back() {
        let fields = [
            Field::Image("web".into()),
            Field::Replicas,
            Field::Unschedulable,
            Field::Taint { effect: "NoSchedule".into(), key: "example.org/a/b".into() },
            Field::Label("app.kubernetes.io/name".into()),
        ];
        for field in fields {
            assert_eq!(Field::try_from(field.to_string()).unwrap(), field);
        }
        for wrong in ["", "x", "taint/NoSchedule", "secret/x"] {
            assert!(Field::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn images_change_where_they_stand() {
        let pod = json!({"spec": {"containers": [
            {"name": "web", "image": "web:1", "env": [{"name": "A"}]}, {"name": "side", "image": "side:1"},
        ]}});
        let (web, side) = (Field::Image("web".into()), Field::Image("side".into()));
        let patch = write_all([(&side, &json!("none")), (&web, &json!("none"))], &pod, json!({}));
        let containers = json!([
            {"name": "web", "image": "none", "env": [{"name": "A"}]}, {"name": "side", "image": "none"},
        ]);
        assert_eq!(patch, json!({"spec": {"containers": containers}}));
    }

    #[test]
    fn a_taint_is_changed_in_its_place_and_others_stay() {
        let ours = Field::Taint { effect: "NoSchedule".into(), key: "ours".into() };
        let other = json!({"key": "ours", "effect": "NoExecute", "value": "x", "timeAdded": "t"});
        let node = json!({"spec": {"taints": [other]}});
        let taint = json!({"key": "ours", "effect": "NoSchedule", "value": "1"});
        let patch = write_all([(&ours, &taint)], &node, json!({}));
        assert_eq!(patch["spec"]["taints"], json!([other, taint]));
        let read = json!({"key": "ours", "effect": "NoSchedule", "value": "1", "timeAdded": "now"});
        assert!(ours.is(&read, &taint) && !ours.is(&Value::Null, &taint) && !ours.is(&other, &taint));
        let gone = write_all([(&ours, &Value::Null)], &json!({"spec": {"taints": [taint]}}), json!({}));
        assert_eq!(gone["spec"]["taints"], Value::Null);
    }
}
