//! The guardian's process: it takes the undos over and waits for the end of the pipe, the deadline or a signal.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::time::{Instant, timeout_at};

use super::revert::{Held, Outcome};
use super::wire::{Answer, Order, Orders, VERSION, line};
use crate::error::Result;
use crate::ledger::Undos;

/// Deadlines beyond this are as good as none, and tokio's clock cannot hold them all: a year.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

pub(super) fn run(undos: impl AsyncFnOnce() -> Result<Undos>) -> ExitCode {
    match try_run(undos) {
        Ok(outcome) => outcome.into(),
        Err(err) => {
            tell(&format!("ends: {err}"));
            ExitCode::FAILURE
        }
    }
}

fn try_run(undos: impl AsyncFnOnce() -> Result<Undos>) -> io::Result<Outcome> {
    // Ctrl-C and the hang-up of a terminal are for the injector. It fails where we lead a session already.
    let _ = rustix::process::setsid();
    // Lower needs a right that we may not have; then we are as likely to be killed as the injector.
    let _ = std::fs::write("/proc/self/oom_score_adj", "-1000");
    let (orders, answers) = take_pipes()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (to, mut events) = mpsc::unbounded_channel();
        // Before the first word: from then on a signal means revert.
        listen(&to)?;
        let mut answers = File::from(answers);
        answer(&mut answers, &Answer::Ready(VERSION))?;
        read(orders, to)?;
        let Some(Event::Told(Order::Arm(first))) = events.recv().await else { return Ok(Outcome::Nothing) };
        let lasting = Duration::from_millis(first.lasting_ms);
        let held = match take_over(undos, first).await {
            Ok(held) => held,
            Err(why) => {
                answer(&mut answers, &Answer::Refused(why.chain()))?;
                return Ok(Outcome::Nothing);
            }
        };
        answer(&mut answers, &Answer::Armed(held.entries.len()))?;
        // Kept open: its end is how the injector sees ours.
        let outcome = Watch { held, events, deadline: after(lasting) }.watch().await;
        drop(answers);
        Ok(outcome)
    })
}

async fn take_over(undos: impl AsyncFnOnce() -> Result<Undos>, orders: Orders) -> Result<Held> {
    let undos = undos().await?;
    orders.entries.iter().try_for_each(|entry| undos.check(entry))?;
    Ok(Held {
        undos,
        entries: orders.entries.into_iter().enumerate().collect::<BTreeMap<_, _>>(),
        limit: Duration::from_millis(orders.limit_ms),
        ledger: orders.ledger,
    })
}

/// What a guardian wakes up for, beside its deadline.
enum Event {
    Told(Order),
    /// The end of the pipe.
    Died,
    /// A signal that ends a process politely: to a guardian it means "revert now".
    Signal,
}

struct Watch {
    held: Held,
    events: UnboundedReceiver<Event>,
    deadline: Instant,
}

impl Watch {
    async fn watch(mut self) -> Outcome {
        loop {
            let event = match timeout_at(self.deadline, self.events.recv()).await {
                Ok(event) => event.unwrap_or(Event::Died),
                Err(_) => {
                    tell("the deadline has passed");
                    self.held.put_back().await;
                    // Its injector may wake up and go on: watched until it ends.
                    self.deadline = after(LONGEST);
                    continue;
                }
            };
            match event {
                Event::Told(Order::Strike(struck)) => {
                    self.held.entries.retain(|nth, _| !struck.contains(nth))
                }
                Event::Told(Order::Extend(lasting)) => self.deadline = after(Duration::from_millis(lasting)),
                Event::Told(Order::Disarm) => return Outcome::Nothing,
                Event::Told(Order::Arm(_)) => tell("is armed already"),
                Event::Died => {
                    tell("the injector died");
                    return self.held.after_death().await;
                }
                Event::Signal => {
                    tell("told to end");
                    return self.held.put_back().await;
                }
            }
        }
    }
}

fn after(lasting: Duration) -> Instant {
    Instant::now() + lasting.min(LONGEST)
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
fn take_pipes() -> io::Result<(OwnedFd, OwnedFd)> {
    let orders = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    let answers = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
    let nowhere = File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nowhere)?;
    rustix::stdio::dup2_stdout(&nowhere)?;
    Ok((orders, answers))
}

fn answer(answers: &mut File, answer: &Answer) -> io::Result<()> {
    answers.write_all(&line(answer).map_err(io::Error::other)?)
}

/// Orders as they come, and their end: that of the pipe, or a line that is no order.
fn read(pipe: OwnedFd, to: UnboundedSender<Event>) -> io::Result<()> {
    let mut lines = BufReader::new(File::from(pipe));
    std::thread::Builder::new().name("chaos-orders".to_owned()).spawn(move || {
        let mut text = Vec::new();
        while let Some(order) = next_order(&mut lines, &mut text) {
            if to.send(Event::Told(order)).is_err() {
                return;
            }
        }
        // The guardian is at its end already when nobody hears this.
        let _ = to.send(Event::Died);
    })?;
    Ok(())
}

fn next_order(lines: &mut impl BufRead, text: &mut Vec<u8>) -> Option<Order> {
    text.clear();
    lines.read_until(b'\n', text).ok()?;
    // An order without its end was cut off by the death of who wrote it.
    serde_json::from_slice(text.strip_suffix(b"\n")?).ok()
}

/// One line in the log.
pub(super) fn tell(what: &str) {
    let now = humantime::format_rfc3339_millis(std::time::SystemTime::now());
    // A log that cannot be written must not keep anything from being put back.
    let _ = writeln!(io::stderr(), "{now} guardian {}: {what}", std::process::id());
}
