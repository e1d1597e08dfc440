//! The guardian as a program: `chaos-agent guard`.

use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use chaos_core::units::{ms, secs};
use chaos_core::{Error, Owner, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use super::duty::Duty;
use super::grant::Named;
use super::watch::{Watch, status};
use crate::agent::status::{End, Ending, ItemState, Writer, spoken};
use crate::cluster::Cluster;

/// How long the API server may take to hear of a role that was just made.
const ROLES_WITHIN: Duration = secs(20);
/// How long its own roles are tried to be taken away.
const TAKEN_AWAY_WITHIN: Duration = secs(60);
const AGAIN: Duration = ms(250);

/// Does what the duty in the environment says, and ends.
pub(crate) fn main() -> ExitCode {
    spoken(|writer, _| match Duty::read(|name| std::env::var(name).ok()) {
        Ok(duty) => run(duty, writer),
        Err(error) => End::by(Ending::Invalid, &error),
    })
}

fn plain(why: Ending) -> End {
    End { why, code: why.code(), detail: String::new(), left: Vec::new() }
}

fn run(duty: Duty, writer: &Rc<Writer>) -> End {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return End::by(Ending::Unable, &error.into()),
    };
    runtime.block_on(async {
        let (mut term, mut int) = match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
            (Ok(term), Ok(int)) => (term, int),
            (Err(error), _) | (_, Err(error)) => return End::by(Ending::Unable, &error.into()),
        };
        let work = async {
            match Cluster::inside().await {
                Ok(cluster) => keep(cluster, Arc::new(duty), Rc::clone(writer)).await,
                Err(error) => refused(&duty, writer, Ending::Unable, &error),
            }
        };
        tokio::select! {
            biased;
            // Its pod is being taken away. Nothing is put back now: that is for its deadline, or for who dismissed it.
            _ = term.recv() => plain(Ending::Signal),
            _ = int.recv() => plain(Ending::Signal),
            end = work => end,
        }
    })
}

/// Says of every undo that nothing will come of it.
fn refused(duty: &Duty, writer: &Writer, why: Ending, error: &Error) -> End {
    for number in 0..duty.undos.len() {
        writer.say(status(number, ItemState::Failed { error: error.chain() }));
    }
    End::by(why, error)
}

/// From its first look to the end of its own roles.
pub(super) async fn keep(cluster: Cluster, duty: Arc<Duty>, writer: Rc<Writer>) -> End {
    if let Err(error) = try_rights(&cluster, &duty).await {
        return refused(&duty, &writer, Ending::Nothing, &error);
    }
    for (number, task) in duty.undos.iter().enumerate() {
        let release = task.undo.marked();
        match release.grip(&cluster).look().await {
            Ok(_) => writer.say(status(
                number,
                ItemState::Prepared {
                    target: release.object.uid.clone(),
                    plan: format!("armed for {}", task.target),
                    owner: Owner::Deadline,
                },
            )),
            Err(error) => return refused(&duty, &writer, Ending::Nothing, &error),
        }
    }
    Watch::new(cluster.clone(), Arc::clone(&duty), Rc::clone(&writer)).until_all_is_over().await;
    let clock = cluster.api().clock().clone();
    let until = Instant::now() + TAKEN_AWAY_WITHIN;
    loop {
        match duty.take_away(&cluster).await {
            Ok(()) => return plain(Ending::Over),
            Err(error) if Instant::now() > until => {
                // It is started again for that.
                return End { left: vec![error.chain()], ..plain(Ending::Left) };
            }
            Err(_) => clock.sleep(AGAIN).await,
        }
    }
}

/// That it has every right which it may need one day.
async fn try_rights(cluster: &Cluster, duty: &Duty) -> Result<()> {
    let grants = duty.grants();
    let until = Instant::now() + ROLES_WITHIN;
    for Named { right, name } in grants.samples() {
        while !cluster.allows_on(right, name).await? {
            if Instant::now() > until {
                return Err(Error::refused(format!("missing right of the guardian pod: {right}, on {name}")));
            }
            cluster.api().clock().sleep(AGAIN).await;
        }
    }
    Ok(())
}
