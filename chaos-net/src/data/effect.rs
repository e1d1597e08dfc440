//! Effects from data.

use std::collections::BTreeMap;

use chaos_core::{Error, Probability, Result};
use serde::Deserialize;
use serde_json::Value;

use super::read;
use crate::body::BodyFault;
use crate::exchange::{Answer, Effect, HeaderEdit, HttpEffect, status_code};
use crate::grpc::Status;
use crate::injected::InjectedKind;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Data {
    Status(AnswerData),
    Grpc(GrpcData),
    Error(String),
    Hang,
    Panic(String),
    RequestHeaders(EditData),
    ResponseStatus(u16),
    ResponseHeaders(EditData),
    LoseResponse(String),
    HangResponse,
    Body(BodyData),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerData {
    code: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrpcData {
    code: Value,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EditData {
    #[serde(default)]
    add: BTreeMap<String, String>,
    #[serde(default)]
    replace: BTreeMap<String, String>,
    #[serde(default)]
    remove: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum BodyData {
    Slow(SlowData),
    Drip(DripData),
    Truncate(AfterData),
    Cut(CutData),
    Corrupt(CorruptData),
    Flip(FlipData),
    DropTrailers,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SlowData {
    bytes_per_second: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DripData {
    chunk_bytes: usize,
    pause: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AfterData {
    after_bytes: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CutData {
    after_bytes: u64,
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CorruptData {
    chance_per_byte: Probability,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FlipData {
    bytes: u64,
}

pub(crate) fn effect(effect: &Value) -> Result<HttpEffect> {
    let effect = match read(effect)? {
        Data::Status(data) => Effect::Answer(data.build().map_err(|err| err.context("status"))?),
        Data::Grpc(data) => Effect::Grpc(data.build().map_err(|err| err.context("grpc.code"))?),
        Data::Error(kind) => Effect::Error(error_kind(&kind, "error")?),
        Data::Hang => Effect::Hang,
        Data::Panic(message) => Effect::Panic(message),
        Data::RequestHeaders(data) => Effect::RequestHeaders(data.build("request_headers")?),
        Data::ResponseStatus(code) => {
            Effect::ResponseStatus(status_code(code).map_err(|err| err.context("response_status"))?)
        }
        Data::ResponseHeaders(data) => Effect::ResponseHeaders(data.build("response_headers")?),
        Data::LoseResponse(kind) => Effect::LoseResponse(error_kind(&kind, "lose_response")?),
        Data::HangResponse => Effect::HangResponse,
        Data::Body(data) => Effect::Body(data.build()?),
    };
    Ok(HttpEffect(effect))
}

fn error_kind(name: &str, at: &'static str) -> Result<InjectedKind> {
    name.parse().map_err(|err: Error| err.context(at))
}

impl AnswerData {
    fn build(self) -> Result<Answer> {
        let mut answer = Answer::status(self.code)?;
        for (name, value) in &self.headers {
            answer = answer.header(name, value)?;
        }
        Ok(answer.body(self.body))
    }
}

impl GrpcData {
    fn build(self) -> Result<Status> {
        let code = match &self.code {
            Value::String(name) => Status::code_named(name)?,
            Value::Number(code) => code
                .as_i64()
                .and_then(|code| i32::try_from(code).ok())
                .ok_or_else(|| Error::invalid(format!("gRPC code {code} is not in 1..=16")))?,
            other => return Err(Error::invalid(format!("{other} is neither a gRPC code nor its name"))),
        };
        Status::try_new(code, self.message)
    }
}

impl EditData {
    fn build(self, at: &'static str) -> Result<HeaderEdit> {
        let mut edit = HeaderEdit::new();
        let mut build = || -> Result<()> {
            for name in &self.remove {
                edit = std::mem::take(&mut edit).remove(name)?;
            }
            for (name, value) in &self.replace {
                edit = std::mem::take(&mut edit).replace(name, value)?;
            }
            for (name, value) in &self.add {
                edit = std::mem::take(&mut edit).add(name, value)?;
            }
            Ok(())
        };
        build().map_err(|err| err.context(at))?;
        if edit.is_empty() {
            return Err(Error::invalid(format!("{at}: changes nothing: say add, replace or remove")));
        }
        Ok(edit)
    }
}

impl BodyData {
    fn build(self) -> Result<BodyFault> {
        match self {
            Self::Slow(data) => BodyFault::slow(data.bytes_per_second)
                .map_err(|err| err.context("body.slow.bytes_per_second")),
            Self::Drip(data) => {
                let pause = humantime::parse_duration(&data.pause).map_err(|err| {
                    Error::invalid(format!(
                        "body.drip.pause: {:?} is not a duration like 200ms or 1.5s",
                        data.pause
                    ))
                    .with_source(err)
                })?;
                BodyFault::drip(data.chunk_bytes, pause).map_err(|err| err.context("body.drip.chunk_bytes"))
            }
            Self::Truncate(data) => Ok(BodyFault::Truncate(data.after_bytes)),
            Self::Cut(data) => {
                let kind = match &data.error {
                    Some(kind) => error_kind(kind, "body.cut.error")?,
                    None => InjectedKind::Reset,
                };
                Ok(BodyFault::Cut(data.after_bytes, kind))
            }
            Self::Corrupt(data) => BodyFault::corrupt(data.chance_per_byte)
                .map_err(|err| err.context("body.corrupt.chance_per_byte")),
            Self::Flip(data) => BodyFault::flip(data.bytes).map_err(|err| err.context("body.flip.bytes")),
            Self::DropTrailers => Ok(BodyFault::DropTrailers),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_effect_can_be_said() {
        for (data, says) in [
            (json!("hang"), "hang"),
            (json!("hang_response"), "response hangs"),
            (json!({"status": {"code": 503, "headers": {"retry-after": "2"}, "body": "busy"}}), "status 503"),
            (json!({"grpc": {"code": 14, "message": "down"}}), "gRPC status UNAVAILABLE"),
            (json!({"grpc": {"code": "DATA_LOSS"}}), "gRPC status DATA_LOSS"),
            (json!({"error": "timed_out"}), "error: timed out"),
            (json!({"panic": "boom"}), "panic \"boom\""),
            (
                json!({"request_headers": {"remove": ["accept"], "add": {"a": "b"}}}),
                "request: remove header accept, add header a",
            ),
            (json!({"response_headers": {"replace": {"age": "9"}}}), "response: replace header age"),
            (json!({"response_status": 500}), "response: status 500"),
            (json!({"lose_response": "reset"}), "response lost: connection reset"),
            (json!({"body": {"slow": {"bytes_per_second": 1000}}}), "body: 1000 bytes per second"),
            (json!({"body": {"drip": {"chunk_bytes": 3, "pause": "20ms"}}}), "body: 3 bytes every 20ms"),
            (json!({"body": {"truncate": {"after_bytes": 3}}}), "body: truncated after 3 bytes"),
            (json!({"body": {"cut": {"after_bytes": 3}}}), "body: cut after 3 bytes: connection reset"),
            (
                json!({"body": {"cut": {"after_bytes": 3, "error": "aborted"}}}),
                "body: cut after 3 bytes: connection aborted",
            ),
            (
                json!({"body": {"corrupt": {"chance_per_byte": 0.5}}}),
                "body: bytes corrupted with probability 0.5",
            ),
            (json!({"body": {"flip": {"bytes": 2}}}), "body: 2 bytes corrupted"),
            (json!({"body": "drop_trailers"}), "body: trailers dropped"),
        ] {
            assert_eq!(effect(&data).unwrap_or_else(|err| panic!("{data}: {err}")).to_string(), says);
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (data, says) in [
            (json!({"status": {"code": 99}}), "status: status 99 cannot end an exchange: use 200 to 999"),
            (json!({"status": {"code": 503, "boddy": "x"}}), "status.boddy: unknown field `boddy`"),
            (json!({"grpc": {"code": 0}}), "grpc.code: gRPC code 0 is success"),
            (json!({"grpc": {"code": "DOWN"}}), "grpc.code: gRPC code \"DOWN\" is not one of CANCELLED,"),
            (
                json!({"grpc": {"code": 4_000_000_000_u32}}),
                "grpc.code: gRPC code 4000000000 is not in 1..=16",
            ),
            (json!({"error": "rest"}), "error: error \"rest\" is not one of refused,"),
            (json!({"body": {"slow": {"bytes_per_second": 0}}}), "body.slow.bytes_per_second: 0 bytes"),
            (json!({"body": {"slow": {"rate": 9}}}), "body.slow.rate: unknown field `rate`"),
            (
                json!({"body": {"drip": {"chunk_bytes": 1, "pause": "soon"}}}),
                "body.drip.pause: \"soon\" is not",
            ),
            (
                json!({"body": {"corrupt": {"chance_per_byte": 30}}}),
                "body.corrupt.chance_per_byte: probability 30 is not in 0..=1: for 30 % write 0.3",
            ),
            (json!({"body": {"flip": {"bytes": 0}}}), "body.flip.bytes: 0 flipped bytes are not in 1..=4096"),
            (json!({"request_headers": {}}), "request_headers: changes nothing"),
            (json!({"response_status": 101}), "response_status: status 101 cannot end"),
            (json!("hung"), "unknown variant `hung`"),
        ] {
            let err = effect(&data).unwrap_err();
            assert!(err.is_invalid());
            assert!(err.to_string().starts_with(says), "{data}: {err}");
        }
    }
}
