//! The agent's side: connections as they come, each with one order.

use std::io;
use std::os::unix::net as std_net;
use std::sync::Arc;

use chaos_core::ledger::RunId;
use chaos_core::{Error, Result};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use super::{Answer, LONGEST, Order, PATIENCE, Told, address, line};
use crate::agent::spec::Token;

/// How many connections are listened to at once; more are closed.
const AT_ONCE: usize = 16;
/// How many answers one order has at most.
const ANSWERS: usize = 2;

/// An order of who knows the token, or what else came.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "as orders are")]
pub(in crate::agent) enum Asked {
    Order {
        order: Order,
        /// Where the answers go; closed when the last of them is written.
        answers: mpsc::Sender<Answer>,
    },
    /// It was refused here, and answered so.
    Refused(String),
}

/// Listens in the network namespace that the agent is in, as long as the receiver lives.
///
/// # Errors
/// Refused when the name is taken: by another agent of the run, or by a program that wants to be asked in its place.
pub(in crate::agent) fn listen(run: RunId, token: Token) -> Result<mpsc::Receiver<Asked>> {
    let listener = bind(run).map_err(|source| {
        let said = match source.kind() {
            io::ErrorKind::AddrInUse => {
                Error::refused(format!("an agent of run {run}, or a program in its name, is here already"))
            }
            _ => Error::failed("the agent's socket cannot be made"),
        };
        said.with_source(source)
    })?;
    let (to, asked) = mpsc::channel(AT_ONCE);
    let token = Arc::new(token);
    tokio::spawn(async move {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            let stream = tokio::select! {
                () = to.closed() => return,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    // A connection that was gone at once, or no descriptor for it: the next may work.
                    Err(_) => {
                        tokio::time::sleep_until(tokio::time::Instant::now() + PATIENCE / 20).await;
                        continue;
                    }
                },
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
            let (to, token) = (to.clone(), Arc::clone(&token));
            tokio::spawn(async move {
                // One that hears nothing any more has closed its end itself.
                let _ = serve(stream, &token, &to).await;
                drop(place);
            });
        }
    });
    Ok(asked)
}

fn bind(run: RunId) -> io::Result<UnixListener> {
    let listener = std_net::UnixListener::bind_addr(&address(run)?)?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

async fn serve(mut stream: UnixStream, token: &Token, to: &mpsc::Sender<Asked>) -> io::Result<()> {
    let user = stream.peer_cred().map_or_else(|_| "unknown".to_owned(), |peer| peer.uid().to_string());
    let (from, mut back) = stream.split();
    let mut text = Vec::new();
    let mut limited = BufReader::new(from).take(LONGEST as u64);
    let read = timeout(PATIENCE, limited.read_until(b'\n', &mut text)).await;
    let order = match read {
        Ok(Ok(_)) if text.ends_with(b"\n") => match serde_json::from_slice::<Told>(&text) {
            Ok(told) if told.token == *token => Ok(told.order),
            Ok(_) => Err("wrong token"),
            Err(_) => Err("no order of this version"),
        },
        _ => Err("no order"),
    };
    let order = match order {
        Ok(order) => order,
        Err(why) => {
            say(&mut back, &Answer::Refused(why.to_owned())).await?;
            let refused = Asked::Refused(format!("user {user}: {why}"));
            return to.send(refused).await.map_err(io::Error::other);
        }
    };
    let (answers, mut waiting) = mpsc::channel(ANSWERS);
    to.send(Asked::Order { order, answers }).await.map_err(io::Error::other)?;
    while let Some(answer) = waiting.recv().await {
        say(&mut back, &answer).await?;
        if answer != Answer::Stopping {
            break;
        }
    }
    Ok(())
}

async fn say(to: &mut (impl AsyncWriteExt + Unpin), answer: &Answer) -> io::Result<()> {
    timeout(PATIENCE, to.write_all(&line(answer)?)).await?
}
