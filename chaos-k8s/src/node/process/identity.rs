//! [`Identity`]: one process, and never another that got its number later.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;

use chaos_core::{Error, Result};
use procfs::ProcError;
use procfs::process::{Process as Proc, Stat};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, kill_process, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use super::signal::Signal;

/// A process by its number and by the moment it was started, in clock ticks since the boot (proc_pid_stat(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) pid: u32,
    pub(crate) start: u64,
}

impl Identity {
    /// The process that has this number now; none where no process has it, or one that has ended and is not reaped.
    pub(crate) fn of(pid: u32) -> Result<Option<Self>> {
        Ok(stat(pid)?.filter(is_alive).map(|stat| Self { pid, start: stat.starttime }))
    }

    /// Its line in `/proc`, when it is still there and has not ended.
    pub(crate) fn stat(self) -> Result<Option<Stat>> {
        Ok(stat(self.pid)?.filter(|stat| stat.starttime == self.start && is_alive(stat)))
    }

    pub(crate) fn has_ended(self) -> Result<bool> {
        Ok(self.stat()?.is_none())
    }

    /// Sends a signal. False when the process has ended.
    ///
    /// By a pidfd, so that no other process is hit that gets the number in between. Kernels before 5.3, and what
    /// imitates them, have none: there it is kill(2) right after the look.
    pub(crate) fn send(self, signal: Signal) -> Result<bool> {
        let pidfd = match self.pidfd() {
            Ok(pidfd) => Some(pidfd),
            Err(Errno::SRCH) => return Ok(false),
            Err(Errno::NOSYS | Errno::PERM | Errno::MFILE | Errno::NFILE) => None,
            Err(errno) => return Err(Error::from(io::Error::from(errno)).context(self)),
        };
        // After the descriptor is open: now it is known whose it is.
        if self.has_ended()? {
            return Ok(false);
        }
        let sent = match &pidfd {
            Some(pidfd) => pidfd_send_signal(pidfd, signal.raw()),
            None => kill_process(self.raw()?, signal.raw()),
        };
        match sent {
            Ok(()) => Ok(true),
            Err(Errno::SRCH) => Ok(false),
            Err(Errno::PERM) => Err(Error::refused(format!(
                "{self} may not be sent {signal}: run as its user or with CAP_KILL"
            ))),
            Err(errno) => Err(Error::failed(format!("{self} could not be sent {signal}"))
                .with_source(io::Error::from(errno))),
        }
    }

    fn pidfd(self) -> rustix::io::Result<OwnedFd> {
        let pid = self.raw().map_err(|_| Errno::SRCH)?;
        pidfd_open(pid, PidfdFlags::empty())
    }

    fn raw(self) -> Result<Pid> {
        i32::try_from(self.pid)
            .ok()
            .and_then(Pid::from_raw)
            .ok_or_else(|| Error::invalid(format!("there is no process {}", self.pid)))
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.pid)
    }
}

/// A zombie has ended: nothing that is done to it has an effect.
fn is_alive(stat: &Stat) -> bool {
    // A leader that has ended while other threads of the process run reads as a zombie as well.
    !matches!(stat.state, 'Z' | 'X' | 'x') || stat.num_threads > 1
}

fn stat(pid: u32) -> Result<Option<Stat>> {
    let Ok(pid) = i32::try_from(pid) else { return Ok(None) };
    if pid < 1 {
        return Ok(None);
    }
    there(Proc::new(pid).and_then(|process| process.stat()))
}

/// What a look into `/proc` found; none where the process ended before or while it was looked at.
pub(crate) fn there<T>(looked: procfs::ProcResult<T>) -> Result<Option<T>> {
    match looked {
        Ok(found) => Ok(Some(found)),
        Err(ProcError::NotFound(_)) => Ok(None),
        Err(ProcError::Io(error, _)) if error.raw_os_error() == Some(Errno::SRCH.raw_os_error()) => Ok(None),
        Err(error) => {
            Err(Error::refused("/proc cannot be read: is it mounted, and without hidepid?")
                .with_source(error))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_another_process_got_is_not_the_same_process() {
        let own = Identity::of(std::process::id()).unwrap().unwrap();
        assert!(!own.has_ended().unwrap());
        let before = Identity { start: own.start - 1, ..own };
        assert!(before.has_ended().unwrap());
        // It would end this test, and it is sent to nobody.
        assert!(!before.send(Signal::KILL).unwrap());
    }

    #[test]
    fn what_is_no_process_is_none() {
        for pid in [0, u32::MAX, i32::MAX.unsigned_abs()] {
            assert_eq!(Identity::of(pid).unwrap(), None, "{pid}");
        }
        let nobody = Identity { pid: u32::MAX, start: 1 };
        assert!(!nobody.send(Signal::TERM).unwrap());
    }
}
