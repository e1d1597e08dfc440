//! [`Guarded`]: an armed guardian, as its injector holds it.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io;
use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::arm::millis;
use super::wire::{Order, line, wait_for_end, write_all};
use crate::error::{Error, Result};
use crate::units::secs;

/// How long telling the guardian something may take, and its end after the last word.
const BOUND: Duration = secs(5);

/// An armed guardian. When everything is put back, [`disarm`](Guarded::disarm) it: dropped without that, it does what
/// it is there for and reverts.
#[must_use = "dropping this without `disarm` makes the guardian revert"]
pub struct Guarded {
    pid: u32,
    state: Mutex<State>,
}

struct State {
    // None where the guardian is the first process, which has a session for us.
    child: Option<Child>,
    // None when it was disarmed.
    to: Option<File>,
    from: File,
    open: BTreeSet<usize>,
}

impl Guarded {
    pub(super) fn new(pid: u32, child: Option<Child>, (to, from): (File, File), entries: usize) -> Self {
        let state = State { to: Some(to), from, open: (0..entries).collect(), child };
        Self { pid, state: Mutex::new(state) }
    }

    /// The guardian's process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The guardian acts `lasting` from now, whatever was said before; for a fault that is held on purpose.
    ///
    /// # Errors
    /// [`failed`](Error::is_failed) when the guardian is gone or takes no orders: revert, for nobody watches.
    pub fn extend(&self, lasting: Duration) -> Result<()> {
        self.state().say(&Order::Extend(millis(lasting)))
    }

    /// The `nth` entry, counted from 0, was put back by the injector. After the last the guardian is gone.
    ///
    /// # Errors
    /// As [`disarm`](Guarded::disarm).
    pub fn strike(&self, nth: usize) -> Result<()> {
        let mut state = self.state();
        if !state.open.remove(&nth) {
            return Ok(());
        }
        if state.open.is_empty() { state.disarm() } else { state.say(&Order::Strike(vec![nth])) }
    }

    /// Everything was put back by the injector: the guardian ends, and this waits for its end.
    ///
    /// # Errors
    /// [`failed`](Error::is_failed) when the guardian was gone already (killed, or told by a SIGTERM to revert and end)
    /// or does not end.
    pub fn disarm(&self) -> Result<()> {
        self.state().disarm()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn say(&mut self, order: &Order) -> Result<()> {
        let bytes = line(order)?;
        let Some(to) = &mut self.to else { return Ok(()) };
        write_all(to, &bytes, BOUND).map_err(|err| {
            Error::failed("the guardian is gone or stopped, and nobody watches: revert").with_source(err)
        })
    }

    fn disarm(&mut self) -> Result<()> {
        let said = self.say(&Order::Disarm);
        if self.to.take().is_none() {
            return Ok(());
        }
        self.open.clear();
        said?;
        wait_for_end(&mut self.from, BOUND)
            .and_then(|()| self.reap())
            .map_err(|err| Error::failed("the guardian did not end as it should").with_source(err))
    }
}

impl State {
    fn reap(&mut self) -> io::Result<()> {
        let Some(child) = &mut self.child else { return Ok(()) };
        let status = child.wait()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(status.to_string())) }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop(state.to.take());
        let Some(child) = &mut state.child else { return };
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        // It reverts now and ends by itself, in a bounded time; somebody must take its status.
        if let Ok(pid) = i32::try_from(self.pid).map(rustix::process::Pid::from_raw) {
            let reap = move || {
                pid.map(|pid| rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty()))
            };
            let _ = std::thread::Builder::new().name("chaos-guarded".to_owned()).spawn(reap);
        }
    }
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").field("pid", &self.pid).field("open", &self.state().open).finish()
    }
}
