//! Patches: merges and operations. Kubernetes' own kind is not there: it orders lists anew, and nothing here uses it.

use serde_json::{Map, Value};

use super::answer::{Outcome, Refused};

/// RFC 7396: null takes away, lists are replaced whole.
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    let target = object(target);
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

fn object(target: &mut Value) -> &mut Map<String, Value> {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    match target {
        Value::Object(object) => object,
        _ => unreachable!("it was made one above"),
    }
}

/// RFC 6902: `test`, `add`, `replace` and `remove`, all or nothing.
pub(super) fn json_patch(target: &mut Value, operations: &[Value]) -> Outcome<()> {
    let mut patched = target.clone();
    for operation in operations {
        let path = operation["path"].as_str().unwrap_or_default();
        let wrong = |what: &str| {
            Refused::invalid(format!(
                "the server rejected our request due to an error in our request: {what} at {path:?}"
            ))
        };
        let (parent, last) = path.rsplit_once('/').ok_or_else(|| wrong("no path"))?;
        let last = last.replace("~1", "/").replace("~0", "~");
        let found = patched.pointer(path).cloned();
        let parent = patched.pointer_mut(parent).ok_or_else(|| wrong("nothing"))?;
        match (operation["op"].as_str().unwrap_or_default(), parent) {
            ("test", _) if found.as_ref() == Some(&operation["value"]) => {}
            ("test", _) => return Err(wrong("testing value failed")),
            ("remove", _) | ("replace", _) if found.is_none() => return Err(wrong("nothing")),
            ("remove", Value::Object(parent)) => drop(parent.remove(&last)),
            ("add" | "replace", Value::Object(parent)) => {
                drop(parent.insert(last, operation["value"].clone()))
            }
            ("add", Value::Array(parent)) if last == "-" => parent.push(operation["value"].clone()),
            (op, Value::Array(parent)) => {
                let place: usize = last.parse().map_err(|_| wrong("no place"))?;
                match op {
                    "add" if place <= parent.len() => parent.insert(place, operation["value"].clone()),
                    "replace" if place < parent.len() => parent[place] = operation["value"].clone(),
                    "remove" if place < parent.len() => drop(parent.remove(place)),
                    _ => return Err(wrong("no such operation or place")),
                }
            }
            _ => return Err(wrong("no such operation")),
        }
    }
    *target = patched;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_of_patch_does_what_its_text_says() {
        let pod = json!({"metadata": {"labels": {"a": "1", "b": "2"}}, "spec": {"containers": [{"name": "x", "image": "1", "tty": true}, {"name": "y"}]}});
        let mut merged = pod.clone();
        merge(
            &mut merged,
            &json!({"metadata": {"labels": {"a": null}}, "spec": {"containers": [{"name": "z"}]}}),
        );
        assert_eq!(
            merged,
            json!({"metadata": {"labels": {"b": "2"}}, "spec": {"containers": [{"name": "z"}]}})
        );
        let mut patched = pod.clone();
        let operations = [
            json!({"op": "test", "path": "/metadata/labels/a", "value": "1"}),
            json!({"op": "replace", "path": "/spec/containers/1/name", "value": "q"}),
            json!({"op": "add", "path": "/metadata/labels/c~1d", "value": "3"}),
            json!({"op": "remove", "path": "/metadata/labels/b"}),
        ];
        json_patch(&mut patched, &operations).unwrap();
        assert_eq!(patched["metadata"]["labels"], json!({"a": "1", "c/d": "3"}));
        assert_eq!(patched["spec"]["containers"][1], json!({"name": "q"}));
        let mut untouched = pod.clone();
        let fails =
            [operations[3].clone(), json!({"op": "test", "path": "/metadata/labels/a", "value": "2"})];
        assert_eq!(json_patch(&mut untouched, &fails).unwrap_err().code, 422);
        assert_eq!(untouched, pod);
    }
}
