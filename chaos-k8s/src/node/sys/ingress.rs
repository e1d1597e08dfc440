//! What a device of ours receives, received by another device: six instructions of BPF at the device's ingress (tcx, Linux 6.6;
//! `bpf_redirect` in bpf-helpers(7)). It goes with its descriptor.
#![expect(unsafe_code, reason = "bpf(2) has no safe binding")]

use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;

/// `struct bpf_insn` (include/uapi/linux/bpf.h).
#[repr(C)]
struct Instruction {
    code: u8,
    registers: u8,
    offset: i16,
    immediate: i32,
}

/// Those of `union bpf_attr` for `BPF_PROG_LOAD`, up to the last that is said.
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

/// Those for `BPF_LINK_CREATE`.
#[repr(C)]
struct Link {
    program: u32,
    device: u32,
    attach: u32,
    flags: u32,
}

const PROG_LOAD: libc::c_long = 5;
const LINK_CREATE: libc::c_long = 28;
const SCHED_CLS: u32 = 3;
const TCX_INGRESS: u32 = 46;

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
    let step = |code, destination: u8, source: u8, offset, immediate| Instruction {
        code,
        registers: if cfg!(target_endian = "little") {
            destination | source << 4
        } else {
            destination << 4 | source
        },
        offset,
        immediate,
    };
    let program = [
        step(MOVE, 2, 0, 0, mark as i32),
        step(STORE_WORD, 1, 2, MARK, 0),
        step(MOVE, 1, 0, 0, to),
        step(MOVE, 2, 0, 0, TO_INGRESS),
        step(CALL, 0, 0, 0, REDIRECT),
        step(EXIT, 0, 0, 0, 0),
    ];
    let license = c"Dual MIT/GPL";
    let load = Load {
        kind: SCHED_CLS,
        count: program.len() as u32,
        instructions: program.as_ptr().expose_provenance() as u64,
        license: license.as_ptr().expose_provenance() as u64,
        log_level: 0,
        log_size: 0,
        log: 0,
    };
    // SAFETY: `Load` is the start of the kernel's union for this command, and its pointers are to values that live until after the
    // call: the instructions, as many as it says, and a string with an end.
    let program = unsafe { bpf(PROG_LOAD, &load) }?;
    let link = Link { program: program.as_raw_fd() as u32, device: from, attach: TCX_INGRESS, flags: 0 };
    // SAFETY: `Link` is the start of the kernel's union for this command, without pointers.
    unsafe { bpf(LINK_CREATE, &link) }
}

/// A command that gives a descriptor.
///
/// # Safety
/// `attributes` is a start of `union bpf_attr` for `command`, in the kernel's layout, and the pointers in it are to what the command
/// expects.
unsafe fn bpf<T>(command: libc::c_long, attributes: &T) -> io::Result<OwnedFd> {
    let size = size_of::<T>() as libc::c_long;
    // SAFETY: the kernel reads `size` bytes of the attributes, and what they point to, as the caller promises.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attributes), size) };
    let fd = Errno::result(fd)?;
    // SAFETY: both commands return a new descriptor, which is nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as libc::c_int) })
}
