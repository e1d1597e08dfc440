//! The ledger as a user sees it: a directory, files in it, and what becomes of them when runs die.
#![cfg(all(feature = "ledger", unix))]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod crash;
mod helper;
mod refusals;
mod run;
mod sweeping;
mod troubles;
