//! Effects from data.

use chaos_core::{Error, Probability, Result};
use serde::Deserialize;
use serde_json::Value;

use super::read;
use crate::effect::{
    Corrupt, DiskFull, Effect, Fail, IoEffect, Keep, Throttle, Torn, at_most, errno_named, kind_named,
    misdirection, polls,
};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Data {
    Error(String),
    Errno(Errno),
    Interrupted,
    Stuck,
    PendingStorm(StormData),
    Throttle(ThrottleData),
    Short(ShortData),
    Torn(TornData),
    Corrupt(CorruptData),
    Flip(FlipData),
    ReplaceRange(ReplaceData),
    Duplicate,
    Eof,
    Lost,
    DiskFull(DiskFullData),
    MisdirectedSeek(SeekData),
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "neither an error number nor its name")]
enum Errno {
    Number(i32),
    Name(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StormData {
    polls: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ThrottleData {
    bytes_per_second: u64,
    #[serde(default)]
    burst: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShortData {
    at_most: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TornData {
    keep_bytes: Option<usize>,
    keep_fraction: Option<f64>,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplaceData {
    offset: u64,
    bytes: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DiskFullData {
    after_bytes: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeekData {
    by: i64,
}

pub(crate) fn effect(effect: &Value) -> Result<IoEffect> {
    let at = |place: &'static str| move |err: Error| err.context(place);
    let effect = match read(effect)? {
        Data::Error(kind) => Effect::Fail(Fail::Kind(kind_named(&kind).map_err(at("error"))?)),
        Data::Errno(errno) => Effect::Fail(errno.build().map_err(at("errno"))?),
        Data::Interrupted => Effect::Fail(Fail::Kind(std::io::ErrorKind::Interrupted)),
        Data::Stuck => Effect::Stuck,
        Data::PendingStorm(data) => polls(data.polls).map_err(at("pending_storm.polls"))?,
        Data::Throttle(data) => Effect::Throttle(
            Throttle::try_new(data.bytes_per_second, data.burst).map_err(at("throttle.bytes_per_second"))?,
        ),
        Data::Short(data) => at_most(data.at_most).map_err(at("short.at_most"))?,
        Data::Torn(data) => Effect::Torn(data.build()?),
        Data::Corrupt(data) => {
            Effect::Corrupt(Corrupt::chance(data.chance_per_byte).map_err(at("corrupt.chance_per_byte"))?)
        }
        Data::Flip(data) => Effect::Corrupt(Corrupt::flip(data.bytes).map_err(at("flip.bytes"))?),
        Data::ReplaceRange(data) => {
            Effect::Corrupt(Corrupt::replace(data.offset, data.bytes).map_err(at("replace_range"))?)
        }
        Data::Duplicate => Effect::Duplicate,
        Data::Eof => Effect::Eof,
        Data::Lost => Effect::Lost,
        Data::DiskFull(data) => Effect::DiskFull(DiskFull::new(data.after_bytes)),
        Data::MisdirectedSeek(data) => misdirection(data.by).map_err(at("misdirected_seek.by"))?,
    };
    Ok(IoEffect(effect))
}

impl Errno {
    fn build(self) -> Result<Fail> {
        match self {
            Self::Number(errno) => Fail::errno_of(errno),
            Self::Name(name) => errno_named(&name).and_then(Fail::errno_of),
        }
    }
}

impl TornData {
    fn build(self) -> Result<Torn> {
        let keep = match (self.keep_bytes, self.keep_fraction) {
            (Some(bytes), None) => Keep::bytes(bytes),
            (None, Some(share)) => Keep::fraction(share).map_err(|err| err.context("torn.keep_fraction"))?,
            (None, None) => Keep::random(),
            (Some(_), Some(_)) => {
                return Err(Error::invalid("torn: say only one of keep_bytes and keep_fraction"));
            }
        };
        let error = match &self.error {
            Some(kind) => Some(Fail::Kind(kind_named(kind).map_err(|err| err.context("torn.error"))?)),
            None => None,
        };
        Ok(Torn { keep, error })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_effect_can_be_said() {
        for (data, says) in [
            (json!({"error": "not_found"}), "error: not_found"),
            (json!({"errno": 5}), "error: EIO (errno 5)"),
            (json!({"errno": "ENOSPC"}), "error: ENOSPC (errno 28)"),
            (json!("interrupted"), "error: interrupted"),
            (json!("stuck"), "stuck"),
            (json!({"pending_storm": {"polls": 3}}), "pending 3 times"),
            (json!({"throttle": {"bytes_per_second": 1000}}), "1000 bytes per second"),
            (
                json!({"throttle": {"bytes_per_second": 1000, "burst": 5}}),
                "1000 bytes per second after 5 at once",
            ),
            (json!({"short": {"at_most": 3}}), "at most 3 bytes"),
            (json!({"torn": {}}), "torn anywhere, acknowledged"),
            (json!({"torn": {"keep_fraction": 0.5}}), "torn after 0.5 of the bytes, acknowledged"),
            (json!({"torn": {"keep_bytes": 512, "error": "other"}}), "torn after 512 bytes, error: other"),
            (json!({"corrupt": {"chance_per_byte": 0.5}}), "bytes corrupted with probability 0.5"),
            (json!({"flip": {"bytes": 2}}), "2 bytes corrupted"),
            (json!({"replace_range": {"offset": 9, "bytes": [0, 1]}}), "2 bytes from 9 replaced"),
            (json!("duplicate"), "bytes twice"),
            (json!("eof"), "end of file"),
            (json!("lost"), "acknowledged, not done"),
            (json!({"disk_full": {"after_bytes": 0}}), "disk full after 0 bytes"),
            (json!({"misdirected_seek": {"by": -3}}), "seek lands -3 bytes away"),
        ] {
            assert_eq!(effect(&data).unwrap_or_else(|err| panic!("{data}: {err}")).to_string(), says);
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (data, says) in [
            (json!({"error": "not_fund"}), "error: error \"not_fund\" is not one of not_found,"),
            (json!({"errno": 9999}), "errno: errno 9999 is not an error number of Linux"),
            (json!({"errno": "EFOO"}), "errno: errno \"EFOO\" is not one of EPERM,"),
            (json!({"errno": 1.5}), "errno: neither an error number nor its name"),
            (json!({"pending_storm": {"polls": 0}}), "pending_storm.polls: a storm of 0 polls"),
            (json!({"throttle": {"bytes_per_second": 0}}), "throttle.bytes_per_second: 0 bytes per second"),
            (json!({"short": {"at_most": 0}}), "short.at_most: at most 0 bytes"),
            (json!({"torn": {"keep_fraction": 1}}), "torn.keep_fraction: a share of 1"),
            (json!({"torn": {"keep_fraction": 0.1, "keep_bytes": 1}}), "torn: say only one of"),
            (json!({"torn": {"error": "x"}}), "torn.error: error \"x\""),
            (json!({"corrupt": {"chance_per_byte": 0}}), "corrupt.chance_per_byte: a chance of 0"),
            (json!({"corrupt": {"chance_per_byte": 30}}), "corrupt.chance_per_byte: probability 30"),
            (json!({"flip": {"bytes": 0}}), "flip.bytes: 0 flipped bytes"),
            (json!({"replace_range": {"offset": 9, "bytes": []}}), "replace_range: no bytes"),
            (json!({"misdirected_seek": {"by": 0}}), "misdirected_seek.by: a seek misdirected by 0"),
            (json!("lots"), "unknown variant `lots`"),
        ] {
            let err = effect(&data).unwrap_err();
            assert!(err.is_invalid());
            assert!(err.to_string().starts_with(says), "{data}: {err}");
        }
    }
}
