//! On to the server that was asked, byte for byte.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::time::Duration;

use chaos_core::Clock;
use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};

use crate::node::net::dns::table::{IpFamily, MARK, PORT};

/// Longer than programs wait for an answer by default, 5 s (resolv.conf(5), `timeout`).
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// The largest datagram.
pub(super) const DATAGRAM: usize = 65_535;

/// A socket of ours that the table lets pass.
pub(super) fn pass<F: AsFd>(socket: &F) -> io::Result<()> {
    Ok(setsockopt(socket, sockopt::Mark, &MARK)?)
}

/// What comes of packets that the table does not lead aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    Far,
    /// No router sends them on.
    Near,
}

fn limit<F: AsFd>(socket: &F, server: IpAddr, reach: Reach) -> io::Result<()> {
    const HOPS: libc::c_int = 1;
    if reach == Reach::Near {
        match server {
            IpAddr::V4(_) => setsockopt(socket, sockopt::Ipv4Ttl, &HOPS)?,
            IpAddr::V6(_) => setsockopt(socket, sockopt::Ipv6Ttl, &HOPS)?,
        }
    }
    Ok(())
}

/// A socket to the server, which the table leads aside as it does those of programs.
pub(super) async fn led(server: IpAddr, reach: Reach) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((IpFamily::of(server).any(), 0)).await?;
    limit(&socket, server, reach)?;
    Ok(socket)
}

/// Asks the server over UDP; its answer.
///
/// # Errors
/// As the server's machine says: nobody listens there, no way to it; or nothing came.
pub(super) async fn ask(clock: &Clock, server: IpAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let socket = led(server, Reach::Far).await?;
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

/// A connection to the server.
pub(super) async fn connect(clock: &Clock, server: IpAddr) -> io::Result<TcpStream> {
    let socket = tcp(server)?;
    pass(&socket)?;
    open(clock, socket, server).await
}

/// The same as programs have it.
pub(super) async fn connect_led(clock: &Clock, server: IpAddr, reach: Reach) -> io::Result<TcpStream> {
    let socket = tcp(server)?;
    limit(&socket, server, reach)?;
    open(clock, socket, server).await
}

fn tcp(server: IpAddr) -> io::Result<TcpSocket> {
    if server.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }
}

async fn open(clock: &Clock, socket: TcpSocket, server: IpAddr) -> io::Result<TcpStream> {
    clock.timeout(PATIENCE, socket.connect(SocketAddr::new(server, PORT))).await.map_err(io::Error::other)?
}
