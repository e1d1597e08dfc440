//! A spec in base64, for an environment variable: Kubernetes rewrites `$` in those, and has no `$` in base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chaos_core::{Error, Result};
use serde::Deserialize;

use super::Spec;
use super::version::Version;

/// What is read first: of another version, nothing else of it is looked at.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "version")]
    _version: Version,
}

impl Spec {
    /// The spec in base64 of JSON.
    ///
    /// # Errors
    /// As [`check`](Spec::check); longer than [`LONGEST`](Spec::LONGEST).
    pub fn encode(&self) -> Result<String> {
        self.check()?;
        let json = serde_json::to_vec(self)
            .map_err(|source| Error::invalid("the spec cannot be written as JSON").with_source(source))?;
        let text = STANDARD.encode(json);
        must_fit(&text)?;
        Ok(text)
    }

    /// Reads what [`encode`](Spec::encode) wrote.
    ///
    /// # Errors
    /// Too long, no base64, no JSON, of another version, not a spec (the error names the place), or one that
    /// [`check`](Spec::check) refuses.
    pub fn decode(text: &str) -> Result<Self> {
        must_fit(text)?;
        let text = text.trim();
        if text.is_empty() {
            return Err(Error::invalid("the spec is empty: give one, in base64 of JSON"));
        }
        let json = STANDARD.decode(text).map_err(|source| {
            Error::invalid("the spec is no base64: give base64 of JSON").with_source(source)
        })?;
        serde_json::from_slice::<Envelope>(&json).map_err(|source| wrong("", &source))?;
        let mut reader = serde_json::Deserializer::from_slice(&json);
        let spec: Self = serde_path_to_error::deserialize(&mut reader)
            .map_err(|error| wrong(&error.path().to_string(), error.inner()))?;
        spec.check()?;
        Ok(spec)
    }
}

fn must_fit(text: &str) -> Result<()> {
    if text.len() <= Spec::LONGEST {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "the spec is {} bytes in base64, and {} fit: give fewer items or addresses, or use several agents",
        text.len(),
        Spec::LONGEST
    )))
}

fn wrong(place: &str, said: &serde_json::Error) -> Error {
    let said = said.to_string();
    // On one line of JSON, the line says nothing and the column little.
    let said = said.split(" at line ").next().unwrap_or_default();
    match place {
        "" | "." => Error::invalid(format!("the spec cannot be read: {said}")),
        place => Error::invalid(format!("the spec cannot be read: {place}: {said}")),
    }
}
