//! JSON: round trip, schema, and what it refuses.

use boon::{Compiler, Schemas};
use chaos_core::Report;
use chaos_core::report::{Outcome, SCHEMA};
use serde_json::{Value, json};

use super::fixture;

fn schema_of_the_docs() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/report-schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn complaint(instance: &Value) -> Option<String> {
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("report-schema.json", schema_of_the_docs()).unwrap();
    let index = compiler.compile("report-schema.json", &mut schemas).unwrap();
    schemas.validate(instance, index).err().map(|error| format!("{error:#}"))
}

#[test]
fn round_trip() {
    for (name, report) in fixture::all() {
        let json = report.to_json();
        let back = Report::from_json(&json).unwrap_or_else(|error| panic!("{name}: {}", error.chain()));
        assert!(back == report, "{name} came back as another report");
        assert!(back.to_json() == json, "{name} came back as other JSON");
    }
}

#[test]
fn the_schema_in_the_docs_describes_what_is_written() {
    for (name, report) in fixture::all() {
        let value = serde_json::to_value(&report).unwrap();
        if let Some(complaint) = complaint(&value) {
            panic!("{name}: {complaint}");
        }
    }
}

/// A schema that lets everything pass would pass the test above as well.
#[test]
fn the_schema_notices_what_is_wrong() {
    let whole = serde_json::to_value(fixture::broken()).unwrap();
    for (pointer, wrong) in [
        ("/schema", json!("chaos/report/2")),
        ("/outcome", json!("passed")),
        ("/seed", json!(-1)),
        ("/started", json!("yesterday")),
        ("/elapsed_ms", json!("90 s")),
        ("/steps/0/owner", json!("me")),
        ("/steps/0/hits", json!(0.5)),
        ("/probes/0/readings/0/phase", json!("later")),
        ("/timeline/points/0/p99_us", json!(-3)),
        ("/marks/0", json!({ "text": "no time" })),
    ] {
        let mut value = whole.clone();
        *value.pointer_mut(pointer).unwrap() = wrong;
        assert!(complaint(&value).is_some(), "{pointer}");
    }
}

/// Every field that is written is described, so that the schema does not fall behind.
#[test]
fn the_schema_names_every_field() {
    fn walk(value: &Value, found: &mut std::collections::BTreeSet<String>) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(name, value)| {
                found.insert(name.clone());
                walk(value, found);
            }),
            Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
            _ => {}
        }
    }
    let mut written = std::collections::BTreeSet::new();
    fixture::all().iter().for_each(|(_, report)| walk(&serde_json::to_value(report).unwrap(), &mut written));
    let mut described = std::collections::BTreeSet::new();
    walk(&schema_of_the_docs(), &mut described);
    let missing: Vec<_> = written.difference(&described).collect();
    assert!(missing.is_empty(), "not in docs/report-schema.json: {missing:?}");
}

#[test]
fn durations_carry_their_unit_and_time_is_rfc_3339() {
    let value = serde_json::to_value(fixture::broken()).unwrap();
    assert_eq!(value["schema"], SCHEMA);
    assert_eq!(value["elapsed_ms"], 90_412);
    assert_eq!(value["started"], "2026-03-04T10:11:12.345Z");
    assert_eq!(value["steps"][0]["added_delay_ms"], 35_812.4);
    assert_eq!(value["timeline"]["points"][390]["p99_us"], Value::Null);
    assert_eq!(value["steps"][0]["owner"], "process");
}

#[test]
fn another_schema_is_refused_by_name() {
    let json = fixture::held().to_json().replace(SCHEMA, "chaos/report/9");
    let error = Report::from_json(&json).unwrap_err();
    assert!(error.is_invalid());
    assert!(error.chain().contains("chaos/report/9"), "{}", error.chain());
}

#[test]
fn negative_durations_are_refused_and_unknown_fields_are_skipped() {
    let json = fixture::held().to_json();
    assert!(Report::from_json(&json.replace("\"elapsed_ms\": 30000", "\"elapsed_ms\": -1")).is_err());
    let newer = json.replacen('{', "{ \"a_later_field\": 1,", 1);
    assert_eq!(Report::from_json(&newer).unwrap(), fixture::held());
}

#[test]
fn only_held_is_held_and_exit_codes_differ() {
    let outcomes = [
        (Outcome::Held, 0),
        (Outcome::Broken, 1),
        (Outcome::Refused, 2),
        (Outcome::Aborted, 3),
        (Outcome::CleanupFailed, 4),
        (Outcome::Inconclusive, 5),
    ];
    for (outcome, code) in outcomes {
        let report = Report::new("t", outcome, 1, fixture::started());
        assert_eq!(outcome.exit_code(), code);
        assert_eq!(report.held(), code == 0);
        assert_eq!(Report::from_json(&report.to_json()).unwrap().outcome(), outcome);
    }
}
