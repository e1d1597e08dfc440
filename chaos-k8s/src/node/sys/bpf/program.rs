//! Programs: loaded, and run for what a device receives.
#![expect(unsafe_code, reason = "bpf(2) has no safe binding")]

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;

use super::{Refused, descriptor, number, within_memory};

const PROG_LOAD: libc::c_long = 5;
const LINK_CREATE: libc::c_long = 28;

const SCHED_CLS: u32 = 3;
const TCX_INGRESS: u32 = 46;

/// What the verifier says of a program that it refuses fits in its end.
const LOG: usize = 1 << 20;

/// `struct bpf_insn` (include/uapi/linux/bpf.h).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node) struct Instruction {
    pub(in crate::node) code: u8,
    registers: u8,
    pub(in crate::node) offset: i16,
    pub(in crate::node) immediate: i32,
}

impl Instruction {
    pub(in crate::node) const fn new(
        code: u8,
        destination: u8,
        source: u8,
        offset: i16,
        immediate: i32,
    ) -> Self {
        let registers = if cfg!(target_endian = "little") {
            destination | source << 4
        } else {
            destination << 4 | source
        };
        Self { code, registers, offset, immediate }
    }

    #[cfg(test)]
    pub(in crate::node) fn registers(self) -> (usize, usize) {
        let (low, high) = (usize::from(self.registers & 15), usize::from(self.registers >> 4));
        if cfg!(target_endian = "little") { (low, high) } else { (high, low) }
    }
}

/// The fields of `union bpf_attr` for `BPF_PROG_LOAD`, up to the last that is said.
#[repr(C)]
struct Load {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
}

/// Loads a program for packets (`BPF_PROG_TYPE_SCHED_CLS`).
///
/// # Errors
/// No CAP_BPF and CAP_NET_ADMIN (CAP_SYS_ADMIN before Linux 5.8), no BPF, or a program that the verifier refuses.
pub(in crate::node) fn load(program: &[Instruction]) -> Result<OwnedFd, Refused> {
    let with_log = |log: &mut [u8]| {
        let license = c"Dual MIT/GPL";
        let load = Load {
            kind: SCHED_CLS,
            count: program.len() as u32,
            instructions: program.as_ptr().expose_provenance() as u64,
            license: license.as_ptr().expose_provenance() as u64,
            log_level: u32::from(!log.is_empty()),
            log_size: log.len() as u32,
            log: if log.is_empty() { 0 } else { log.as_mut_ptr().expose_provenance() as u64 },
        };
        // SAFETY: `Load` is the start of the kernel's union for this command. Its pointers are to values that live until after the
        // call: the instructions, as many as it says; a string with an end; and room for as many bytes of log as it says, or none.
        within_memory(|| unsafe { descriptor(PROG_LOAD, &load) })
    };
    with_log(&mut []).map_err(|errno| {
        let mut log = vec![0; if errno == Errno::EPERM { 0 } else { LOG }];
        // Once more, to hear why.
        let _ = with_log(&mut log);
        let said = String::from_utf8_lossy(&log);
        let mut lines =
            said.trim_end_matches('\0').lines().rev().filter(|line| !line.starts_with("processed"));
        Refused { source: errno.into(), said: lines.next().map(str::to_owned) }
    })
}

/// Those for `BPF_LINK_CREATE`.
#[repr(C)]
struct Link {
    program: u32,
    device: u32,
    attach: u32,
    flags: u32,
}

/// Runs the program for what a device of the calling thread's namespace receives, as long as the descriptor is open.
///
/// # Errors
/// A kernel before 6.6, no such device.
pub(in crate::node) fn attach_ingress(device: u32, program: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let link = Link { program: number(program), device, attach: TCX_INGRESS, flags: 0 };
    // SAFETY: `Link` is the start of the kernel's union for this command, without pointers.
    Ok(unsafe { descriptor(LINK_CREATE, &link) }?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_verifier_refuses_is_said_in_its_words() {
        const MOVE: u8 = 0xbf;
        const EXIT: u8 = 0x95;
        // Returns a register that was never set.
        let program = [Instruction::new(MOVE, 0, 7, 0, 0), Instruction::new(EXIT, 0, 0, 0, 0)];
        let refused = load(&program).unwrap_err();
        if refused.source.raw_os_error() != Some(libc::EPERM) {
            assert!(refused.to_string().contains("R7"), "{refused}");
        }
    }
}
