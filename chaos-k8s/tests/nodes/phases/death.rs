//! [`Death`]: at which of its requests that change something a controller dies.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use http::Method;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::gate::Gate;

/// When a controller dies: of its requests that change something, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Death {
    /// Before this one is sent.
    Before(u32),
    /// When this one is answered.
    After(u32),
}

/// What a controller is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Phase {
    Starting,
    Extending,
    TakingBack,
}

impl Phase {
    pub(super) const ALL: [Self; 3] = [Self::Starting, Self::Extending, Self::TakingBack];
}

impl Death {
    /// Before and after each of so many.
    pub(super) fn at_each(requests: u32) -> Vec<Self> {
        (1..=requests).flat_map(|number| [Self::Before(number), Self::After(number)]).collect()
    }
}

/// Counts the requests, and lets this process die at one of them.
#[derive(Debug, Clone)]
pub(super) struct Dying {
    death: Option<Death>,
    count: Arc<AtomicU32>,
    at: Arc<Mutex<At>>,
}

/// How far it got.
#[derive(Debug)]
struct At {
    phase: Phase,
    /// The pod of its agent.
    pod: String,
}

impl Dying {
    /// Of a controller whose target is this.
    pub(super) fn new(death: Option<Death>, target: &str) -> Self {
        let at = At { phase: Phase::Starting, pod: target.to_owned() };
        Self { death, count: Arc::default(), at: Arc::new(Mutex::new(at)) }
    }

    pub(super) fn is_at(&self, phase: Phase) {
        self.at.lock().unwrap().phase = phase;
    }

    /// How many there were.
    pub(super) fn count(&self) -> u32 {
        self.count.load(Ordering::SeqCst)
    }
}

impl Gate for Dying {
    fn pass(&self, request: &Parts, body: Vec<u8>) -> Vec<u8> {
        if changes_something(request) {
            let number = self.count.fetch_add(1, Ordering::SeqCst) + 1;
            if self.death == Some(Death::Before(number)) {
                die();
            }
            let object: Value = serde_json::from_slice(&body).unwrap_or_default();
            if object["kind"] == "Pod" {
                self.at.lock().unwrap().pod = object["metadata"]["name"].as_str().unwrap().to_owned();
            }
        }
        body
    }

    fn answered(&self, request: &Parts) {
        if !changes_something(request) {
            return;
        }
        let At { phase, pod } = &*self.at.lock().unwrap();
        println!("asked: {phase:?}: {pod}");
        if self.death == Some(Death::After(self.count())) {
            die();
        }
    }
}

/// What only asks whether something may or would be done changes nothing.
fn changes_something(request: &Parts) -> bool {
    request.method != Method::GET
        && !request.uri.path().ends_with("/selfsubjectaccessreviews")
        && !request.uri.query().unwrap_or_default().contains("dryRun=")
}

fn die() -> ! {
    let this = rustix::process::getpid();
    let _ = rustix::process::kill_process(this, rustix::process::Signal::KILL);
    unreachable!("a process survives SIGKILL")
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Before(number) => write!(f, "before request {number}"),
            Self::After(number) => write!(f, "after request {number}"),
        }
    }
}
