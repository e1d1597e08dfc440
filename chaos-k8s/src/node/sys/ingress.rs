//! What a device of ours receives, received by another device: six instructions of BPF at the device's ingress (tcx, Linux 6.6;
//! `bpf_redirect` in bpf-helpers(7)). It goes with its descriptor.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use super::bpf::{self, Instruction};

const MOVE: u8 = 0xb7;
const STORE_WORD: u8 = 0x63;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;
const REDIRECT: i32 = 23;
const TO_INGRESS: i32 = 1;
/// Of `mark` in `struct __sk_buff`.
const MARK: i16 = 8;

/// Makes everything that the device `from` receives be received by `to`, with `mark`. Both are of the calling thread's namespace.
///
/// # Errors
/// A kernel before 6.6 or without BPF, no CAP_BPF and CAP_NET_ADMIN.
pub(in crate::node) fn redirect(from: u32, to: u32, mark: u32) -> io::Result<OwnedFd> {
    let to = i32::try_from(to).map_err(|_| io::ErrorKind::InvalidInput)?;
    let program = [
        Instruction::new(MOVE, 2, 0, 0, mark as i32),
        Instruction::new(STORE_WORD, 1, 2, MARK, 0),
        Instruction::new(MOVE, 1, 0, 0, to),
        Instruction::new(MOVE, 2, 0, 0, TO_INGRESS),
        Instruction::new(CALL, 0, 0, 0, REDIRECT),
        Instruction::new(EXIT, 0, 0, 0, 0),
    ];
    let program = bpf::load(&program).map_err(|refused| refused.source)?;
    bpf::attach_ingress(from, program.as_fd())
}
