//! Whatever script of faults without corruption, whatever the caller asks for, gives up and asks for again, and however the
//! object inside answers: the bytes arrive, all of them, once, in order; nobody sleeps without a waker and nobody spins.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod objects;
mod reads;
mod script;
mod seeks;
mod strict;
mod writes;
