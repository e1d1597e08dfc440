//! `ChaosFs` as a program sees it: files, faults by path, and crashes.
#![cfg(all(feature = "fs", unix))]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod crash_data;
mod crash_names;
mod directories;
mod effects;
mod files;
mod model;
mod refusals;
mod scene;
