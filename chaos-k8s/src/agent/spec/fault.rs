//! [`FaultData`]: what an item does, in the data forms of the engines.

use std::time::Duration;

use chaos_core::units::duration::{self, brief};
use chaos_core::{Error, Fault, Result};
use serde::{Deserialize, Serialize};

use crate::node::net::{DnsFault, Effect, NetFault, NetRule};
use crate::node::process::{self, Freeze, KillAll, Pause, Signal};
use crate::node::stress::{AnyKind, Stress};

/// A fault as data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FaultData {
    /// On packets.
    Network(NetRule),
    /// On names.
    Dns(DnsFault),
    /// Processor time, memory, transfers, disk space, tables.
    Stress(Stress<AnyKind>),
    /// A signal, once or at an interval.
    Signal(SignalData),
    /// Processes stand still.
    Pause(Pause),
    /// All processes of a container stand still.
    Freeze(Freeze),
    /// All processes of a container end.
    KillAll(AllKilled),
    /// The node loses its power.
    Power(Power),
}

/// How a node loses its power: at once, and what was not written yet is lost (reboot(2), without a sync(2) before it).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Power {
    /// It goes off, and somebody has to start it.
    Off,
    /// It starts anew.
    Reset,
}

/// The end of all processes of a container as data ([`process::kill_all`]).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllKilled {}

/// A signal as data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SignalData {
    /// Which.
    pub signal: Signal,
    /// Again at this interval; once unless said.
    #[serde(default, with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub every: Option<Duration>,
}

impl FaultData {
    pub(super) fn check(&self) -> Result<()> {
        match self {
            Self::Network(rule) => rule.effect.check(),
            Self::Dns(dns) => dns.check(),
            Self::Stress(_) | Self::Pause(_) | Self::Freeze(_) | Self::KillAll(_) | Self::Power(_) => Ok(()),
            Self::Signal(data) => {
                let once = process::signal(data.signal)?;
                data.every.map_or(Ok(()), |every| once.every(every).map(drop))
            }
        }
    }

    /// Whether what it did once is done, and nothing is left to take back.
    pub fn is_once(&self) -> bool {
        matches!(self, Self::Signal(SignalData { every: None, .. }) | Self::KillAll(_) | Self::Power(_))
    }

    /// Whether nothing of it stays when its agent and that one's guardian are killed together: the kernel takes it back, or nobody
    /// could. What is refused has a guardian before Linux 5.12, and what SIGSTOP stopped or the freezer holds goes on by its guardian
    /// alone.
    pub fn ends_with_its_agent(&self) -> bool {
        match self {
            Self::Network(rule) => !matches!(rule.effect, Effect::Refuse(_)),
            Self::Pause(pause) => !pause.ways().1,
            Self::Freeze(_) => false,
            Self::Dns(_) | Self::Stress(_) | Self::Signal(_) | Self::KillAll(_) | Self::Power(_) => true,
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Network(_) => "a network fault",
            Self::Dns(_) => "a DNS fault",
            Self::Stress(_) => "stress",
            Self::Signal(_) => "a signal",
            Self::Pause(_) => "a pause",
            Self::Freeze(_) => "a freeze",
            Self::KillAll(_) => "a kill of all processes",
            Self::Power(_) => "a loss of power",
        }
    }

    pub(super) fn acts_on(&self) -> &'static str {
        match self {
            Self::Network(_) | Self::Dns(_) => "a network",
            Self::Stress(_) => "a cgroup",
            Self::Freeze(_) | Self::KillAll(_) => "a container's cgroup",
            Self::Signal(_) | Self::Pause(_) => "processes",
            Self::Power(_) => "a machine",
        }
    }
}

/// As plans and reports say it.
impl std::fmt::Display for FaultData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Network(rule) => rule.fmt(f),
            Self::Dns(dns) => dns.fmt(f),
            Self::Stress(stress) => f.write_str(&stress.describe()),
            Self::Signal(SignalData { signal, every: None }) => write!(f, "{signal} once"),
            Self::Signal(SignalData { signal, every: Some(every) }) => {
                write!(f, "{signal} every {}", brief(*every))
            }
            Self::Pause(pause) => f.write_str(&pause.describe()),
            Self::Freeze(freeze) => f.write_str(&freeze.describe()),
            Self::KillAll(_) => f.write_str(&process::kill_all().describe()),
            Self::Power(Power::Off) => f.write_str("power off"),
            Self::Power(Power::Reset) => f.write_str("reset"),
        }
    }
}

impl From<NetRule> for FaultData {
    fn from(rule: NetRule) -> Self {
        Self::Network(rule)
    }
}

impl<E: Into<Effect>> From<NetFault<E>> for FaultData {
    fn from(fault: NetFault<E>) -> Self {
        Self::Network(fault.into_rule())
    }
}

impl From<DnsFault> for FaultData {
    fn from(fault: DnsFault) -> Self {
        Self::Dns(fault)
    }
}

impl<K> From<Stress<K>> for FaultData {
    fn from(stress: Stress<K>) -> Self {
        Self::Stress(stress.into_data())
    }
}

impl From<SignalData> for FaultData {
    fn from(signal: SignalData) -> Self {
        Self::Signal(signal)
    }
}

impl From<Pause> for FaultData {
    fn from(pause: Pause) -> Self {
        Self::Pause(pause)
    }
}

impl From<Freeze> for FaultData {
    fn from(freeze: Freeze) -> Self {
        Self::Freeze(freeze)
    }
}

impl From<KillAll> for FaultData {
    fn from(_: KillAll) -> Self {
        Self::KillAll(AllKilled {})
    }
}

impl From<Power> for FaultData {
    fn from(power: Power) -> Self {
        Self::Power(power)
    }
}

impl SignalData {
    /// This signal once.
    pub fn once(signal: Signal) -> Self {
        Self { signal, every: None }
    }

    /// This signal again and again.
    ///
    /// # Errors
    /// An interval of zero, SIGKILL, and signals that stop a process.
    pub fn every(signal: Signal, interval: Duration) -> Result<Self> {
        process::signal(signal)?.every(interval)?;
        Ok(Self { signal, every: Some(interval) })
    }
}

impl TryFrom<&SignalData> for process::Signals {
    type Error = Error;
    fn try_from(data: &SignalData) -> Result<Self> {
        process::signal(data.signal)
    }
}
