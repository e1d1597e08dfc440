//! The examples of chaos. Each is a program of its own: `cargo run --example quickstart`.

/// The README's example, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
