//! A write-ahead log under power failures: with all its precautions it holds, and without any one of them it does not.
//!
//! ```text
//! cargo run --example torn_wal                            # all of them, over 300 seeds each
//! cargo run --example torn_wal -- no-checksums 4          # one of them, one seed, with what the crashes did
//! ```
//!
//! The log is written to a real directory through `ChaosFs`. At a step that the seed picks the power fails: what was not
//! synced is gone, there, or torn. Then the log is read back, and written on until the next failure.

#[cfg(unix)]
mod logs;
#[cfg(unix)]
mod trial;
#[cfg(unix)]
mod wal;

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    logs::main().unwrap_or_else(|error| {
        eprintln!("error: {error}");
        std::process::ExitCode::FAILURE
    })
}

#[cfg(not(unix))]
fn main() {
    println!("not run: crashes are simulated by the rules of POSIX");
}
