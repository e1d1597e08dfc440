//! From the spec to the first injection: what stands in the way is found before anything is touched.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use chaos_core::ledger::{Ledger, sweep};
use chaos_core::{Chaos, Error, Guardian, Result};
use rustix::process::{Signal, set_parent_process_death_signal};
use tokio::sync::{Notify, mpsc};

use super::hold::{Agent, Ends, left_until};
use super::kept::{Kept, monotonic};
use super::order_file::OrderFile;
use super::replace::Replacement;
use super::signals::Signals;
use super::slot::Slots;
use super::tools::{MARGIN, Tools};
use crate::agent::control::listen;
use crate::agent::spec::{Restart, Spec};
use crate::agent::status::{End, Ending, Hello, Said, Writer};
use crate::node::Node;
use crate::node::doctor::{Findings, State};

/// Where the guardian writes what it does, if it can be opened: what it is given is a name.
const STDERR: &str = "/proc/self/fd/2";

impl Agent {
    /// An agent about to work, what one before it has left being taken back; or its end already.
    pub(super) async fn new(
        spec: Spec,
        guardian: Guardian,
        writer: Rc<Writer>,
    ) -> Result<(Self, Ends, mpsc::UnboundedReceiver<Replacement>), Box<End>> {
        let signals = Signals::listen().map_err(unable)?;
        // A guardian that is killed takes nothing back: then we do.
        set_parent_process_death_signal(Some(Signal::TERM))
            .map_err(|errno| unable(std::io::Error::from(errno)))?;
        let mut kept = Kept::open(&spec).map_err(unable)?;
        let chaos = spec.seed.map_or_else(Chaos::random, Chaos::seeded);
        let node = Node::new(&chaos);
        writer.say(Said::Hello(hello(&spec, &kept, &chaos, &node.doctor())));
        if let Some(why) = kept.ended() {
            return Err(Box::new(End {
                why,
                code: why.code(),
                detail: "by a start before".to_owned(),
                left: Vec::new(),
            }));
        }
        take_back(&kept, &node, &writer).await?;
        if let Some(why) = over(&spec, &kept).map_err(unable)? {
            kept.end(why).map_err(unable)?;
            return Err(Box::new(End { why, code: why.code(), detail: String::new(), left: Vec::new() }));
        }
        if is_too_late(&spec, &kept) {
            let detail = "it was started after the time by which its spec wanted it".to_owned();
            let why = Ending::Nothing;
            kept.end(why).map_err(unable)?;
            return Err(Box::new(End { why, code: why.code(), detail, left: Vec::new() }));
        }
        let orders = listen(spec.run, spec.token.clone()).map_err(unable)?;
        let undos = node.undos().map_err(unable)?;
        let ledger = match kept.ledger() {
            Some(dir) => Ledger::open(dir, undos).map_err(unable)?,
            None => Ledger::in_memory(undos),
        };
        let tools = Tools { chaos, node, ledger: Arc::new(ledger), guardian: watching(guardian) };
        let slots = Slots::new(spec.items.len(), Rc::clone(&writer));
        let (replacing, replacements) = mpsc::unbounded_channel();
        let file = OrderFile::new(spec.orders.clone());
        let (spec, kept) = (kept.as_replaced(&spec), RefCell::new(kept));
        let (until_is_new, replaced) = (Notify::new(), RefCell::default());
        let agent = Self { spec, tools, writer, slots, kept, until_is_new, replaced, replacing };
        Ok((agent, Ends { signals, orders, file }, replacements))
    }
}

fn unable(error: impl Into<Error>) -> Box<End> {
    Box::new(End::by(Ending::Unable, &error.into()))
}

fn watching(guardian: Guardian) -> Guardian {
    let guardian = guardian.margin(MARGIN).ends_its_injector();
    match std::fs::OpenOptions::new().append(true).open(STDERR) {
        Ok(_) => guardian.log(STDERR),
        // A socket, or a pipe of another user.
        Err(_) => guardian,
    }
}

async fn take_back(kept: &Kept, node: &Node, writer: &Writer) -> Result<(), Box<End>> {
    let Some(dir) = kept.ledger() else { return Ok(()) };
    let swept = sweep(dir, &node.undos().map_err(unable)?).await.map_err(unable)?;
    // Of a run that lives nothing was left: this is the only agent that may use the directory.
    let clean = swept.is_clean() && swept.live().is_empty();
    if !clean || kept.restarts() > 0 {
        writer.say(Said::Swept { summary: swept.to_string(), clean });
    }
    if clean {
        return Ok(());
    }
    let left = vec![swept.to_string()];
    Err(Box::new(End {
        why: Ending::Left,
        code: Ending::Left.code(),
        detail: "of a start before".to_owned(),
        left,
    }))
}

/// Whether nobody waits for this agent any more, which has done nothing yet.
fn is_too_late(spec: &Spec, kept: &Kept) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    kept.restarts() == 0 && spec.not_after.is_some_and(|not_after| now > not_after)
}

/// Whether there is nothing to do for this start.
fn over(spec: &Spec, kept: &Kept) -> Result<Option<Ending>> {
    if kept.restarts() == 0 {
        return Ok(None);
    }
    if kept.is_other_boot() || spec.restart == Restart::Revert {
        return Ok(Some(Ending::Restarted));
    }
    Ok((kept.until() <= monotonic()?).then_some(Ending::Over))
}

fn hello(spec: &Spec, kept: &Kept, chaos: &Chaos, findings: &Findings) -> Hello {
    let left = left_until(kept.until());
    let mut hello = Hello {
        agent: env!("CARGO_PKG_VERSION").to_owned(),
        run: spec.run,
        items: u32::try_from(spec.items.len()).unwrap_or(u32::MAX),
        left_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
        seed: chaos.seed(),
        restarts: kept.restarts(),
        kernel: findings.kernel().to_owned(),
        works: Vec::new(),
        missing: std::collections::BTreeMap::new(),
    };
    for finding in findings.iter() {
        match finding.state() {
            State::Works => hello.works.push(finding.name().to_owned()),
            State::Missing { because } | State::NotLookedAt { because } => {
                hello.missing.insert(finding.name().to_owned(), because.clone());
            }
        }
    }
    hello
}
