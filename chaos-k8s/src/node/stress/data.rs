//! [`Stress`] as data. What is read goes through the functions that code uses, so data can say nothing else.

#[cfg(feature = "agent")]
use std::path::{Path, PathBuf};
use std::time::Duration;

use chaos_core::units::duration;
use chaos_core::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::kind::{cpu, descriptors, io, memory};
use super::parts::Part;
use super::{Placement, Stress};

/// Stress of whatever kinds, as it is read from data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnyKind {}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Written<'a> {
    parts: &'a [Part],
    #[serde(skip_serializing_if = "Option::is_none")]
    placement: Option<Placement>,
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    ends_after: Option<Duration>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Read {
    parts: Vec<Part>,
    #[serde(default)]
    placement: Option<Placement>,
    #[serde(default, with = "duration::option")]
    ends_after: Option<Duration>,
}

impl<K> Serialize for Stress<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (placement, ends_after) = self.said();
        Written { parts: &self.parts, placement, ends_after }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Stress<AnyKind> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = Read::deserialize(deserializer)?;
        let parts = read.parts.into_iter().map(checked).collect::<Result<Vec<_>>>();
        let parts = parts.map_err(de::Error::custom)?;
        if parts.is_empty() {
            return Err(de::Error::custom("stress without parts does nothing: name at least one"));
        }
        if read.ends_after.is_some_and(|ends_after| ends_after.is_zero()) {
            return Err(de::Error::custom("stress that ends after no time does nothing: give it some"));
        }
        Ok(Self::with(parts, read.placement, read.ends_after))
    }
}

impl<K> Stress<K> {
    /// The same as data, whatever its kinds.
    pub fn into_data(self) -> Stress<AnyKind> {
        let (placement, ends_after) = self.said();
        Stress::with(self.parts, placement, ends_after)
    }
}

#[cfg(feature = "agent")]
impl<K> Stress<K> {
    /// Where it was said to be.
    pub(crate) fn said_placement(&self) -> Option<Placement> {
        self.said().0
    }

    /// Whether it asks for a share of a limit, which must be seen for that.
    pub(crate) fn asks_for_a_share(&self) -> bool {
        self.parts.iter().any(|part| match part {
            Part::Memory { amount, .. } | Part::Tasks { amount } => amount.is_a_share(),
            _ => false,
        })
    }

    /// Whether it works in directories.
    pub(crate) fn has_dirs(&self) -> bool {
        self.parts.iter().any(|part| part.dir().is_some())
    }

    /// In the directories that these are elsewhere.
    pub(crate) fn moved(mut self, mut to: impl FnMut(&Path) -> Result<PathBuf>) -> Result<Self> {
        for dir in self.parts.iter_mut().filter_map(Part::dir_mut) {
            *dir = to(dir)?;
        }
        Ok(self)
    }

    /// Whether a stressor asks to be spared by the out-of-memory killer, at least a little.
    pub(crate) fn is_spared(&self) -> bool {
        let score =
            |part: &Part| matches!(part, Part::Memory { oom_score_adj: Some(score), .. } if *score < 1000);
        self.parts.iter().any(score)
    }
}

fn checked(part: Part) -> Result<Part> {
    match &part {
        Part::Cpu { threads, load, .. } => {
            if load.is_zero() {
                return Err(Error::invalid("a load of 0 % does nothing: ask for more"));
            }
            drop(cpu(*threads)?);
        }
        Part::Memory { amount, per_second, touched_every, oom_score_adj, .. } => {
            let mut memory = memory(*amount).touched_every(*touched_every)?;
            if let Some(per_second) = per_second {
                memory = memory.growing(*per_second)?;
            }
            if let Some(score) = oom_score_adj {
                drop(memory.oom_score_adj(*score)?);
            }
        }
        Part::Io { dir, read, written, synced, file } => {
            if read + written + synced == 0 {
                return Err(Error::invalid("no rate: say what is read, written or synced per second"));
            }
            drop(io(dir).file_size(*file)?);
        }
        Part::Descriptors { count } => drop(descriptors(*count)?),
        Part::Tasks { .. } | Part::Inodes { .. } | Part::Disk { .. } => {}
    }
    Ok(part)
}

