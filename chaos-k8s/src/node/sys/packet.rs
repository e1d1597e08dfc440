//! A packet socket that sends whole frames on one device (packet(7)), by way of the device's own queue.
#![expect(unsafe_code, reason = "addresses of devices and PACKET_VNET_HDR have no safe binding")]

use std::fs::File;
use std::io;
use std::mem::size_of;
use std::os::fd::AsRawFd;

use nix::libc;
use nix::sys::socket::{
    AddressFamily, LinkAddr, SockFlag, SockType, SockaddrLike, bind, setsockopt, socket, sockopt,
};

/// How many bytes may wait in the device's queue before a send says "later": enough for a queue of 1,000 packets.
const BUFFER: usize = 8 << 20;

/// Opens the socket in the calling thread's namespace. Each frame written has the [`HEADER`](super::tap::HEADER) of a TAP before
/// it, goes out with `mark` and without waiting. Nothing is ever received.
///
/// # Errors
/// No CAP_NET_RAW or CAP_NET_ADMIN, no such device.
pub(in crate::node) fn open(device: u32, mark: u32) -> io::Result<File> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    // Protocol 0: no frame is delivered here.
    let fd = socket(AddressFamily::Packet, SockType::Raw, flags, None)?;
    setsockopt(&fd, sockopt::Mark, &mark)?;
    // CAP_NET_ADMIN goes beyond the limit of the system; without, the limit is what there is.
    setsockopt(&fd, sockopt::SndBufForce, &BUFFER).or_else(|_| setsockopt(&fd, sockopt::SndBuf, &BUFFER))?;

    let on: libc::c_int = 1;
    // SAFETY: the descriptor is open, and the kernel reads one int, whose length is given.
    let set = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_VNET_HDR,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    nix::errno::Errno::result(set)?;

    bind(fd.as_raw_fd(), &at(device)?)?;
    Ok(fd.into())
}

fn at(device: u32) -> io::Result<LinkAddr> {
    // SAFETY: `sockaddr_ll` is plain numbers, for which zero is a value.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_ifindex = i32::try_from(device).map_err(|_| io::ErrorKind::InvalidInput)?;
    let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: the pointer is to a whole `sockaddr_ll`, whose length is given; it is copied before the call ends.
    let address = unsafe { LinkAddr::from_raw((&raw const address).cast(), Some(length)) };
    address.ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_that_of_its_device() {
        assert_eq!(at(7).unwrap().ifindex(), 7);
        assert!(at(u32::MAX).is_err());
    }
}
