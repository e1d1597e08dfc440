//! What comes as datagrams.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::UdpSocket;

use super::message::{Answer, Carrier, Query};
use super::rules::{Then, Verdict};
use super::{PAUSE, Server, Shared, upstream};

/// Serves the socket that stands for one server, for ever.
pub(super) async fn serve(shared: Arc<Shared>, socket: Arc<UdpSocket>, server: Server) {
    let mut datagram = vec![0; upstream::DATAGRAM];
    loop {
        // An error is of an earlier answer, whose asker has gone.
        let Ok((length, from)) = socket.recv_from(&mut datagram).await else {
            shared.clock.sleep(PAUSE).await;
            continue;
        };
        // No more at once than this; what is too much is lost, as in every full queue of datagrams.
        let Ok(permit) = Arc::clone(&shared.at_once).try_acquire_owned() else { continue };
        let (query, shared, socket) = (datagram[..length].to_vec(), Arc::clone(&shared), Arc::clone(&socket));
        tokio::spawn(async move {
            if let Some(answer) = answer(&shared, server, &query).await {
                let _ = send(&socket, &answer, from).await;
            }
            drop(permit);
        });
    }
}

async fn send(socket: &UdpSocket, answer: &[u8], to: SocketAddr) -> std::io::Result<usize> {
    socket.send_to(answer, to).await
}

pub(super) async fn answer(shared: &Shared, server: Server, bytes: &[u8]) -> Option<Vec<u8>> {
    let query = Query::read(bytes);
    if let Some(said) = query.as_ref().and_then(|query| shared.about_itself(query)) {
        return Some(said);
    }
    let then = match &query {
        Some(query) => {
            let mut verdict: Verdict = shared.rules.decide(server, query);
            verdict.wait(&shared.clock).await;
            verdict.then
        }
        None => Then::Forward,
    };
    match (then, &query) {
        (Then::Answer(answer), Some(query)) => query.answer(&answer, Carrier::Udp).ok(),
        (Then::Forward, query) => match upstream::ask(&shared.clock, server.address, bytes).await {
            Ok(answer) => Some(answer),
            // No message says "nobody listens there"; this one makes programs turn to the next server as fast.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                query.as_ref()?.answer(&Answer::ServFail, Carrier::Udp).ok()
            }
            Err(_) => None,
        },
        _ => None,
    }
}
