//! [`ClockOffset`]: a program that sees another monotonic time.
//!
//! ```no_run
//! use std::process::Command;
//! use chaos_core::units::secs;
//! use chaos_k8s::node::process::{Shift, clock_offset};
//!
//! # fn example() -> chaos_core::Result<()> {
//! # #[expect(clippy::disallowed_methods)]
//! let mut server = Command::new("shop-server");
//! server.arg("--port=8080");
//! let mut child = clock_offset().both(Shift::ahead(secs(24 * 3600))).spawn(server)?;
//! # child.wait()?;
//! # Ok(())
//! # }
//! ```
//!
//! The kernel does this by a time namespace (time_namespaces(7), Linux 5.6), which a process can only be born into: what
//! runs already keeps its clocks. It is no fault to take back: it ends with the program and its children. The clock of
//! the wall (CLOCK_REALTIME) is the machine's and stays.

use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use caps::{CapSet, Capability};
use chaos_core::{Error, Result};
use nix::time::{ClockId, clock_gettime};

use crate::node::sys;

/// A start of programs with other clocks; nothing is shifted yet.
pub fn clock_offset() -> ClockOffset {
    ClockOffset::default()
}

/// By how much the clocks of a program differ: made by [`clock_offset`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[must_use = "it acts on what it spawns"]
pub struct ClockOffset {
    monotonic: Shift,
    boottime: Shift,
}

/// How far a clock goes ahead or behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shift {
    nanos: i128,
}

impl Shift {
    /// Ahead of the machine's clock.
    pub fn ahead(by: Duration) -> Self {
        // The most that a Duration holds is far from what an i128 does.
        Self { nanos: i128::try_from(by.as_nanos()).unwrap_or(i128::MAX) }
    }

    /// Behind the machine's clock, by no more than that shows.
    pub fn behind(by: Duration) -> Self {
        Self { nanos: -Self::ahead(by).nanos }
    }
}

const NANOS: i128 = 1_000_000_000;
/// Where the kernel draws the line: half of what its clocks can hold (kernel/time/namespace.c), 146 years.
const LATEST: i128 = i64::MAX as i128 / NANOS / 2 * NANOS;

impl ClockOffset {
    /// Shifts CLOCK_MONOTONIC with its raw and coarse kin: what `Instant` and timeouts go by.
    pub fn monotonic(self, shift: Shift) -> Self {
        Self { monotonic: shift, ..self }
    }

    /// Shifts CLOCK_BOOTTIME, which also counts the time that the machine was suspended: uptime.
    pub fn boottime(self, shift: Shift) -> Self {
        Self { boottime: shift, ..self }
    }

    /// Shifts both.
    pub fn both(self, shift: Shift) -> Self {
        self.monotonic(shift).boottime(shift)
    }

    /// Starts `command` with these clocks. The child is the caller's to wait for and to end.
    ///
    /// # Errors
    /// Invalid when nothing is shifted, or a clock would read less than zero or more than 146 years. Refused where the
    /// kernel has no time namespaces or the rights are missing (CAP_SYS_ADMIN and CAP_SYS_TIME). Failed when the program
    /// cannot be started.
    pub fn spawn(&self, mut command: Command) -> Result<Child> {
        let offsets = self.offsets()?;
        if !Path::new("/proc/self/ns/time_for_children").exists() {
            return Err(Error::refused(
                "this kernel has no time namespaces: they came with Linux 5.6, as CONFIG_TIME_NS",
            ));
        }
        for needed in [Capability::CAP_SYS_ADMIN, Capability::CAP_SYS_TIME] {
            if !caps::has_cap(None, CapSet::Effective, needed).unwrap_or(false) {
                return Err(Error::refused(format!("a time namespace needs {needed}: run with it")));
            }
        }
        sys::timens::enter_before_exec(&mut command, offsets);
        command.spawn().map_err(|error| {
            let program = Path::new(command.get_program());
            Error::failed(format!("{} could not be started in a time namespace", program.display()))
                .with_source(error)
        })
    }

    /// As the kernel reads them: clock, seconds, nanoseconds.
    fn offsets(&self) -> Result<String> {
        if *self == Self::default() {
            return Err(Error::invalid("no clock is shifted: say `monotonic`, `boottime` or `both`"));
        }
        let clocks = [
            ("monotonic", ClockId::CLOCK_MONOTONIC, self.monotonic),
            ("boottime", ClockId::CLOCK_BOOTTIME, self.boottime),
        ];
        let mut lines = String::new();
        for (name, clock, shift) in clocks {
            let now = clock_gettime(clock).map_err(std::io::Error::from)?;
            let then = i128::from(now.tv_sec()) * NANOS + i128::from(now.tv_nsec()) + shift.nanos;
            if !(0..LATEST).contains(&then) {
                let now = Duration::new(now.tv_sec().unsigned_abs(), 0);
                return Err(Error::invalid(format!(
                    "the {name} clock is at {now:?} and cannot be shifted so far: it starts at 0 and ends at 146 years"
                )));
            }
            let (seconds, nanos) = (shift.nanos.div_euclid(NANOS), shift.nanos.rem_euclid(NANOS));
            lines.push_str(&format!("{} {seconds} {nanos}\n", clock.as_raw()));
        }
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use chaos_core::units::{ms, secs};

    use super::*;

    #[test]
    fn offsets_are_written_as_the_kernel_reads_them() {
        let offsets = clock_offset().monotonic(Shift::ahead(ms(1500))).offsets().unwrap();
        assert_eq!(offsets, "1 1 500000000\n7 0 0\n");
        let behind = clock_offset().both(Shift::behind(ms(1))).offsets().unwrap();
        assert_eq!(behind, "1 -1 999000000\n7 -1 999000000\n");
    }

    #[test]
    fn what_no_clock_can_show_is_refused() {
        assert!(clock_offset().offsets().unwrap_err().is_invalid());
        let hundreds = secs(200 * 365 * 86_400);
        for shift in [Shift::ahead(hundreds), Shift::behind(hundreds), Shift::ahead(Duration::MAX)] {
            assert!(clock_offset().boottime(shift).offsets().unwrap_err().is_invalid(), "{shift:?}");
        }
    }
}
