//! The program `chaos-agent`: its command line.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use chaos_core::ledger::RunId;
use chaos_core::units::{duration, secs};
use chaos_core::{Chaos, Error, Result};

use super::control::{Answer, Order, tell};
use super::ending::Ending;
use super::spec::Token;
use super::work;
use crate::node::{self, Node};

/// Where an order finds its token: a command line is seen by every process.
const TOKEN: &str = "CHAOS_AGENT_TOKEN";
/// The exit code of a command line that is no command.
const USAGE: u8 = 2;
/// How long an order waits for its last answer, in all: a revert is tried several times, each bounded.
const PATIENCE: Duration = secs(120);

const HELP: &str = "\
chaos-agent [run]                     do what the spec in CHAOS_AGENT_SPEC says
chaos-agent guard                     take back what CHAOS_GUARDIAN_DUTY says, at its deadline (feature agents)
chaos-agent tell RUN stop             take everything back and end
chaos-agent tell RUN extend DURATION  last so long from now on
chaos-agent tell RUN status           say how it goes
chaos-agent tell RUN order            what CHAOS_AGENT_ORDER says, in base64 of JSON
chaos-agent doctor                    say what this node can do
chaos-agent version                   say the version

`tell` speaks to the agent of a run in the same network namespace, and takes the run's token from CHAOS_AGENT_TOKEN.
";

/// The whole of the program: to be called first of all in its `main`. As the program of a container it is the first process
/// there, or stands for it: a guardian that starts the agent again below itself.
///
/// The exit code of `run` is an [`Ending`](super::status::Ending)'s; `tell` ends with 0 when the order was heeded, and with
/// 1 otherwise.
#[must_use]
pub fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        [] | ["run"] => work::main(node::run_as_init_ending(Ok, Ending::code_of_guardian)),
        // A process that an engine or the guardian has started, which does not come back from here.
        [.., last] if last.starts_with("--chaos-") => work::main(node::run_as_init_with(Ok)),
        #[cfg(feature = "agents")]
        ["guard"] => crate::cluster::agents::guard(),
        ["tell", run, ref order @ ..] => told(order_of(run, order)),
        ["doctor"] => print(&format!("{}\n", Node::new(&Chaos::random()).doctor()), 0),
        ["version"] => print(&format!("{}\n", env!("CARGO_PKG_VERSION")), 0),
        ["help" | "--help" | "-h"] => print(HELP, 0),
        _ => print(HELP, USAGE),
    }
}

fn order_of(run: &str, order: &[&str]) -> Result<(RunId, Token, Order)> {
    let token = std::env::var(TOKEN).map_err(|source| {
        Error::invalid(format!("no token: give the run's in {TOKEN}")).with_source(source)
    })?;
    let order = match order {
        ["stop"] => Order::Stop,
        ["status"] => Order::Status,
        ["extend", lasting] => Order::Extend(duration::parse(lasting)?),
        ["order"] => Order::decode(&std::env::var(Order::VARIABLE).map_err(|source| {
            Error::invalid(format!("no order: give one in {}, in base64 of JSON", Order::VARIABLE))
                .with_source(source)
        })?)?,
        _ => return Err(Error::invalid("no such order: there are stop, extend DURATION, status and order")),
    };
    Ok((run.parse()?, Token::try_new(token)?, order))
}

fn told(order: Result<(RunId, Token, Order)>) -> ExitCode {
    let answered = order.and_then(|(run, token, order)| tell(run, &token, order, PATIENCE));
    match answered {
        Ok(Answer::Refused(why)) => print(&format!("refused: {why}\n"), 1),
        Ok(answer) => {
            let is_clean = !matches!(&answer, Answer::Stopped(end) if !end.left.is_empty());
            let text = serde_json::to_string(&answer).unwrap_or_default();
            print(&format!("{text}\n"), u8::from(!is_clean))
        }
        Err(error) => print(&format!("{}\n", error.chain()), 1),
    }
}

fn print(text: &str, code: u8) -> ExitCode {
    // Without a reader the code says it.
    let _ = io::stdout().write_all(text.as_bytes());
    ExitCode::from(code)
}
