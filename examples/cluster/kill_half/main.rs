//! Kills half of the pods of a deployment, under a cap, while its service must go on answering.
//!
//! ```text
//! cargo run --example kill_half -- plan --namespace shop --deployment cart
//!
//! kill_half plan  --namespace shop --deployment cart                       # who would be hit, and nothing touched
//! kill_half rbac  --namespace shop --deployment cart --account chaos/runner | kubectl apply -f -
//! kill_half run   --namespace shop --deployment cart --url http://cart.shop/health
//! kill_half sweep --namespace shop                                         # what runs left behind, if they did
//! ```
//!
//! It speaks to the cluster that `kubectl` would speak to. The service is asked from where this runs, so run it where the
//! service can be reached: inside the cluster, or through a port that is forwarded. A service with one replica does not
//! survive this, and the report says so.

use std::process::ExitCode;

use chaos_core::experiment::{Given, LiveLine};
use chaos_core::units::{ms, secs};
use chaos_core::{BlastRadius, Chaos, Experiment, Fault, Mode};
use chaos_k8s::Cluster;
use chaos_k8s::cluster::rights::Subject;
use chaos_k8s::cluster::{Pods, WorkloadKind, pods};
use chaos_net::probe;
use clap::{Args, Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Kills half of the pods of a deployment, and says whether its service held")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say whom a run would hit, and touch nothing.
    Plan(What),
    /// Print the roles that a run takes.
    Rbac {
        #[command(flatten)]
        what: What,
        /// Who gets them: namespace/service-account.
        #[arg(long)]
        account: String,
    },
    /// Run the experiment.
    Run {
        #[command(flatten)]
        what: What,
        /// What must go on answering with 200.
        #[arg(long)]
        url: String,
        /// How long the service is watched after the kill, in seconds.
        #[arg(long, default_value_t = 20)]
        seconds: u64,
    },
    /// Put back what runs left behind. (A kill leaves nothing.)
    Sweep {
        #[arg(long)]
        namespace: String,
    },
}

#[derive(Args)]
struct What {
    #[arg(long)]
    namespace: String,
    #[arg(long)]
    deployment: String,
    /// Never more pods than this at once.
    #[arg(long, default_value_t = 10)]
    most: u32,
    /// The seed of every draw.
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    perform(Cli::parse().command).await.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::from(2)
    })
}

async fn perform(command: Command) -> Result<ExitCode, Failure> {
    let cluster = Cluster::connect().await?;
    match command {
        Command::Plan(what) => {
            let plan =
                experiment(&Chaos::seeded(what.seed), &cluster, &what)?.lasting(secs(1)).plan().await?;
            println!("{plan}");
            Ok(ExitCode::from(u8::from(plan.refusal().is_some()) * 2))
        }
        Command::Rbac { what, account } => {
            let (namespace, name) = account.split_once('/').ok_or("--account is namespace/name")?;
            let rights = half_of(&cluster, &what)?.rights_for(&pods::kill());
            print!("{}", rights.manifest("chaos-kill-half", &Subject::service_account(namespace, name)?)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Run { what, url, seconds } => {
            let chaos = Chaos::seeded(what.seed);
            let report = experiment(&chaos, &cluster, &what)?
                .steady_state(probe::http(&url)?.status(200).within(ms(500)))
                .lasting(secs(seconds))
                .recovering_within(secs(60))
                .replay(format!(
                    "kill_half run --namespace {} --deployment {} --url {url} --seed {{seed}}",
                    what.namespace, what.deployment
                ))
                .progress(LiveLine::stderr())
                .revert_on_signals()
                .run()
                .await?;
            println!("{report}");
            println!("{} requests to the API server", cluster.requests());
            Ok(ExitCode::from(report.outcome.exit_code()))
        }
        Command::Sweep { namespace } => {
            let swept = cluster.sweep().in_namespace(namespace).await?;
            println!("{swept}");
            Ok(ExitCode::from(if swept.is_clean() { 0 } else { 4 }))
        }
    }
}

fn half_of(cluster: &Cluster, what: &What) -> chaos_core::Result<Pods> {
    cluster.pods().in_namespace(&what.namespace).owned_by(WorkloadKind::Deployment, &what.deployment)
}

fn experiment(
    chaos: &Chaos,
    cluster: &Cluster,
    what: &What,
) -> chaos_core::Result<Experiment<Given, Given, chaos_core::experiment::Missing>> {
    let title = format!("{}/{} survives the loss of half of its pods", what.namespace, what.deployment);
    Ok(Experiment::new(chaos, title)
        .fault(pods::kill().on(half_of(cluster, what)?, Mode::percent(50)?))
        .blast_radius(BlastRadius::count(what.most)?.and_percent(50)?))
}
