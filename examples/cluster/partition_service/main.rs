//! Cuts the pods of a deployment off from a service they need, or slows it down, while their own service must go on
//! answering.
//!
//! ```text
//! cargo run --example partition_service -- plan --namespace shop --deployment front --from db --image registry.example.org/chaos-agent:0.1.0
//!
//! partition_service plan  ...                                        # how an agent would come there, and nothing touched
//! partition_service rbac  ... --account chaos/runner | kubectl apply -f -
//! partition_service run   ... --url http://front.shop/               # a partition for a while, watched
//! partition_service run   ... --url http://front.shop/ --slow 200    # the same with 200 ms of delay
//! partition_service sweep --namespace shop                           # what runs left behind, if they did
//! ```
//!
//! Other traffic of those pods is left alone. If this program dies, the agents end the fault by their own clock.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use chaos_core::experiment::{Given, LiveLine, Missing};
use chaos_core::units::{ms, secs};
use chaos_core::{BlastRadius, Chaos, Experiment, Fault, Ledger, Mode};
use chaos_k8s::Cluster;
use chaos_k8s::cluster::agents::PodFault;
use chaos_k8s::cluster::rights::Subject;
use chaos_k8s::cluster::{Pods, WorkloadKind};
use chaos_k8s::node::net::{self, NetRule};
use chaos_net::probe;
use clap::{Args, Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Cuts a deployment off from a service, and says whether its own service held")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say what a run would do, and touch nothing.
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
        /// How long an answer may take, in milliseconds.
        #[arg(long, default_value_t = 1000)]
        within: u64,
        /// How long the fault lasts, in seconds.
        #[arg(long, default_value_t = 20)]
        seconds: u64,
        /// Where undos are kept until they are done.
        #[arg(long, default_value = "chaos-ledger")]
        ledger: PathBuf,
    },
    /// Put back what runs left behind.
    Sweep {
        #[arg(long)]
        namespace: String,
    },
}

#[derive(Args)]
struct What {
    #[arg(long)]
    namespace: String,
    /// Whose pods are hit.
    #[arg(long)]
    deployment: String,
    /// The service that they lose, in the same namespace.
    #[arg(long)]
    from: String,
    /// Delay it by so many milliseconds instead.
    #[arg(long)]
    slow: Option<u64>,
    /// The agent's image.
    #[arg(long)]
    image: String,
    /// Never more pods than this at once.
    #[arg(long, default_value_t = 10)]
    most: u32,
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
            // A plan leaves nothing to put back.
            let ledger = Ledger::in_memory(cluster.undos()?);
            let plan = experiment(&Chaos::random(), &cluster, &what)?.ledger(ledger);
            let plan = plan.lasting(secs(20)).plan().await?;
            println!("{plan}");
            Ok(ExitCode::from(u8::from(plan.refusal().is_some()) * 2))
        }
        Command::Rbac { what, account } => {
            let (namespace, name) = account.split_once('/').ok_or("--account is namespace/name")?;
            let rights = pods(&cluster, &what)?.rights_for(&fault(&cluster, &what)?);
            print!(
                "{}",
                rights.manifest("chaos-partition-service", &Subject::service_account(namespace, name)?)?
            );
            Ok(ExitCode::SUCCESS)
        }
        Command::Run { what, url, within, seconds, ledger } => {
            let ledger = Ledger::open(ledger, cluster.undos()?)?;
            let report = experiment(&Chaos::random(), &cluster, &what)?
                .ledger(ledger)
                .steady_state(probe::http(&url)?.status(200).within(Duration::from_millis(within)))
                .lasting(secs(seconds))
                .recovering_within(secs(60))
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

fn pods(cluster: &Cluster, what: &What) -> chaos_core::Result<Pods> {
    cluster.pods().in_namespace(&what.namespace).owned_by(WorkloadKind::Deployment, &what.deployment)
}

fn fault(cluster: &Cluster, what: &What) -> chaos_core::Result<PodFault<NetRule>> {
    let agents = cluster.agents(&what.image)?;
    let service = cluster.service(&what.namespace, &what.from);
    Ok(match what.slow {
        None => agents.net(net::drop()).between(service),
        Some(millis) => agents.net(net::delay(ms(millis))).to(service),
    })
}

fn experiment(
    chaos: &Chaos,
    cluster: &Cluster,
    what: &What,
) -> chaos_core::Result<Experiment<Given, Given, Missing>> {
    let title = format!("{}/{} bears the loss of {}", what.namespace, what.deployment, what.from);
    Ok(Experiment::new(chaos, title)
        .fault(fault(cluster, what)?.on(pods(cluster, what)?, Mode::ALL))
        .blast_radius(BlastRadius::count(what.most)?))
}
