//! One session of a guardian: it takes the undos over and waits for the end of the pipe, the deadline or a signal.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::{Instant, timeout_at};

use super::log::Log;
use super::revert::{Held, Outcome};
use super::wire::{Answer, Order, Orders, VERSION, line};
use crate::error::Result;
use crate::ledger::Undos;

/// How long a killed injector may take to end, before what it has in force is put back beside it.
const ENDS: Duration = Duration::from_secs(2);

/// Deadlines beyond this are as good as none, and tokio's clock cannot hold them all: a year.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// The two pipes to the injector.
pub(super) struct Pipes {
    pub(super) orders: OwnedFd,
    pub(super) answers: OwnedFd,
}

/// What wakes a session: its injector's orders, and what others send it.
pub(super) type Wakes = (UnboundedSender<Event>, UnboundedReceiver<Event>);

/// Kills the injector, where that can be done.
pub(super) type EndInjector = Box<dyn Fn() + Send>;

/// From the first word to the last.
pub(super) async fn serve(
    pipes: Pipes,
    (to, mut events): Wakes,
    undos: impl AsyncFnOnce() -> Result<Undos>,
    log: Log,
    end_injector: Option<EndInjector>,
) -> io::Result<Outcome> {
    let mut answers = File::from(pipes.answers);
    answer(&mut answers, &Answer::Ready(VERSION))?;
    read(pipes.orders, to)?;
    let Some(Event::Told(Order::Arm(first))) = events.recv().await else { return Ok(Outcome::Nothing) };
    let lasting = Duration::from_millis(first.lasting_ms);
    let end_injector = end_injector.filter(|_| first.ends_injector);
    let held = match take_over(undos, first, log).await {
        Ok(held) => held,
        Err(why) => {
            answer(&mut answers, &Answer::Refused(why.chain()))?;
            return Ok(Outcome::Nothing);
        }
    };
    answer(&mut answers, &Answer::Armed(held.entries.len()))?;
    // Kept open: its end is how the injector sees ours.
    let outcome = Watch { held, events, deadline: after(lasting), end_injector }.watch().await;
    drop(answers);
    Ok(outcome)
}

async fn take_over(undos: impl AsyncFnOnce() -> Result<Undos>, orders: Orders, log: Log) -> Result<Held> {
    let undos = undos().await?;
    orders.entries.iter().try_for_each(|entry| undos.check(entry))?;
    Ok(Held {
        undos,
        entries: orders.entries.into_iter().enumerate().collect::<BTreeMap<_, _>>(),
        limit: Duration::from_millis(orders.limit_ms),
        ledger: orders.ledger,
        log,
    })
}

/// What a guardian wakes up for, beside its deadline.
pub(super) enum Event {
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
    end_injector: Option<EndInjector>,
}

impl Watch {
    async fn watch(mut self) -> Outcome {
        loop {
            let event = match timeout_at(self.deadline, self.events.recv()).await {
                Ok(event) => event.unwrap_or(Event::Died),
                Err(_) => {
                    self.held.log.tell("the deadline has passed");
                    if let Some(end_injector) = self.end_injector.take() {
                        self.held.log.tell("ends the injector");
                        end_injector();
                        // Its death is the next event.
                        self.deadline = after(ENDS);
                        continue;
                    }
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
                Event::Told(Order::Arm(_)) => self.held.log.tell("is armed already"),
                Event::Died => {
                    self.held.log.tell("the injector died");
                    return self.held.after_death().await;
                }
                Event::Signal => {
                    self.held.log.tell("told to end");
                    return self.held.put_back().await;
                }
            }
        }
    }
}

fn after(lasting: Duration) -> Instant {
    Instant::now() + lasting.min(LONGEST)
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
