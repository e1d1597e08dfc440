//! [`LossModel`]: how packets are lost.

use std::fmt;

use chaos_core::Percent;
use serde::{Deserialize, Serialize};

use super::Odds;

/// How packets are lost. The models are those of sch_netem (tc-netem(8); Salsano et al., "Definition of a general and
/// intuitive loss model for packet networks", 2009).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LossModel {
    /// Each packet on its own, or like the one before.
    Random(Odds),
    /// Gilbert-Elliott: a good and a bad state, changed at each packet.
    GilbertElliott {
        /// From good to bad.
        p: Percent,
        /// From bad to good.
        r: Percent,
        /// Lost in the bad state (tc's `1-h`). 100 % is Gilbert's simpler model.
        bad: Percent,
        /// Lost in the good state (tc's `1-k`).
        good: Percent,
    },
    /// Four states: 1 good, 2 good within a burst, 3 lost within a burst, 4 lost alone.
    FourState {
        /// From 1 to 3: a burst of losses begins.
        p13: Percent,
        /// From 3 to 1: it ends.
        p31: Percent,
        /// From 3 to 2: packets pass within it.
        p32: Percent,
        /// From 2 to 3: they are lost again.
        p23: Percent,
        /// From 1 to 4: one packet is lost alone.
        p14: Percent,
    },
}

impl fmt::Display for LossModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Random(odds) => write!(f, "loss {odds}"),
            Self::GilbertElliott { p, r, bad, good } => {
                write!(f, "loss gilbert-elliott p {p} r {r} bad {bad} good {good}")
            }
            Self::FourState { p13, p31, p32, p23, p14 } => {
                write!(f, "loss four-state p13 {p13} p31 {p31} p32 {p32} p23 {p23} p14 {p14}")
            }
        }
    }
}
