//! A service client under fault, seen end to end.
//!
//! An axum server on loopback, a hyper client behind a timeout, and an experiment: 30 % of the calls are delayed and
//! 10 % fail for some seconds. First without retries, where the hypothesis breaks and everything is reverted at once;
//! then with retries, where it holds. `cargo run --example quickstart`, under 20 s.

mod client;
mod server;

use std::path::Path;
use std::process::ExitCode;

use chaos_core::experiment::LiveLine;
use chaos_core::units::{ms, secs};
use chaos_core::{BlastRadius, Chaos, Delay, Experiment, Outcome, Report};
use chaos_net::{Http, Meter, probe, request};
use client::{Client, Retries};
use tokio::task::JoinSet;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How many callers there are at the same time.
const CALLERS: usize = 8;

#[tokio::main]
async fn main() -> Result<ExitCode, Failure> {
    let seed = 42;
    let server = server::start().await?;
    println!("payments listens on {server}, {CALLERS} callers charge it all the time\n");

    println!("1. without retries");
    let broken = experiment(server, seed, Retries::None).await?;
    show(&broken, "target/chaos/quickstart-without-retries.html")?;

    println!("2. with retries");
    let held = experiment(server, seed, Retries::Three).await?;
    show(&held, "target/chaos/quickstart-with-retries.html")?;

    let as_told = broken.outcome() == Outcome::Broken && held.held();
    Ok(if as_told { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn experiment(server: std::net::SocketAddr, seed: u64, retries: Retries) -> Result<Report, Failure> {
    let chaos = Chaos::seeded(seed);
    let payments = chaos.point::<Http>("payments")?;
    let meter = Meter::http("checkout");
    let client = Client::new(server, &chaos, payments.clone(), &meter, retries);
    // Dropped at the end of this function, and the callers with it.
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        callers.spawn(client.clone().call_for_ever());
    }
    // Half a second of traffic, so that the steady state has something to look at.
    chaos.clock().sleep(ms(500)).await;

    let slow = request::latency(Delay::normal(ms(120), ms(40))?).named("slow payments")?.probability(0.3)?;
    let failing = request::status(503)?.named("failing payments")?.probability(0.1)?;
    let report = Experiment::new(&chaos, format!("checkout survives bad payments ({retries})"))
        .steady_state(meter.error_rate().at_most(0.05)?.every(ms(250)))
        .steady_state(meter.p99().at_most(secs(1))?.every(ms(250)))
        .steady_state(probe::http(&format!("http://{server}/health"))?.status(200).within(ms(500)).retries(1))
        // A second as it should be, for the eye, then both faults side by side.
        .fault(slow.when(request::path("/charge")?).at(payments.clone()).after(secs(1)))
        .fault(failing.when(request::path("/charge")?).at(payments).after(secs(1)))
        .blast_radius(BlastRadius::percent(50)?)
        .lasting(secs(5))
        .measuring(&meter.recorder())
        .replay("cargo run --example quickstart")
        .progress(LiveLine::stderr())
        .revert_on_signals()
        .run()
        .await?;
    Ok(report)
}

fn show(report: &Report, page: &str) -> Result<(), Failure> {
    report.save(page)?;
    println!("\n{report}");
    println!("page: {}\n", Path::new(page).canonicalize()?.display());
    Ok(())
}
