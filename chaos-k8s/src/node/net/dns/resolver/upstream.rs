//! On to the server that was asked, byte for byte.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;
use std::time::Duration;

use chaos_core::Clock;
use nix::sys::socket::{setsockopt, sockopt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};

use crate::node::net::dns::table::{MARK, PORT};

/// Longer than programs wait for an answer by default, 5 s (resolv.conf(5), `timeout`).
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// The largest datagram.
pub(super) const DATAGRAM: usize = 65_535;

/// A socket of ours that the table lets pass.
fn pass<F: AsFd>(socket: &F) -> io::Result<()> {
    Ok(setsockopt(socket, sockopt::Mark, &MARK)?)
}

/// A socket to the server, which the table leads aside as it does those of programs.
pub(super) async fn led(server: IpAddr) -> io::Result<UdpSocket> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    UdpSocket::bind((any, 0)).await
}

/// Asks the server over UDP; its answer.
///
/// # Errors
/// As the server's machine says: nobody listens there, no way to it; or nothing came.
pub(super) async fn ask(clock: &Clock, server: IpAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let socket = led(server).await?;
    pass(&socket)?;
    exchange(clock, &socket, server, query, PATIENCE).await
}

/// Sends over this socket, and waits for what answers.
pub(super) async fn exchange(
    clock: &Clock,
    socket: &UdpSocket,
    server: IpAddr,
    query: &[u8],
    patience: Duration,
) -> io::Result<Vec<u8>> {
    socket.connect((server, PORT)).await?;
    socket.send(query).await?;
    let mut answer = vec![0; DATAGRAM];
    let answered = async {
        loop {
            let length = socket.recv(&mut answer).await?;
            // An answer to an earlier user of the port.
            if answer[..length].get(..2) == query.get(..2) {
                return io::Result::Ok(length);
            }
        }
    };
    let length = clock.timeout(patience, answered).await.map_err(io::Error::other)??;
    answer.truncate(length);
    Ok(answer)
}

/// A connection to the server; past the table, or as programs have it.
pub(super) async fn connect(clock: &Clock, server: IpAddr, passes: bool) -> io::Result<TcpStream> {
    let socket = if server.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if passes {
        pass(&socket)?;
    }
    clock.timeout(PATIENCE, socket.connect(SocketAddr::new(server, PORT))).await.map_err(io::Error::other)?
}
