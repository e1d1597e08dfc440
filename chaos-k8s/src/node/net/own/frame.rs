//! Frames: where the IP header begins.

use nix::libc;

/// `ARPHRD_RAWIP`, which crate libc lacks.
const RAW_IP: u16 = 519;

/// What comes before the IP header on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// Ethernet, with VLAN tags perhaps.
    Ethernet,
    /// Nothing: tunnels of layer 3.
    Ip,
    /// Something else.
    Other,
}

impl Link {
    /// By the device's kind, `ARPHRD_*` (include/uapi/linux/if_arp.h).
    pub(super) fn of_kind(kind: u16) -> Self {
        match kind {
            libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK => Self::Ethernet,
            libc::ARPHRD_NONE | libc::ARPHRD_PPP | RAW_IP => Self::Ip,
            _ => Self::Other,
        }
    }
}

/// Whether devices of this kind (`ARPHRD_*`) have frames of Ethernet.
pub(crate) fn is_ethernet(kind: u16) -> bool {
    Link::of_kind(kind) == Link::Ethernet
}

const TYPE_AT: usize = 12;
const TAG: usize = 4;

/// Where the IP header of `frame` begins, if it has one.
pub(super) fn ip_at(frame: &[u8], link: Link) -> Option<usize> {
    match link {
        Link::Other => None,
        Link::Ip => matches!(frame.first()? >> 4, 4 | 6).then_some(0),
        Link::Ethernet => {
            let mut at = TYPE_AT;
            // Two tags at most (802.1ad); more are no traffic of this world.
            for _ in 0..=2 {
                match (*frame.get(at)?, *frame.get(at + 1)?) {
                    (0x81, 0x00) | (0x88, 0xa8) => at += TAG,
                    (0x08, 0x00) | (0x86, 0xdd) => return Some(at + 2),
                    _ => return None,
                }
            }
            None
        }
    }
}

/// The sender's address on an Ethernet.
pub(super) fn source(frame: &[u8]) -> Option<&[u8]> {
    frame.get(6..12)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ethernet(types: &[u8]) -> Vec<u8> {
        [&[0; 12], types, &[0x45, 0, 0, 0]].concat()
    }

    #[test]
    fn the_header_is_found_behind_tags() {
        assert_eq!(ip_at(&ethernet(&[8, 0]), Link::Ethernet), Some(14));
        assert_eq!(ip_at(&ethernet(&[0x81, 0, 0, 5, 0x86, 0xdd]), Link::Ethernet), Some(18));
        assert_eq!(ip_at(&ethernet(&[0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 8, 0]), Link::Ethernet), Some(22));
        assert_eq!(ip_at(&ethernet(&[8, 6]), Link::Ethernet), None);
        assert_eq!(ip_at(&[0x60, 0], Link::Ip), Some(0));
        assert_eq!(ip_at(&[0x60, 0], Link::Other), None);
    }

    #[test]
    fn short_frames_have_none() {
        let whole = ethernet(&[0x81, 0, 0, 5, 8, 0]);
        for length in 0..18 {
            assert_eq!(ip_at(&whole[..length], Link::Ethernet), None, "{length}");
        }
        assert_eq!(ip_at(&[], Link::Ip), None);
    }
}