#[cfg(test)]
mod tests {
    use chaos_core::Percent;
    use chaos_core::units::{ms, secs};
    use serde_json::{Value, from_str, from_value, json, to_string, to_value};

    use super::*;
    use crate::node::stress::{Amount, CpuLoad, disk, inodes, tasks};

    fn all() -> Stress<AnyKind> {
        let half = Amount::percent(Percent::try_new(50.0).unwrap()).unwrap();
        let amount = Amount::of(64 << 20).unwrap();
        cpu(2)
            .unwrap()
            .load(Percent::try_new(12.5).unwrap())
            .kind(CpuLoad::Jitter)
            .and(memory(amount).growing(1 << 20).unwrap().touched_every(ms(500)).unwrap())
            .and(memory(half).as_page_cache("/d").oom_score_adj(-7).unwrap())
            .and(io("/d").reading(5).unwrap().syncing(6).unwrap())
            .and(descriptors(7).unwrap())
            .and(tasks(half))
            .and(inodes("/d", amount))
            .and(disk("/d", half))
            .placed(Placement::Beside)
            .ends_after(secs(90))
            .into_data()
    }

    #[test]
    fn all_kinds_survive_json() {
        let text = to_string(&all()).unwrap();
        assert_eq!(from_str::<Stress<AnyKind>>(&text).unwrap(), all(), "{text}");
        let plain = cpu(1).unwrap().into_data();
        let text = to_string(&plain).unwrap();
        assert_eq!(text, r#"{"parts":[{"cpu":{"threads":1,"load":100.0,"kind":"plain"}}]}"#);
        assert_eq!(from_str::<Stress<AnyKind>>(&text).unwrap(), plain);
        let brief = r#"{"parts":[{"cpu":{"threads":1}},{"memory":{"amount":{"of":5}}},{"io":{"dir":"/d","read":1}}]}"#;
        let brief: Stress<AnyKind> = from_str(brief).unwrap();
        let said = cpu(1).unwrap().and(memory(Amount::of(5).unwrap())).and(io("/d").reading(1).unwrap());
        assert_eq!(brief, said.into_data());
    }

    #[test]
    fn data_cannot_say_what_code_cannot() {
        let good = to_value(all()).unwrap();
        for (place, wrong, said) in [
            ("/parts", json!([]), "without parts"),
            ("/parts/0/cpu/threads", json!(0), "0 threads"),
            ("/parts/0/cpu/load", json!(0), "0 %"),
            ("/parts/0/cpu/load", json!(140), "percent 140"),
            ("/parts/1/memory/amount", json!({"of": 0}), "amount of 0"),
            ("/parts/1/memory/amount", json!({"percent": 0}), "0 %"),
            ("/parts/1/memory/per-second", json!(0), "growth per second of 0"),
            ("/parts/1/memory/touched-every", json!("1ms"), "at least 10 ms"),
            ("/parts/2/memory/oom-score-adj", json!(1001), "1001"),
            ("/parts/3/io/file", json!(0), "file size"),
            ("/parts/4/descriptors/count", json!(0), "descriptors of 0"),
            ("/parts/7", json!({"disk": {"dir": "/d"}}), "amount"),
            ("/placement", json!("elsewhere"), "elsewhere"),
            ("/ends-after", json!("0s"), "no time"),
        ] {
            let mut data = good.clone();
            *data.pointer_mut(place).unwrap_or(&mut Value::Null) = wrong;
            let error = from_value::<Stress<AnyKind>>(data).unwrap_err().to_string();
            assert!(error.contains(said), "{place}: {error}");
        }
        let no_rate = json!({"parts": [{"io": {"dir": "/d"}}]});
        assert!(from_value::<Stress<AnyKind>>(no_rate).unwrap_err().to_string().contains("no rate"));
        let unknown = json!({"parts": [{"cpu": {"threads": 1, "lode": 3}}]});
        assert!(from_value::<Stress<AnyKind>>(unknown).unwrap_err().to_string().contains("lode"));
    }
}
