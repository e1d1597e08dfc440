//! What kind of device one is (netdevice(7)).
#![expect(unsafe_code, reason = "ioctl(2) of network devices has no safe binding")]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

nix::ioctl_read_bad!(get_address, libc::SIOCGIFHWADDR, libc::ifreq);

/// The kind of the device `name` of the calling thread's namespace, `ARPHRD_*` (include/uapi/linux/if_arp.h).
///
/// # Errors
/// No such device.
pub(in crate::node) fn kind(name: &str) -> io::Result<u16> {
    let any = any_socket()?;
    let mut request = named(name)?;
    // SAFETY: the descriptor is a socket, and the kernel reads and writes one `ifreq`, which lives until after the call.
    unsafe { get_address(any.as_raw_fd(), &raw mut request) }?;
    // SAFETY: the kernel has written this field of the union, and any bits of it are a value.
    Ok(unsafe { request.ifr_ifru.ifru_hwaddr.sa_family })
}

/// A socket of the calling thread's namespace, for requests about devices.
pub(super) fn any_socket() -> io::Result<OwnedFd> {
    Ok(socket(AddressFamily::Unix, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?)
}

/// A request about the device of this name.
pub(super) fn named(name: &str) -> io::Result<libc::ifreq> {
    // SAFETY: `ifreq` is plain numbers and arrays of them, for which zero is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // One byte stays zero: the kernel wants an end.
    if name.is_empty() || name.len() >= request.ifr_name.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_loopback_and_what_is_not_there_has_no_kind() {
        assert_eq!(kind("lo").unwrap(), libc::ARPHRD_LOOPBACK);
        assert!(kind("nowhere0").is_err());
    }

    #[test]
    fn names_that_do_not_fit_are_refused_before_the_kernel_sees_them() {
        assert!(named("").is_err());
        assert!(named("sixteen-bytes-xx").is_err());
        let request = named("fifteen-bytes-x").unwrap();
        assert_eq!(request.ifr_name[15], 0);
    }
}
