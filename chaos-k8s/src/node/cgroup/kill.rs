//! Killing what is in a cgroup.

use std::fs;
use std::io;
use std::path::PathBuf;

use chaos_core::{Error, Result};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::dirs::Dirs;

impl Dirs {
    /// The file that kills all that is in it and below it in one write, forks under way included (cgroup-v2.rst, since Linux 5.14).
    pub(crate) fn kill_switch(&self) -> Option<PathBuf> {
        let Self::V2(dir) = self else { return None };
        Some(dir.join("cgroup.kill")).filter(|path| path.exists())
    }

    /// Kills the processes that are in it and below it, as they are now.
    ///
    /// # Errors
    /// Refused where their numbers are not ours; failed for one that may not be killed.
    pub(crate) fn kill_all(&self) -> Result<()> {
        match self.kill_switch() {
            Some(switch) => Ok(fs::write(switch, "1")?),
            None => self.kill_each(),
        }
    }

    /// The same one by one.
    pub(crate) fn kill_each(&self) -> Result<()> {
        for pid in self.pids_below() {
            let Some(number) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
                return Err(not_ours());
            };
            // The descriptor first, then the look: a pid that came again in between is not in there.
            let Ok(process) = pidfd_open(number, PidfdFlags::empty()) else { continue };
            if self.pids_below().contains(&pid) {
                match pidfd_send_signal(&process, Signal::KILL) {
                    Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                    Err(errno) => {
                        return Err(Error::failed(format!("process {pid} cannot be killed"))
                            .with_source(io::Error::from(errno)));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Processes of another pid namespace have the number 0, or are not there.
pub(crate) fn not_ours() -> Error {
    Error::refused("its processes are of another pid namespace: share the host's pids")
}
