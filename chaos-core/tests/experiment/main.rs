//! Every outcome of an experiment, and what is left of the world after it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod deadlines;
mod ends;
mod following;
mod refusals;
mod scene;
mod schedule;
mod verdicts;
mod world;
