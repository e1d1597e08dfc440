//! A fault of one's own, with its own small command line.
//!
//! ```text
//! cargo run --example custom_fault                      # the whole story: run, SIGKILL, sweep, compare
//! cargo run --example custom_fault -- plan  --file F    # the exact change, and nothing touched
//! cargo run --example custom_fault -- run   --file F    # the experiment; Ctrl-C reverts
//! cargo run --example custom_fault -- sweep             # what a killed run left is put back
//! ```
//!
//! `fault.rs` is the fault: read it to write your own. `tests/custom_fault.rs` runs the conformance suite on it.

mod demo;
mod fault;
mod service;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use chaos_core::experiment::{Given, LiveLine};
use chaos_core::ledger::sweep;
use chaos_core::point::step;
use chaos_core::units::{ms, secs};
use chaos_core::{BlastRadius, Chaos, Delay, Experiment, Fault, Ledger, Mode, Outcome, Targets, Undos};
use clap::{Args, Parser, Subcommand};
use fault::{ConfigFile, FileBack, WrongSetting};
use service::{Lookup, Service};

#[derive(Parser)]
#[command(about = "Puts a service's configuration file under a wrong value, and puts it back")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// The whole story on a file of its own: run, SIGKILL while in force, sweep, compare.
    Demo,
    /// Say what a run would do, and touch nothing.
    Plan(What),
    /// Run the experiment.
    Run(What),
    /// Put back what a killed run left.
    Sweep {
        /// Where the undos are.
        #[arg(long, default_value = "target/custom-fault-ledger")]
        ledger: PathBuf,
    },
}

#[derive(Args)]
struct What {
    /// The configuration file.
    #[arg(long)]
    file: PathBuf,
    /// Where the undos are written before the first effect.
    #[arg(long, default_value = "target/custom-fault-ledger")]
    ledger: PathBuf,
    /// How long the faults last, in seconds.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// The seed of every draw.
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Cli::parse().command.unwrap_or(Command::Demo) {
        Command::Demo => demo::run(),
        Command::Plan(what) => plan(&what).await,
        Command::Run(what) => run(&what).await,
        Command::Sweep { ledger } => put_back(&ledger).await,
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::from(2)
    })
}

/// The kinds of undo that this program can revert: for its ledger and for its sweep.
fn undos() -> chaos_core::Result<Undos> {
    Undos::none().with::<FileBack>(())
}

/// A wrong configuration and a slow store at the same time: one experiment, one blast radius, one report.
fn experiment(
    chaos: &Chaos,
    service: &Service,
    what: &What,
) -> chaos_core::Result<Experiment<Given, Given, Given>> {
    let wrong = WrongSetting::new("timeout_ms", "1")?;
    let file = Targets::one(ConfigFile::at(&what.file)?);
    let slow = step::latency::<Lookup>(Delay::normal(ms(20), ms(5))?)
        .named("slow store")?
        .matching(|look_up| look_up.key % 2 == 0)
        .probability(0.6)?;
    let ledger = Arc::new(Ledger::open(&what.ledger, undos()?)?);
    Ok(Experiment::new(chaos, "the service survives a wrong timeout and a slow store")
        .steady_state(service.calls().error_rate().at_most(0.01)?.every(ms(200)))
        .steady_state(service.calls().p99().at_most(ms(100))?.every(ms(200)))
        .fault(wrong.on(file, Mode::ALL))
        .fault(slow.at(service.lookups()))
        .blast_radius(BlastRadius::percent(100)?)
        .lasting(secs(what.seconds))
        .ledger(ledger)
        .measuring(service.calls())
        .replay(format!("custom_fault run --file {} --seed {{seed}}", what.file.display()))
        .progress(LiveLine::stderr())
        .revert_on_signals())
}

async fn plan(what: &What) -> Result<ExitCode, Failure> {
    let chaos = Chaos::seeded(what.seed);
    let service = Service::new(&chaos, what.file.clone())?;
    println!("{}", experiment(&chaos, &service, what)?.plan().await?);
    Ok(ExitCode::SUCCESS)
}

async fn run(what: &What) -> Result<ExitCode, Failure> {
    // Heal first: what an earlier run left is not a state to start from.
    let swept = sweep(&what.ledger, &undos()?).await?;
    if !swept.is_clean() || !swept.reverted().is_empty() {
        println!("{swept}");
    }
    let chaos = Chaos::seeded(what.seed);
    let service = Arc::new(Service::new(&chaos, what.file.clone())?);
    let experiment = experiment(&chaos, &service, what)?;
    let serving = tokio::spawn(async move { service.serve().await });
    let report = experiment.run().await?;
    serving.abort();
    println!("{report}");
    Ok(ExitCode::from(report.outcome.exit_code()))
}

async fn put_back(ledger: &Path) -> Result<ExitCode, Failure> {
    let swept = sweep(ledger, &undos()?).await?;
    println!("{swept}");
    let outcome = if swept.is_clean() { Outcome::Held } else { Outcome::CleanupFailed };
    Ok(ExitCode::from(outcome.exit_code()))
}
