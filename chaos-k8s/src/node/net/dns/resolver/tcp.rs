//! What comes over TCP: messages behind their length (RFC 1035, section 4.2.2), several to a connection.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::message::{Carrier, Query};
use super::rules::Then;
use super::{PAUSE, Server, Shared, others, upstream};

/// Messages that wait to be written.
const QUEUE: usize = 64;
/// Messages of one connection that are worked on at once.
const AT_ONCE: usize = 256;
/// A program that says nothing for so long has gone; longer than the longest delay.
const SILENCE: Duration = Duration::from_secs(75);

/// Serves the listener that stands for one server, or for all others, for ever.
pub(super) async fn serve(shared: Arc<Shared>, listener: TcpListener, server: Option<Server>) {
    loop {
        // An error is of the one connection, or all descriptors are taken: others wait in the kernel's queue.
        let Ok((stream, _)) = listener.accept().await else {
            shared.clock.sleep(PAUSE).await;
            continue;
        };
        let asked = server.or_else(|| others::original(&stream).map(Server::elsewhere));
        let Some(server) = asked else { continue };
        let Ok(permit) = Arc::clone(&shared.connections).try_acquire_owned() else { continue };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let _ = connection(&shared, stream, server).await;
            drop(permit);
        });
    }
}

/// One connection of a program. Queries that no fault hits go over one connection to the server, and its answers come back as
/// they come, whichever and however many.
async fn connection(shared: &Arc<Shared>, stream: TcpStream, server: Server) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut queries, writer) = stream.into_split();
    let mut work = JoinSet::new();
    let (answers, queue) = mpsc::channel(QUEUE);
    work.spawn(write(queue, writer));
    let mut onward: Option<mpsc::Sender<Vec<u8>>> = None;
    while let Ok(Ok(bytes)) = shared.clock.timeout(SILENCE, read(&mut queries)).await {
        while work.len() > AT_ONCE {
            work.join_next().await;
        }
        let query = Query::read(&bytes);
        if let Some(said) = query.as_ref().and_then(|query| shared.about_itself(query)) {
            let _ = answers.send(said).await;
            continue;
        }
        let mut verdict = query.as_ref().map(|query| shared.rules.decide(server, query));
        let then = verdict.as_ref().map_or(Then::Forward, |verdict| verdict.then.clone());
        let (to, bytes) = match then {
            Then::Nothing => continue,
            Then::Answer(answer) => {
                let reply = query.and_then(|query| query.answer(&answer, Carrier::Tcp).ok());
                let Some(reply) = reply else { continue };
                (answers.clone(), reply)
            }
            Then::Forward => {
                if onward.as_ref().is_none_or(mpsc::Sender::is_closed) {
                    let (reader, writer) =
                        upstream::connect(&shared.clock, server.address).await?.into_split();
                    let (sender, queue) = mpsc::channel(QUEUE);
                    work.spawn(write(queue, writer));
                    work.spawn(back(Arc::clone(shared), reader, answers.clone()));
                    onward = Some(sender);
                }
                let Some(onward) = onward.clone() else { continue };
                (onward, bytes)
            }
        };
        let shared = Arc::clone(shared);
        work.spawn(async move {
            if let Some(verdict) = &mut verdict {
                verdict.wait(&shared.clock).await;
            }
            let _ = to.send(bytes).await;
        });
    }
    // The program asks no more, and may still wait for what it asked.
    drop((answers, onward));
    let _ = shared.clock.timeout(SILENCE, async { while work.join_next().await.is_some() {} }).await;
    Ok(())
}

/// The server's answers, until it closes or is silent for too long.
async fn back(shared: Arc<Shared>, mut from: OwnedReadHalf, to: mpsc::Sender<Vec<u8>>) {
    while let Ok(Ok(bytes)) = shared.clock.timeout(SILENCE, read(&mut from)).await {
        if to.send(bytes).await.is_err() {
            break;
        }
    }
}

async fn write(mut queue: mpsc::Receiver<Vec<u8>>, mut to: OwnedWriteHalf) {
    while let Some(message) = queue.recv().await {
        if to.write_all(&framed(&message)).await.is_err() {
            break;
        }
    }
    // Dropped, it tells the other end that no more comes.
}

pub(super) async fn read(from: &mut OwnedReadHalf) -> io::Result<Vec<u8>> {
    let length = from.read_u16().await?;
    let mut message = vec![0; usize::from(length)];
    from.read_exact(&mut message).await?;
    Ok(message)
}

/// A message of at most 64 KiB behind its length: each came framed so, or is an answer of ours, which is shorter.
pub(super) fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes(), message].concat()
}
