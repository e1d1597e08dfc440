//! A delay in data: a plain duration, or an object with one distribution and its modifiers.
//!
//! ```
//! use chaos_core::{Delay, units::ms};
//! let delay: Delay = serde_json::from_str(r#"{"normal": {"mean": "50ms", "sd": "10ms"}, "correlation": 0.3}"#)?;
//! assert_eq!(delay, Delay::normal(ms(50), ms(10))?.correlated(0.3)?);
//! assert_eq!(serde_json::from_str::<Delay>(r#""50ms""#)?, Delay::fixed(ms(50)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::time::Duration;

use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Delay, Shape, bounded};
use crate::error::{Error, Result};
use crate::units::{Probability, duration};

/// The object form: one distribution, any modifiers.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    fixed: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uniform: Option<Uniform>,
    #[serde(skip_serializing_if = "Option::is_none")]
    normal: Option<Normal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_normal: Option<LogNormal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exponential: Option<Exponential>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pareto: Option<Pareto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spikes: Option<Spikes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    empirical: Option<Vec<Sample>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation: Option<f64>,
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    floor: Option<Duration>,
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    ceiling: Option<Duration>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Uniform {
    #[serde(with = "duration")]
    from: Duration,
    #[serde(with = "duration")]
    to: Duration,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Normal {
    #[serde(with = "duration")]
    mean: Duration,
    #[serde(with = "duration")]
    sd: Duration,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogNormal {
    #[serde(with = "duration")]
    median: Duration,
    sigma: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exponential {
    #[serde(with = "duration")]
    mean: Duration,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pareto {
    #[serde(with = "duration")]
    scale: Duration,
    shape: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spikes {
    mostly: Delay,
    sometimes: Delay,
    chance: Probability,
}

#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Sample(#[serde(with = "duration")] Duration);

fn fixed(delay: Duration) -> Result<Delay> {
    bounded("of", delay)?;
    Ok(Delay::fixed(delay))
}

impl Written {
    /// Every distribution that is written; one is right.
    fn shapes(&mut self) -> Vec<Result<Delay>> {
        [
            self.fixed.map(fixed),
            self.uniform.take().map(|it| Delay::uniform(it.from, it.to)),
            self.normal.take().map(|it| Delay::normal(it.mean, it.sd)),
            self.log_normal.take().map(|it| Delay::log_normal(it.median, it.sigma)),
            self.exponential.take().map(|it| Delay::exponential(it.mean)),
            self.pareto.take().map(|it| Delay::pareto(it.scale, it.shape)),
            self.spikes.take().map(|it| Delay::spikes(it.mostly, it.sometimes, it.chance)),
            self.empirical.take().map(|samples| Delay::empirical(samples.into_iter().map(|Sample(it)| it))),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn read(mut self) -> Result<Delay> {
        let mut shapes = self.shapes();
        let (Some(shape), true) = (shapes.pop(), shapes.is_empty()) else {
            return Err(Error::invalid(
                "a delay has exactly one of fixed, uniform, normal, log_normal, exponential, pareto, spikes, empirical",
            ));
        };
        let mut delay = shape?;
        if let Some(rho) = self.correlation {
            delay = delay.correlated(rho)?;
        }
        if let Some(floor) = self.floor {
            delay = delay.floor(floor)?;
        }
        if let Some(ceiling) = self.ceiling {
            delay = delay.ceiling(ceiling)?;
        }
        Ok(delay)
    }

    fn of(delay: &Delay) -> Self {
        let mut written = Self {
            correlation: delay.serial.map(|serial| serial.rho()),
            floor: delay.floor,
            ceiling: delay.ceiling,
            ..Self::default()
        };
        match delay.shape.clone() {
            Shape::Fixed(delay) => written.fixed = Some(delay),
            Shape::Uniform { from, to } => written.uniform = Some(Uniform { from, to }),
            Shape::Normal { mean, sd } => written.normal = Some(Normal { mean, sd }),
            Shape::LogNormal { median, sigma } => written.log_normal = Some(LogNormal { median, sigma }),
            Shape::Exponential { mean } => written.exponential = Some(Exponential { mean }),
            Shape::Pareto { scale, shape } => written.pareto = Some(Pareto { scale, shape }),
            Shape::Spikes { mostly, sometimes, chance } => {
                written.spikes = Some(Spikes { mostly: *mostly, sometimes: *sometimes, chance });
            }
            Shape::Empirical(samples) => {
                written.empirical = Some(samples.iter().copied().map(Sample).collect());
            }
        }
        written
    }
}

/// `"50ms"` for a fixed delay without modifiers, else an object.
impl Serialize for Delay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self { shape: Shape::Fixed(delay), serial: None, floor: None, ceiling: None } => {
                duration::serialize(delay, serializer)
            }
            _ => Written::of(self).serialize(serializer),
        }
    }
}

/// A duration, or an object with exactly one distribution and any of `correlation`, `floor`, `ceiling`:
///
/// ```json
/// "50ms"
/// {"fixed": "50ms"}
/// {"uniform": {"from": "10ms", "to": "20ms"}}
/// {"normal": {"mean": "50ms", "sd": "10ms"}, "correlation": 0.3, "floor": "1ms", "ceiling": "2s"}
/// {"log_normal": {"median": "20ms", "sigma": 0.5}}
/// {"exponential": {"mean": "20ms"}}
/// {"pareto": {"scale": "5ms", "shape": 1.5}}
/// {"spikes": {"mostly": "5ms", "sometimes": {"pareto": {"scale": "1s", "shape": 2}}, "chance": 0.01}}
/// {"empirical": ["3ms", "4ms", "4.5ms", "20ms"]}
/// ```
///
/// Unknown names are refused, and so is all that the constructors refuse.
impl<'de> Deserialize<'de> for Delay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Delay;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as \"50ms\", or an object such as {\"exponential\": {\"mean\": \"50ms\"}}")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Delay, E> {
                duration::parse(text).and_then(fixed).map_err(E::custom)
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Delay, A::Error> {
                let written = Written::deserialize(MapAccessDeserializer::new(map))?;
                written.read().map_err(de::Error::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
