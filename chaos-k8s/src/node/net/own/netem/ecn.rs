//! Marking a packet instead of losing it (`INET_ECN_set_ce`, include/net/inet_ecn.h).

/// "Congestion experienced": both bits (RFC 3168, section 5).
const CE: u8 = 0b11;

/// Marks the packet whose IP header this is; whether it can be marked. Its sender must have said so in the same two bits.
pub(super) fn mark(ip: &mut [u8]) -> bool {
    match (ip.first().map(|first| first >> 4), ip.len()) {
        (Some(4), 20..) if ip[1] & CE != 0 => {
            if ip[1] & CE != CE {
                let before = u16::from_be_bytes([ip[0], ip[1]]);
                ip[1] |= CE;
                let after = u16::from_be_bytes([ip[0], ip[1]]);
                let sum = amended(u16::from_be_bytes([ip[10], ip[11]]), before, after);
                ip[10..12].copy_from_slice(&sum.to_be_bytes());
            }
            true
        }
        // The class lies over two bytes: its lower two bits are the third and fourth of the second.
        (Some(6), 2..) if ip[1] & (CE << 4) != 0 => {
            ip[1] |= CE << 4;
            true
        }
        _ => false,
    }
}

/// A header's checksum after one of its words changed (RFC 1624, equation 3).
fn amended(sum: u16, before: u16, after: u16) -> u16 {
    let mut total = u32::from(!sum) + u32::from(!before) + u32::from(after);
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    !(total as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checksum(header: &[u8]) -> u16 {
        let mut total: u32 =
            header.chunks(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]]))).sum();
        while total > 0xffff {
            total = (total & 0xffff) + (total >> 16);
        }
        !(total as u16)
    }

    #[test]
    fn what_can_be_marked_is_and_its_checksum_holds() {
        for ecn in 0..4 {
            let mut header = [0x45, 0x10 | ecn, 0, 60, 1, 2, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
            let sum = checksum(&header);
            header[10..12].copy_from_slice(&sum.to_be_bytes());
            assert_eq!(mark(&mut header), ecn != 0);
            assert_eq!(header[1], if ecn == 0 { 0x10 } else { 0x13 });
            assert_eq!(checksum(&header), 0, "a right header sums to zero");
        }
    }

    #[test]
    fn version_6_has_it_elsewhere_and_other_bytes_have_none() {
        let mut header = [0x60, 0x20, 0, 0];
        assert!(mark(&mut header) && header == [0x60, 0x30, 0, 0]);
        assert!(!mark(&mut [0x60, 0x0f]) && !mark(&mut [0x45, 0x03]) && !mark(&mut []));
    }
}
