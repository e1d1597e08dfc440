//! The model of **chaos**, an embeddable SDK for fault injection: wrap it, break it on purpose, prove that it holds.
//!
//! This crate knows no network and no Kubernetes. It has the handle, the points and rules, the contract of a fault and
//! its undo, the blast radius, probes, experiments, the ledger and the report; `chaos-net` and the others bring the
//! things that operations pass through.
//!
//! # The map, in reading order
//!
//! | module | what |
//! |---|---|
//! | [`chaos`] | the handle: seed, clock and points by name; nothing is global, nothing is on |
//! | [`point`] | points and rules: named places where operations pass, and what happens to them there |
//! | [`occurrence`], [`delay`], [`dice`], [`clock`] | which operations, how long, decided by what, measured by what |
//! | [`fault`] | the contract of a fault and of its undo; write your own against it |
//! | [`target`] | selector, mode and blast radius |
//! | [`injection`] | a fault in force, and the guard that takes it back |
//! | [`probe`] | the steady state |
//! | [`experiment`] | hypothesis, faults, limits, verdict |
//! | `measure` | measuring a client, for probes and the report's timeline (feature `measure`) |
//! | [`report`] | the value an experiment ends in, and its forms |
//! | `ledger` | the journal of undos, and the sweep of what a dead run left (feature `ledger`) |
//! | `guardian` | the sibling process that takes faults back when this one is killed or stopped (feature `guardian`) |
//! | `rules` | rules from data: a file, an admin route (feature `rules`) |
//! | `testing` | the conformance suite for your own faults, and the many-seeds runner (feature `testing`) |
//!
//! # Features
//!
//! No feature switches a fault on. `ledger`, `measure`, `report` (JSON, Markdown and HTML) and `rules` are on by
//! default; `guardian`, `junit`, `metrics`, `signals` and `testing` are not.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod chaos;
pub mod clock;
pub mod delay;
pub mod dice;
pub mod error;
pub mod event;
pub mod experiment;
pub mod fault;
#[cfg(all(feature = "guardian", unix))]
pub mod guardian;
pub mod injection;
#[cfg(all(feature = "ledger", unix))]
pub mod ledger;
#[cfg(feature = "measure")]
pub mod measure;
pub mod occurrence;
pub mod point;
pub mod probe;
pub mod report;
#[cfg(feature = "rules")]
pub mod rules;
mod sync;
pub mod target;
#[cfg(feature = "testing")]
pub mod testing;
pub mod units;

pub use chaos::Chaos;
pub use clock::{Clock, Sleep};
pub use delay::Delay;
pub use dice::Dice;
pub use error::{Error, Result};
pub use event::{Event, Events};
pub use experiment::Experiment;
pub use fault::{Fault, NoUndo, Observed, Owner, Plan, Undo};
#[cfg(all(feature = "guardian", unix))]
pub use guardian::Guardian;
pub use injection::Injection;
#[cfg(all(feature = "ledger", unix))]
pub use ledger::{Ledger, Undos};
pub use point::{Armed, At, Matcher, Operation, Point, Rule, RuleStats};
pub use probe::Probe;
pub use report::{Outcome, Report};
pub use target::{Approved, BlastRadius, Mode, Select, Selector, Target, Targets};
pub use units::{Percent, Probability};

/// The README's example, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
