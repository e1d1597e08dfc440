//! One option of netlink sockets, that `nix` and `rustix` do not have.
#![expect(unsafe_code, reason = "setsockopt(2) of NETLINK_EXT_ACK, which no safe library offers")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::libc;

/// Asks the kernel to say in words what it refuses (netlink(7), `NETLINK_EXT_ACK`).
pub(crate) fn explain_refusals(socket: BorrowedFd<'_>) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the descriptor is open for as long as it is borrowed; the pointer and the length are those of `on`, which
    // the kernel only reads.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_NETLINK,
            libc::NETLINK_EXT_ACK,
            (&raw const on).cast(),
            size_of_val(&on) as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsFd;

    use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};

    use super::*;

    #[test]
    fn only_netlink_sockets_take_it() {
        let netlink =
            socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)
                .unwrap();
        explain_refusals(netlink.as_fd()).unwrap();
        explain_refusals(File::open("/proc/self/status").unwrap().as_fd()).unwrap_err();
    }
}
