//! The http and tcp probes against real sockets, and servers that misbehave.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod arguments;
mod healthy;
mod paused;
mod sick;
mod world;
