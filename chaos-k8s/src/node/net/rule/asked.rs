//! [`Asked`]: a fault as the engine is asked for it, which may hold code.

use std::fmt;

use chaos_core::Result;

use super::{Carrier, Devices, Direction, Effect, NetRule, Traffic};
use crate::node::net::own::{Custom, Frames, PacketFault};

/// A fault as the engine is asked for it: a [`NetRule`], or one whose effect is the user's own.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    pub(crate) effect: AnyEffect,
    pub(crate) traffic: Traffic,
    pub(crate) direction: Direction,
    pub(crate) devices: Devices,
    pub(crate) carrier: Carrier,
}

/// What happens to packets: data, or code.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AnyEffect {
    Data(Effect),
    Own(Custom),
}

impl AnyEffect {
    /// What does it to packets in this process; none for what only the kernel does, and for what is not checked.
    pub(crate) fn custom(&self) -> Option<Custom> {
        match self {
            Self::Data(Effect::Netem(netem)) => Custom::netem(netem.clone()).ok(),
            Self::Data(_) => None,
            Self::Own(custom) => Some(custom.clone()),
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        match self {
            Self::Data(effect) => effect.check(),
            Self::Own(custom) => custom.check(),
        }
    }
}

impl fmt::Display for AnyEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(effect) => effect.fmt(f),
            Self::Own(custom) => custom.fmt(f),
        }
    }
}

impl Asked {
    pub(crate) fn is_netem(&self) -> bool {
        matches!(self.effect, AnyEffect::Data(Effect::Netem(_)))
    }

    /// What its packets are, where they go through this process.
    pub(crate) fn frames(&self) -> Frames {
        match self.effect.custom() {
            Some(custom) => custom.make().frames(),
            None => Frames::Wire,
        }
    }
}

impl From<&NetRule> for Asked {
    fn from(rule: &NetRule) -> Self {
        Self {
            effect: AnyEffect::Data(rule.effect.clone()),
            traffic: rule.traffic.clone(),
            direction: rule.direction,
            devices: rule.devices.clone(),
            carrier: rule.carrier,
        }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{} {}", self.effect, self.direction, self.traffic)?;
        if self.devices != Devices::AllUp {
            write!(f, " on {}", self.devices)?;
        }
        match self.carrier {
            Carrier::Automatic => Ok(()),
            said => write!(f, " {said}"),
        }
    }
}
