//! The guardian's process: apart from its injector, with one session to serve.

use std::fs::File;
use std::io;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{self, UnboundedSender};

use super::log::Log;
use super::revert::Outcome;
use super::session::{Event, Pipes, serve};
use crate::error::Result;
use crate::ledger::Undos;

pub(super) fn run(undos: impl AsyncFnOnce() -> Result<Undos>) -> ExitCode {
    match try_run(undos) {
        Ok(outcome) => outcome.into(),
        Err(err) => {
            Log::stderr().tell(&format!("ends: {err}"));
            ExitCode::FAILURE
        }
    }
}

fn try_run(undos: impl AsyncFnOnce() -> Result<Undos>) -> io::Result<Outcome> {
    // Ctrl-C and the hang-up of a terminal are for the injector. It fails where we lead a session already.
    let _ = rustix::process::setsid();
    spare_from_oom_killer();
    let pipes = take_pipes()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let wakes = mpsc::unbounded_channel();
        // Before the first word: from then on a signal means revert.
        listen(&wakes.0)?;
        serve(pipes, wakes, undos, Log::stderr(), None).await
    })
}

/// The last that the out-of-memory killer takes.
pub(super) fn spare_from_oom_killer() {
    // Lower needs a right that we may not have; then we are as likely to be killed as the injector.
    let _ = std::fs::write("/proc/self/oom_score_adj", "-1000");
}

fn listen(to: &UnboundedSender<Event>) -> io::Result<()> {
    for kind in [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()] {
        let (mut signal, to) = (signal(kind)?, to.clone());
        tokio::spawn(async move {
            while signal.recv().await.is_some() {
                // Nobody listens while the guardian ends.
                let _ = to.send(Event::Signal);
            }
        });
    }
    Ok(())
}

/// The pipes, moved away from where an undo that prints or reads would meet them.
fn take_pipes() -> io::Result<Pipes> {
    let orders = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    let answers = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
    let nowhere = File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nowhere)?;
    rustix::stdio::dup2_stdout(&nowhere)?;
    Ok(Pipes { orders, answers })
}
