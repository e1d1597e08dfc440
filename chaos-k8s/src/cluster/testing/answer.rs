//! What the server answers: objects, lists and refusals.

use serde_json::{Value, json};

/// An answer: its code and its body.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) code: u16,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn new(code: u16, body: &Value) -> Self {
        Self { code, body: body.to_string().into_bytes() }
    }
}

/// A refusal, as a `Status`.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    pub(super) code: u16,
    reason: &'static str,
    message: String,
    details: Value,
}

pub(super) type Outcome<T> = Result<T, Refused>;

impl Refused {
    pub(super) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: json!({}) }
    }

    pub(super) fn not_found(resource: &str, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{resource} {name:?} not found"))
    }

    pub(super) fn no_such_resource() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource")
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(422, "Invalid", message)
    }

    pub(super) fn conflict(resource: &str, name: &str, why: &str) -> Self {
        Self::new(409, "Conflict", format!("Operation cannot be fulfilled on {resource} {name:?}: {why}"))
    }

    pub(super) fn changed(resource: &str, name: &str) -> Self {
        let why =
            "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(resource, name, why)
    }

    pub(super) fn of_budget(cause: String) -> Self {
        let message = "Cannot evict pod as it would violate the pod's disruption budget.";
        let details = json!({"causes": [{"reason": "DisruptionBudget", "message": cause}]});
        Self { details, ..Self::new(429, "TooManyRequests", message) }
    }

    pub(super) fn into_answer(self) -> Answer {
        let Self { code, reason, message, details } = self;
        let body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "details": details, "code": code,
        });
        Answer::new(code, &body)
    }
}
