//! [`Signal`]: one of the kernel's signals, by name or number.

use std::fmt;
use std::str::FromStr;

use chaos_core::{Error, Result};
use nix::libc;
use nix::sys::signal::Signal as Named;
use serde::{Deserialize, Serialize};

use crate::node::sys;

/// A signal: 1 to 64, by number or name (signal(7)). Those that the C library keeps for its own threads (32 and 33 with
/// glibc) are refused.
///
/// ```
/// use chaos_k8s::node::process::Signal;
/// assert_eq!(Signal::try_new(15)?, Signal::TERM);
/// assert_eq!("SIGUSR1".parse::<Signal>()?, "usr1".parse()?);
/// assert_eq!(Signal::try_new(40)?.to_string(), "signal 40");
/// assert!(Signal::try_new(0).is_err() && Signal::try_new(99).is_err());
/// # Ok::<(), chaos_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i32", into = "i32")]
pub struct Signal(i32);

macro_rules! named {
    ($($(#[$doc:meta])* $name:ident = $number:ident;)*) => {
        impl Signal {
            $($(#[$doc])* pub const $name: Self = Self(libc::$number);)*
        }
    };
}

named! {
    /// Ends the process, which can do nothing about it.
    KILL = SIGKILL;
    /// Asks the process to end.
    TERM = SIGTERM;
    /// What Ctrl-C sends.
    INT = SIGINT;
    /// Asks the process to end with a core dump.
    QUIT = SIGQUIT;
    /// The terminal is gone; daemons read their configuration again.
    HUP = SIGHUP;
    /// Means what the program says.
    USR1 = SIGUSR1;
    /// Means what the program says.
    USR2 = SIGUSR2;
    /// What a program that gives up sends to itself.
    ABRT = SIGABRT;
    /// What a wrong access to memory is answered with.
    SEGV = SIGSEGV;
    /// Lets a stopped process go on.
    CONT = SIGCONT;
    /// Stops the process; [`stop`](super::stop) is the fault that takes it back.
    STOP = SIGSTOP;
}

impl Signal {
    /// The signal of this number.
    ///
    /// # Errors
    /// Out of 1 to 64, or one that the C library keeps for itself.
    pub fn try_new(number: i32) -> Result<Self> {
        if sys::signal::is_of_libc(number) {
            return Err(Error::invalid(format!(
                "signal {number} belongs to the C library: it would break the process's threads"
            )));
        }
        sys::signal::numbered(number)
            .map(|signal| Self(signal.as_raw()))
            .ok_or_else(|| Error::invalid(format!("there is no signal {number}: they are 1 to 64")))
    }

    /// Its number.
    pub fn number(self) -> i32 {
        self.0
    }

    /// Whether its default action stops a process.
    pub(crate) fn stops(self) -> bool {
        matches!(self.0, libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU)
    }

    /// Whether its default action is to do nothing, or to let a stopped process go on.
    pub(crate) fn is_harmless(self) -> bool {
        matches!(self.0, libc::SIGCHLD | libc::SIGURG | libc::SIGWINCH | libc::SIGCONT)
    }

    /// Whether it is in a set as `/proc/PID/status` writes them.
    pub(crate) fn is_in(self, set: u64) -> bool {
        set & (1 << (self.0 - 1)) != 0
    }

    pub(crate) fn raw(self) -> rustix::process::Signal {
        // Made by `try_new` or a constant: there always is one.
        sys::signal::numbered(self.0).unwrap_or(rustix::process::Signal::URG)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Named::try_from(self.0) {
            Ok(named) => f.write_str(named.as_str()),
            Err(_) => write!(f, "signal {}", self.0),
        }
    }
}

impl FromStr for Signal {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if let Ok(number) = text.parse() {
            return Self::try_new(number);
        }
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        Named::from_str(&format!("SIG{name}"))
            .map(|named| Self(named as i32))
            .map_err(|_| Error::invalid(format!("there is no signal {text:?}: write TERM, SIGTERM or 15")))
    }
}

impl TryFrom<i32> for Signal {
    type Error = Error;

    fn try_from(number: i32) -> Result<Self> {
        Self::try_new(number)
    }
}

impl From<Signal> for i32 {
    fn from(signal: Signal) -> Self {
        signal.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_is_sent_as_itself_and_read_back() {
        let signals: Vec<Signal> = (1..=64).filter_map(|number| Signal::try_new(number).ok()).collect();
        let of_libc = usize::try_from(libc::SIGRTMIN() - 32).unwrap();
        assert_eq!(signals.len(), 64 - of_libc);
        for signal in signals {
            assert_eq!(signal.raw().as_raw(), signal.number());
            assert_eq!(signal.number().to_string().parse::<Signal>().unwrap(), signal);
            let json = serde_json::to_string(&signal).unwrap();
            assert_eq!(serde_json::from_str::<Signal>(&json).unwrap(), signal);
        }
    }

    #[test]
    fn what_is_no_signal_is_refused() {
        for text in ["", "0", "99", "-9", "32", "33", "SIG", "SIGNOTHING", "kill 9", "SIGSIGTERM"] {
            assert!(text.parse::<Signal>().unwrap_err().is_invalid(), "{text}");
        }
        assert!(serde_json::from_str::<Signal>("99").is_err());
        assert!(Signal::try_new(33).unwrap_err().to_string().contains("C library"));
    }
}
