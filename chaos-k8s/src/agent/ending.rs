//! [`Ending`]: why an agent ended, and its exit code.

use std::fmt;

use chaos_core::guardian::ChildEnd;
use serde::{Deserialize, Serialize};

/// Why an agent ended. Its [exit code](Ending::code) says the same to who reads nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Ending {
    /// Its time was over, and all is taken back.
    Over,
    /// It was started again, and took back what the one before had left, as its spec says.
    Restarted,
    /// Its command line or its spec is wrong; nothing was touched.
    Invalid,
    /// None of its items came into force, and nothing of them is there.
    Nothing,
    /// Something could not be taken back.
    Left,
    /// It could not work at all: no ledger, no socket, no runtime. Nothing was touched.
    Unable,
    /// It was told to end by a signal, and all is taken back.
    Signal,
    /// It was told to end over its socket, and all is taken back.
    Order,
    /// It was killed, or ended as no agent does. Its guardian has taken back all that it held; the kernel does the rest.
    Killed,
    /// The same, and its guardian could not take everything back.
    KilledAndLeft,
}

impl Ending {
    const ALL: [Self; 10] = [
        Self::Over,
        Self::Restarted,
        Self::Invalid,
        Self::Nothing,
        Self::Left,
        Self::Unable,
        Self::Signal,
        Self::Order,
        Self::Killed,
        Self::KilledAndLeft,
    ];

    /// The exit code. Those from 128 on are a signal's, which killed the process.
    pub fn code(self) -> u8 {
        match self {
            // With `restartPolicy: OnFailure` there is nothing to start again for.
            Self::Over | Self::Restarted => 0,
            Self::Invalid => 3,
            Self::Nothing => 4,
            Self::Left => 5,
            Self::Unable => 6,
            Self::Signal => 10,
            Self::Order => 11,
            Self::Killed => 12,
            Self::KilledAndLeft => 13,
        }
    }

    /// Whether the agent did not come to its end by itself: in a pod of its own it is started again, and goes on.
    pub fn is_by_death(self) -> bool {
        matches!(self, Self::Killed | Self::KilledAndLeft)
    }

    /// The exit code of the guardian whose agent ended so.
    pub(super) fn code_of_guardian(agent: ChildEnd) -> i32 {
        match Self::of_code(agent.status) {
            Some(_) => agent.status,
            None if agent.is_put_back => Self::Killed.code().into(),
            None => Self::KilledAndLeft.code().into(),
        }
    }

    /// What an exit code of an agent says; `None` for one that no agent ends with, 137 above all: it was killed with its
    /// guardian.
    pub fn of_code(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|ending| i32::from(ending.code()) == code)
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Over => "its time was over",
            Self::Restarted => "it was started again and took back what was left",
            Self::Invalid => "its spec is wrong",
            Self::Nothing => "nothing came into force",
            Self::Left => "something could not be taken back",
            Self::Unable => "it could not work",
            Self::Signal => "it was told to end by a signal",
            Self::Order => "it was told to end",
            Self::Killed => "it was killed, and its guardian has taken everything back",
            Self::KilledAndLeft => "it was killed, and its guardian could not take everything back",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_tell_endings_apart() {
        for ending in Ending::ALL {
            let told = Ending::of_code(ending.code().into()).unwrap();
            assert!(told == ending || ending == Ending::Restarted, "{ending}");
        }
        for code in [1, 2, 137, 143, -1] {
            assert_eq!(Ending::of_code(code), None);
        }
    }
}
