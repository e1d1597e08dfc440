//! What a mount costs: a bare directory, a plain pass-through over `fuser`, our mount without rules, and with three rules
//! that match nothing, in one run.
//!
//! Needs `/dev/fuse` and the right to mount; without them it prints why it did not run. The directories are made under
//! `TMPDIR`. A number and a part of a name say how many rounds, and which work.
//!
//! Everything runs on one processor, so that what is compared is the work done for a request. With `--spread` the kernel
//! places the threads: a request then takes half or twice the time, by whether program and server share a processor.
//!
//! ```text
//! cargo run --release -p chaos-benches --bin mount -- [--spread] [ROUNDS [WORK]]
//! ```

use std::error::Error;

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn Error>> {
    use std::io::{self, Write};

    use chaos_benches::mount::{Sites, run_if_asked, table, works};

    let guardian = run_if_asked();
    let mut args = std::env::args().skip(1).peekable();
    if args.next_if_eq("--spread").is_none() {
        // Before any thread is made: each inherits it.
        let mut one = rustix::thread::CpuSet::new();
        one.set(rustix::thread::sched_getcpu());
        rustix::thread::sched_setaffinity(None, &one)?;
    }
    let rounds = args.next().map_or(Ok(31), |rounds| rounds.parse())?;
    let wanted = args.next().unwrap_or_default();
    let works: Vec<_> = works().into_iter().filter(|work| work.name.contains(&wanted)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let Some(sites) = runtime.block_on(Sites::begin(&guardian))? else { return Ok(()) };
    let table = table(&sites, &works, rounds);
    runtime.block_on(sites.end())?;
    write!(io::stdout(), "{}", table?)?;
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn main() -> Result<(), Box<dyn Error>> {
    use std::io::Write;

    Ok(writeln!(std::io::stdout(), "not run: no FUSE")?)
}
