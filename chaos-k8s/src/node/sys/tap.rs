//! A TAP device: a network device whose wire is a descriptor of ours (Documentation/networking/tuntap.rst). It goes with
//! the last descriptor.
#![expect(unsafe_code, reason = "ioctl(2) of TUN and of network devices has no safe binding")]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;

use nix::libc;

use super::device::{any_socket, named};

/// The address of every TAP of ours: locally administered, and set by us, so that udev leaves it alone. What a TAP sends of
/// its own accord (neighbour discovery, multicast reports) has it as its source.
pub(in crate::node) const ADDRESS: [u8; 6] = *b"\x02chaos";

/// Bytes before each frame: `struct virtio_net_hdr` (include/uapi/linux/virtio_net.h), in the machine's byte order.
pub(in crate::node) const HEADER: usize = 10;

/// How many frames the kernel keeps for us until we read them; beyond, it drops.
const RING: i32 = 10_000;

/// `IFF_TUN_EXCL`: a name that is taken is refused (include/uapi/linux/if_tun.h).
const EXCLUSIVE: libc::c_int = 0x8000;

nix::ioctl_write_ptr_bad!(set_iff, libc::TUNSETIFF, libc::ifreq);
nix::ioctl_write_int_bad!(set_offload, libc::TUNSETOFFLOAD);
nix::ioctl_write_ptr_bad!(set_flags, libc::SIOCSIFFLAGS, libc::ifreq);
nix::ioctl_write_ptr_bad!(set_address, libc::SIOCSIFHWADDR, libc::ifreq);
nix::ioctl_write_ptr_bad!(set_queue, libc::SIOCSIFTXQLEN, libc::ifreq);

/// Makes the device `name` in the calling thread's namespace and puts it up. Frames are read and written with a
/// [`HEADER`] each, without waiting.
///
/// `large`: frames come as the sender's stack made them, up to 64 KiB, checksums unfinished. Else the kernel cuts them to what goes
/// on a wire and finishes their checksums before they are read.
///
/// # Errors
/// No `/dev/net/tun`, no CAP_NET_ADMIN, a name that is taken.
pub(in crate::node) fn open(name: &str, large: bool) -> io::Result<File> {
    let tap =
        OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open("/dev/net/tun")?;
    let mut request = named(name)?;
    let mode = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR | EXCLUSIVE;
    // The flags fit: the widest is 0x8000, whose bits are those of a short.
    request.ifr_ifru.ifru_flags = mode as libc::c_short;
    // SAFETY: the descriptor is open, and the kernel reads and writes one `ifreq`, which lives until after the call.
    unsafe { set_iff(tap.as_raw_fd(), &raw const request) }?;

    let offload = if large {
        libc::TUN_F_CSUM
            | libc::TUN_F_TSO4
            | libc::TUN_F_TSO6
            | libc::TUN_F_TSO_ECN
            | libc::TUN_F_USO4
            | libc::TUN_F_USO6
    } else {
        0
    };
    let without_udp = offload & !(libc::TUN_F_USO4 | libc::TUN_F_USO6);
    // SAFETY: the argument is a number.
    let set = |flags: libc::c_uint| unsafe { set_offload(tap.as_raw_fd(), flags as libc::c_int) };
    // Large UDP came with Linux 6.2.
    set(offload).or_else(|_| set(without_udp))?;

    let any = any_socket()?;
    let mut request = named(name)?;
    let mut address = [0; 14];
    for (to, from) in address.iter_mut().zip(ADDRESS) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_hwaddr = libc::sockaddr { sa_family: libc::ARPHRD_ETHER, sa_data: address };
    // SAFETY: the descriptor is a socket, and the kernel reads one `ifreq`, which lives until after the call.
    unsafe { set_address(any.as_raw_fd(), &raw const request) }?;

    let mut request = named(name)?;
    request.ifr_ifru.ifru_metric = RING;
    // SAFETY: as above; `ifr_qlen` is `ifr_ivalue`, an int at the start of the union, as is the metric.
    unsafe { set_queue(any.as_raw_fd(), &raw const request) }?;

    let mut request = named(name)?;
    // Without ARP and multicast it has little to say of its own accord.
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_NOARP) as libc::c_short;
    // SAFETY: as above.
    unsafe { set_flags(any.as_raw_fd(), &raw const request) }?;
    Ok(tap)
}
