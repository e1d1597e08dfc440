//! JSON: the form for programs, described by `docs/report-schema.json`.

use crate::error::{Error, Result};
use crate::report::Report;

impl Report {
    /// The report as JSON, indented, with the schema [`SCHEMA`](crate::report::SCHEMA).
    ///
    /// Durations are numbers with the unit in the name (`elapsed_ms`, `p99_us`), kept to the microsecond; `started` is
    /// RFC 3339 in UTC. The JSON Schema is
    /// [`docs/report-schema.json`](https://github.com/chaos-sdk/chaos/blob/main/chaos-core/docs/report-schema.json).
    /// Within `chaos/report/1` fields may be added, none change or go. `seed` uses all 64 bits: JavaScript rounds it,
    /// `replay` has it as text.
    ///
    /// ```
    /// # use std::time::SystemTime;
    /// # use chaos_core::report::{Outcome, Report};
    /// let report = Report::new("cart survives", Outcome::Held, 7, SystemTime::UNIX_EPOCH);
    /// assert_eq!(Report::from_json(&report.to_json())?, report);
    /// # Ok::<(), chaos_core::Error>(())
    /// ```
    pub fn to_json(&self) -> String {
        #[expect(clippy::expect_used, reason = "a tree of structs with string keys always serialises")]
        let mut json = serde_json::to_string_pretty(self).expect("a report is a tree of plain values");
        json.push('\n');
        json
    }

    /// Reads what [`to_json`](Report::to_json) wrote; unknown fields are skipped.
    ///
    /// # Errors
    /// [invalid](Error::is_invalid) when it is not JSON, has another schema, or lacks a field.
    pub fn from_json(json: &str) -> Result<Self> {
        serde_json::from_str(json).map_err(|source| {
            Error::invalid(format!("this is not a report of schema {}", crate::report::SCHEMA))
                .with_source(source)
        })
    }
}
