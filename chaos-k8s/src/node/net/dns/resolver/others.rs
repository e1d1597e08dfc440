//! What stands for all servers of a family: whom a program asked is said by the kernel, for each datagram and each connection.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;

use nix::cmsg_space;
use nix::libc;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, getsockopt, recvmsg, sendmsg, setsockopt,
    sockopt,
};
use tokio::io::Interest;
use tokio::net::{TcpStream, UdpSocket};

use super::{PAUSE, Server, Shared, udp, upstream};
use crate::node::net::dns::table::{IpFamily, PORT};

/// A socket for datagrams that the table turned round: each seems to come from the server that it was for.
#[derive(Debug)]
pub(super) struct Datagrams(UdpSocket);

/// From where a datagram seems to come, and whose it is.
#[derive(Debug, Clone, Copy)]
struct Asked {
    server: SocketAddr,
    program: IpAddr,
}

impl Datagrams {
    /// At every address: programs may ask from each of the namespace's.
    pub(super) fn open(family: IpFamily) -> io::Result<Self> {
        let socket = std::net::UdpSocket::bind((family.any(), 0))?;
        socket.set_nonblocking(true)?;
        // Answers go to the port of a program, which may be that of DNS.
        upstream::pass(&socket)?;
        match family {
            IpFamily::V4 => setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?,
            IpFamily::V6 => setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?,
        }
        UdpSocket::from_std(socket).map(Self)
    }

    pub(super) fn port(&self) -> io::Result<u16> {
        Ok(self.0.local_addr()?.port())
    }

    /// Serves what is asked of whomever, for ever.
    pub(super) async fn serve(self, shared: Arc<Shared>) {
        let (socket, mut datagram) = (Arc::new(self), vec![0; upstream::DATAGRAM]);
        loop {
            let Ok((length, asked)) = socket.receive(&mut datagram).await else {
                shared.clock.sleep(PAUSE).await;
                continue;
            };
            let Ok(permit) = Arc::clone(&shared.at_once).try_acquire_owned() else { continue };
            let (query, shared, socket) =
                (datagram[..length].to_vec(), Arc::clone(&shared), Arc::clone(&socket));
            tokio::spawn(async move {
                let server = Server::elsewhere(asked.server.ip());
                if let Some(answer) = udp::answer(&shared, server, &query).await {
                    let _ = socket.send(&answer, asked).await;
                }
                drop(permit);
            });
        }
    }

    async fn receive(&self, datagram: &mut [u8]) -> io::Result<(usize, Asked)> {
        let receive = || {
            let mut space = cmsg_space!(libc::in6_pktinfo);
            let mut parts = [IoSliceMut::new(datagram)];
            let fd = self.0.as_raw_fd();
            let got = recvmsg::<SockaddrStorage>(fd, &mut parts, Some(&mut space), MsgFlags::empty())?;
            let program = got.cmsgs()?.find_map(|message| match message {
                ControlMessageOwned::Ipv4PacketInfo(info) => {
                    Some(Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes()).into())
                }
                ControlMessageOwned::Ipv6PacketInfo(info) => {
                    Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into())
                }
                _ => None,
            });
            match (got.address.as_ref().and_then(internet), program) {
                (Some(server), Some(program)) => Ok((got.bytes, Asked { server, program })),
                _ => Err(io::Error::other("a datagram without its addresses")),
            }
        };
        self.0.async_io(Interest::READABLE, receive).await
    }

    async fn send(&self, answer: &[u8], to: Asked) -> io::Result<usize> {
        let send = || {
            let (parts, server) = ([IoSlice::new(answer)], SockaddrStorage::from(to.server));
            let send =
                |message| sendmsg(self.0.as_raw_fd(), &parts, &[message], MsgFlags::empty(), Some(&server));
            Ok(match to.program {
                IpAddr::V4(program) => {
                    let s_addr = u32::from_ne_bytes(program.octets());
                    send(ControlMessage::Ipv4PacketInfo(&libc::in_pktinfo {
                        ipi_ifindex: 0,
                        ipi_spec_dst: libc::in_addr { s_addr },
                        ipi_addr: libc::in_addr { s_addr: 0 },
                    }))
                }
                IpAddr::V6(program) => send(ControlMessage::Ipv6PacketInfo(&libc::in6_pktinfo {
                    ipi6_addr: libc::in6_addr { s6_addr: program.octets() },
                    ipi6_ifindex: 0,
                })),
            }?)
        };
        self.0.async_io(Interest::WRITABLE, send).await
    }
}

fn internet(address: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(four) = address.as_sockaddr_in() {
        return Some(SocketAddr::new(four.ip().into(), four.port()));
    }
    address.as_sockaddr_in6().map(|six| SocketAddr::new(six.ip().into(), six.port()))
}

/// Whom the program connected to; none if it was us.
pub(super) fn original(stream: &TcpStream) -> Option<IpAddr> {
    let (address, port): (IpAddr, u16) = if stream.local_addr().ok()?.is_ipv4() {
        let four = getsockopt(&stream.as_fd(), sockopt::OriginalDst).ok()?;
        (Ipv4Addr::from(four.sin_addr.s_addr.to_ne_bytes()).into(), four.sin_port)
    } else {
        let six = getsockopt(&stream.as_fd(), sockopt::Ip6tOriginalDst).ok()?;
        (Ipv6Addr::from(six.sin6_addr.s6_addr).into(), six.sin6_port)
    };
    (u16::from_be(port) == PORT).then_some(address)
}
