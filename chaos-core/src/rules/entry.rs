//! [`Entry`]: one rule of a set, checked as far as can be without its point.

use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::delay::Delay;
use crate::error::{Error, Result};
use crate::occurrence::{Occurrence, Ordinals};
use crate::point::{Operation, Place, Rule, valid_name};
use crate::units::{Probability, duration};

/// A rule as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    point: String,
    name: Option<String>,
    when: Option<Value>,
    probability: Option<Probability>,
    #[serde(default, deserialize_with = "ordinals")]
    nth: Option<Ordinals>,
    first: Option<u64>,
    every: Option<u64>,
    budget: Option<u64>,
    at_once: Option<u32>,
    #[serde(default, deserialize_with = "window")]
    window: Option<Window>,
    delay: Option<Value>,
    delay_after: Option<Value>,
    effect: Option<Value>,
    #[serde(default)]
    finish_delays: bool,
}

/// One rule of a set: what is left to read needs the operation of its point.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) index: usize,
    pub(crate) point: String,
    name: Option<String>,
    when: Option<Value>,
    occurrence: Occurrence,
    action: Action,
    finish_delays: bool,
}

#[derive(Debug, Clone)]
enum Action {
    Delay(Delay, Place),
    Effect(Value),
}

impl Entry {
    pub(crate) fn read(index: usize, written: Written) -> Result<Self> {
        let at = |field: &'static str| move |error: Error| error.context(path(index, field));
        let Written { delay, delay_after, effect, finish_delays, .. } = &written;
        let action = match (delay, delay_after, effect) {
            (Some(delay), None, None) => {
                Action::Delay(parse_delay(delay).map_err(at("delay"))?, Place::Before)
            }
            (None, Some(delay), None) => {
                Action::Delay(parse_delay(delay).map_err(at("delay_after"))?, Place::After)
            }
            (None, None, Some(effect)) => Action::Effect(effect.clone()),
            (None, None, None) => {
                return Err(Error::invalid(format!(
                    "rules[{index}]: nothing would happen: say one of delay, delay_after and effect"
                )));
            }
            _ => {
                return Err(Error::invalid(format!(
                    "rules[{index}]: say only one of delay, delay_after and effect, and a second rule for another"
                )));
            }
        };
        if *finish_delays && matches!(action, Action::Effect(_)) {
            return Err(Error::invalid("an effect has no delay to finish: leave this out")
                .context(path(index, "finish_delays")));
        }
        Ok(Self {
            index,
            point: valid_name("point", written.point.clone()).map_err(at("point"))?,
            name: written
                .name
                .clone()
                .map(|name| valid_name("rule", name))
                .transpose()
                .map_err(at("name"))?,
            occurrence: occurrence(index, &written)?,
            when: written.when,
            action,
            finish_delays: written.finish_delays,
        })
    }

    /// The rule, in the words of its point's operation.
    pub(crate) fn rule<Op: Operation + 'static>(&self) -> Result<Rule<Op>> {
        let at = |field: &'static str| move |error: Error| error.context(path(self.index, field));
        let mut rule = match &self.action {
            Action::Delay(delay, Place::Before) => Rule::delay(delay.clone()),
            Action::Delay(delay, Place::After) => Rule::delay_after(delay.clone()),
            Action::Effect(effect) => Rule::effect(Op::parse_effect(effect).map_err(at("effect"))?),
        };
        if let Some(name) = &self.name {
            rule = rule.named(name.clone()).map_err(at("name"))?;
        }
        if let Some(when) = &self.when {
            rule = rule.when(Op::parse_matcher(when).map_err(at("when"))?);
        }
        if self.finish_delays {
            rule = rule.finish_delays();
        }
        Ok(rule.occurrence(self.occurrence.clone()))
    }
}

pub(crate) fn path(index: usize, field: &str) -> String {
    format!("rules[{index}].{field}")
}

fn occurrence(index: usize, written: &Written) -> Result<Occurrence> {
    let at = |field: &'static str| move |error: Error| error.context(path(index, field));
    let mut occurrence = Occurrence::default();
    if let Some(chance) = written.probability {
        occurrence = occurrence.probability(chance).map_err(at("probability"))?;
    }
    if let Some(ordinals) = written.nth {
        occurrence = occurrence.ordinals(ordinals).map_err(at("nth"))?;
    }
    if let Some(n) = written.first {
        occurrence = Ordinals::first(n).and_then(|n| occurrence.ordinals(n)).map_err(at("first"))?;
    }
    if let Some(n) = written.every {
        occurrence = Ordinals::every(n).and_then(|n| occurrence.ordinals(n)).map_err(at("every"))?;
    }
    if let Some(hits) = written.budget {
        occurrence = occurrence.budget(hits).map_err(at("budget"))?;
    }
    if let Some(operations) = written.at_once {
        occurrence = occurrence.at_once(operations).map_err(at("at_once"))?;
    }
    if let Some(Window { from, until }) = written.window {
        occurrence = match until {
            Some(until) => occurrence.window(from..until),
            None => occurrence.window(from..),
        }
        .map_err(at("window"))?;
    }
    Ok(occurrence)
}

/// A delay as it is written: a length of time, "50ms", or a distribution.
fn parse_delay(delay: &Value) -> Result<Delay> {
    Delay::deserialize(delay).map_err(|error| Error::invalid(error.to_string()))
}

#[derive(Clone, Copy)]
struct Window {
    from: Duration,
    until: Option<Duration>,
}

fn ordinals<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Option<Ordinals>, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

fn window<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Option<Window>, D::Error> {
    let text = String::deserialize(from)?;
    let read = || {
        let (from, until) = text.split_once("..").filter(|_| text.trim() != "..").ok_or_else(|| {
            Error::invalid(format!("window {text:?} is not a stretch of time, as in \"5s..30s\""))
        })?;
        let from = if from.trim().is_empty() { Duration::ZERO } else { duration::parse(from.trim())? };
        let until = if until.trim().is_empty() { None } else { Some(duration::parse(until.trim())?) };
        Ok(Window { from, until })
    };
    read().map(Some).map_err(|err: Error| serde::de::Error::custom(err))
}
