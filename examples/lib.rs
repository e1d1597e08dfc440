//! The examples of chaos. Each is a program of its own: `cargo run --example quickstart`.
