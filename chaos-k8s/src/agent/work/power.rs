//! A loss of power: the machine goes off, or starts anew, a moment after it was said.

use std::fs;
use std::thread;
use std::time::Duration;

use caps::{CapSet, Capability};
use chaos_core::fault::NoUndo;
use chaos_core::units::secs;
use chaos_core::{Approved, Error, Fault, Observed, Plan, Result, Target};
use rustix::system::{RebootCommand, reboot};

use crate::agent::spec::{Machine, Power};

/// How long after it was said: so that whoever listens hears of it.
const AFTER: Duration = secs(5);
/// The kernel's own thread with the number 2, which no pid namespace but the machine's has.
const KERNEL: (&str, &str) = ("/proc/2/comm", "kthreadd");
/// What tells one start of a machine from the next (random(4)).
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// The machine that the agent is on.
#[derive(Debug, Clone)]
pub(super) struct Computer {
    boot: String,
}

impl Computer {
    pub(super) fn here(wanted: &Machine) -> Result<Self> {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        if read(KERNEL.0) != KERNEL.1 {
            return Err(Error::refused(
                "the processes that the agent sees are not the machine's: its node is a container, or it has no hostPID",
            ));
        }
        match read(BOOT) {
            boot if boot == wanted.boot => Ok(Self { boot }),
            boot => Err(Error::refused(format!(
                "the machine was started anew, as {boot} and not {}",
                wanted.boot
            ))),
        }
    }
}

impl Target for Computer {
    const UNIT: &'static str = "machine";

    fn id(&self) -> String {
        self.boot.clone()
    }

    fn name(&self) -> String {
        format!("the machine started as {}", self.boot)
    }
}

/// See [`Power`].
#[derive(Debug, Clone, Copy)]
pub(super) struct PowerLoss(pub(super) Power);

impl PowerLoss {
    fn words(self) -> &'static str {
        match self.0 {
            Power::Off => "goes off",
            Power::Reset => "starts anew",
        }
    }
}

impl Fault for PowerLoss {
    type Target = Computer;
    type Undo = NoUndo;

    fn describe(&self) -> String {
        format!("the machine {}", self.words())
    }

    fn via<'a>(&'a self, _: &'a Computer) -> &'a () {
        &()
    }

    async fn prepare(&self, _: &Computer) -> Result<Plan<NoUndo>> {
        let may = caps::has_cap(None, CapSet::Effective, Capability::CAP_SYS_BOOT);
        if !may.is_ok_and(|may| may) {
            return Err(Error::refused("it needs the capability SYS_BOOT"));
        }
        Ok(Plan::irreversible(format!("{} s from then it {}", AFTER.as_secs(), self.words())))
    }

    async fn inject(&self, _: &Approved<Computer>, _: &NoUndo) -> Result<()> {
        let command = match self.0 {
            Power::Off => RebootCommand::PowerOff,
            Power::Reset => RebootCommand::Restart,
        };
        // An agent that is ended before does not do it.
        thread::Builder::new().name("chaos-power".to_owned()).spawn(move || {
            thread::sleep(AFTER);
            // It returns on failure only: then the node is there, and is seen to be.
            let _ = reboot(command);
        })?;
        Ok(())
    }

    async fn observe(&self, _: &Computer, _: &NoUndo) -> Result<Observed> {
        Ok(Observed::in_force(format!("it {} in a moment", self.words())))
    }
}
