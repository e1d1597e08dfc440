//! Arming: a process is started, says that it is a guardian, and takes over the undos, all before the first effect.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Stdio};
use std::time::Duration;

use super::asked::{ASKED, is_asked};
use super::child;
use super::guarded::Guarded;
use super::program::Guardian;
use super::wire::{Answer, LedgerFile, Order, Orders, VERSION, line, read_line, write_all};
use crate::error::{Error, Result};
use crate::ledger::{Entry, Ledger};

impl Guardian {
    /// Starts a guardian that holds `entries` and acts `lasting` from now, unless told otherwise. When this returns it
    /// watches, and the effects may begin. With the `ledger` that has the same entries open, it strikes there what it
    /// reverted after this process died.
    ///
    /// Injections and experiments do this themselves; it is for faults that are held outside of them.
    ///
    /// # Errors
    /// [`refused`](Error::is_refused) when the program is no guardian or cannot revert one of the entries,
    /// [`failed`](Error::is_failed) when it cannot be started; nothing runs then.
    pub fn arm(&self, entries: Vec<Entry>, lasting: Duration, ledger: Option<&Ledger>) -> Result<Guarded> {
        if is_asked() {
            return Err(self.without_the_line("it got here as a guardian"));
        }
        if std::process::id() == 1 {
            return Err(Error::refused(
                "this process is pid 1, and with it dies every guardian of its container: begin its main with \
                 `chaos_core::guardian::run_if_asked(undos)`, and the guardian is pid 1 and this its child",
            ));
        }
        let ledger = ledger.map(ledger_file).transpose()?.flatten();
        let count = entries.len();
        let orders = Orders {
            lasting_ms: millis(lasting),
            limit_ms: millis(self.limit),
            ends_injector: self.ends_injector,
            ledger,
            entries,
        };
        let orders = line(&Order::Arm(orders))?;
        #[cfg(target_os = "linux")]
        if let Some(first) = &self.first {
            return self.arm_first(first, &orders, count);
        }
        let mut child = Started(Some(self.spawn()?));
        let mut pipes = child.0.as_mut().and_then(pipes_of).ok_or_else(lost)?;
        self.hand_over(&mut pipes, &orders, count)?;
        let child = child.0.take().ok_or_else(lost)?;
        Ok(Guarded::new(child.id(), Some(child), pipes, count))
    }

    /// By the first process of the container, this one's parent.
    #[cfg(target_os = "linux")]
    fn arm_first(&self, first: &super::within::Control, orders: &[u8], count: usize) -> Result<Guarded> {
        let log = self.log_file()?;
        let mut pipes = first.session(log.as_ref()).map_err(|err| {
            Error::failed("the guardian, the first process, does not answer").with_source(err)
        })?;
        self.hand_over(&mut pipes, orders, count)?;
        Ok(Guarded::new(std::os::unix::process::parent_id(), None, pipes, count))
    }

    fn log_file(&self) -> Result<Option<File>> {
        let open = |path: &std::path::PathBuf| {
            open_log(path).map_err(|err| {
                Error::failed(format!("the guardian's log {} cannot be written", path.display()))
                    .with_source(err)
            })
        };
        self.log.as_ref().map(open).transpose()
    }

    fn spawn(&self) -> Result<Child> {
        let log = self.log_file()?.map_or_else(Stdio::null, Stdio::from);
        child::start(&self.program, "chaos-guardian", &self.args, ASKED, log).map_err(|err| {
            Error::failed(format!("the guardian {} cannot be started", self.program.display()))
                .with_source(err)
        })
    }

    fn hand_over(&self, (to, from): &mut (File, File), orders: &[u8], count: usize) -> Result<()> {
        match read_line(from, Self::START) {
            Ok(Answer::Ready(VERSION)) => {}
            Ok(other) => return Err(self.without_the_line(&format!("it said {other:?}"))),
            Err(err) => return Err(self.without_the_line(&no_answer(&err))),
        }
        // So that a guardian that is stopped cannot hold up its injector.
        rustix::io::ioctl_fionbio(&*to, true).map_err(io::Error::from)?;
        let gone = |err: io::Error| Error::failed("the guardian did not take over").with_source(err);
        write_all(to, orders, Self::START).map_err(gone)?;
        match read_line(from, Self::START).map_err(gone)? {
            Answer::Armed(armed) if armed == count => Ok(()),
            Answer::Refused(why) => Err(Error::refused(format!("the guardian refuses: {why}"))),
            other => Err(Error::failed(format!("the guardian answered {other:?}"))),
        }
    }

    fn without_the_line(&self, seen: &str) -> Error {
        Error::refused(format!(
            "{} is no guardian ({seen}): begin its main with \
             `let guardian = chaos_core::guardian::run_if_asked(undos);`",
            self.program.display()
        ))
    }
}

/// A process that is no armed guardian yet: ended when it does not become one.
struct Started(Option<Child>);

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            // It holds nothing, so nothing is lost; and it may be any program.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// To the guardian and from it.
fn pipes_of(child: &mut Child) -> Option<(File, File)> {
    let (to, from) = (child.stdin.take()?, child.stdout.take()?);
    Some((OwnedFd::from(to).into(), OwnedFd::from(from).into()))
}

fn lost() -> Error {
    Error::failed("the guardian's pipes are gone")
}

fn no_answer(err: &io::Error) -> String {
    match err.kind() {
        io::ErrorKind::UnexpectedEof => "it ended without a word".to_owned(),
        io::ErrorKind::TimedOut => format!("it said nothing for {:?}", Guardian::START),
        _ => "it said something else".to_owned(),
    }
}

fn ledger_file(ledger: &Ledger) -> Result<Option<LedgerFile>> {
    let Some(dir) = ledger.path().and_then(|path| path.parent()) else { return Ok(None) };
    Ok(Some(LedgerFile { dir: std::path::absolute(dir)?, run: ledger.run() }))
}

fn open_log(path: &std::path::Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
