//! The system calls that change the world: at each of them a process can be killed, before it is done and after it.
//!
//! The process that is watched puts a seccomp filter on itself, which stops it for its tracer at these calls and at no
//! others, and which its children inherit. What the call is about is read from its registers and its memory.

use std::fmt;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use nix::libc::{self, user_regs_struct};
use rustix::net::AddressFamily;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

/// What a call changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Devices, qdiscs, classes and nf_tables: one message, or one transaction.
    Netlink,
    Cgroup,
    /// The ledger's file and its directory.
    Ledger,
    /// What injector and guardian, stressor or tracer say to each other.
    Pipe,
    /// Processes: made, started, signalled, traced.
    Process,
    /// Devices that are made by ioctl, BPF, mounts.
    Other,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Netlink => "netlink",
            Self::Cgroup => "cgroup",
            Self::Ledger => "ledger",
            Self::Pipe => "pipe",
            Self::Process => "process",
            Self::Other => "other",
        }
    }
}

/// A call that changes the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) kind: Kind,
    what: String,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.what)
    }
}

/// Always looked at.
const CALLS: [libc::c_long; 33] = [
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_ftruncate,
    libc::SYS_fchmod,
    libc::SYS_flock,
    libc::SYS_mkdir,
    libc::SYS_mkdirat,
    libc::SYS_rmdir,
    libc::SYS_unlink,
    libc::SYS_unlinkat,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_tgkill,
    libc::SYS_pidfd_send_signal,
    libc::SYS_ptrace,
    libc::SYS_ioctl,
    libc::SYS_bpf,
    libc::SYS_mount,
    libc::SYS_umount2,
];

/// The requests of ioctl(2) that make or change a device: `TUNSETIFF` (include/uapi/linux/if_tun.h) and those of netdevice(7).
const REQUESTS: [(libc::Ioctl, &str); 4] = [
    (libc::TUNSETIFF, "TUNSETIFF"),
    (libc::SIOCSIFFLAGS, "SIOCSIFFLAGS"),
    (libc::SIOCSIFHWADDR, "SIOCSIFHWADDR"),
    (libc::SIOCSIFTXQLEN, "SIOCSIFTXQLEN"),
];

/// Stops for the tracer at the calls that change the world, and answers them with ENOSYS where there is none.
pub(crate) fn filter() -> BpfProgram {
    let only = |argument, op, value| {
        let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, op, value).unwrap();
        vec![SeccompRule::new(vec![condition]).unwrap()]
    };
    let creates = libc::O_CREAT as u64;
    let some = [
        (libc::SYS_open, only(1, SeccompCmpOp::MaskedEq(creates), creates)),
        (libc::SYS_openat, only(2, SeccompCmpOp::MaskedEq(creates), creates)),
        (libc::SYS_prctl, only(0, SeccompCmpOp::Eq, libc::PR_SET_PDEATHSIG as u64)),
    ];
    let rules = CALLS.into_iter().map(|call| (call, Vec::new())).chain(some).collect();
    let arch = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Trace(0), arch);
    filter.unwrap().try_into().unwrap()
}

/// A thread that stands at a call.
pub(crate) struct At<'a> {
    /// The process and the thread.
    pub(crate) pid: i32,
    pub(crate) tid: i32,
    /// Of the first process, whose output is the test's.
    pub(crate) is_first: bool,
    pub(crate) registers: &'a user_regs_struct,
}

impl At<'_> {
    /// What the call would change; none if that is nothing of ours.
    pub(crate) fn call(&self) -> Option<Call> {
        let [first, second, third] = [self.registers.rdi, self.registers.rsi, self.registers.rdx];
        let call = |kind, what: &str| Some(Call { kind, what: what.to_owned() });
        let on_file = |what: &str| Some(Call { kind: self.kind_of(first)?, what: what.to_owned() });
        let number = self.registers.orig_rax as libc::c_long;
        match number {
            libc::SYS_write | libc::SYS_writev | libc::SYS_pwrite64 => on_file("write"),
            libc::SYS_sendto => self.netlink(first, second),
            libc::SYS_sendmsg => self.netlink(first, self.word(self.word(second + 16)?)?),
            libc::SYS_fsync => on_file("fsync"),
            libc::SYS_fdatasync => on_file("fdatasync"),
            libc::SYS_ftruncate => on_file("ftruncate"),
            libc::SYS_fchmod => on_file("fchmod"),
            libc::SYS_flock => on_file("flock"),
            libc::SYS_mkdir => self.on_path("mkdir", None, first),
            libc::SYS_rmdir => self.on_path("rmdir", None, first),
            libc::SYS_unlink => self.on_path("unlink", None, first),
            libc::SYS_open => self.on_path("create", None, first),
            libc::SYS_rename => self.on_path("rename", None, first),
            libc::SYS_mkdirat => self.on_path("mkdir", Some(first), second),
            libc::SYS_unlinkat => self.on_path("unlink", Some(first), second),
            libc::SYS_openat => self.on_path("create", Some(first), second),
            libc::SYS_renameat | libc::SYS_renameat2 => self.on_path("rename", Some(first), second),
            libc::SYS_clone if first & libc::CLONE_THREAD as u64 != 0 => None,
            libc::SYS_clone3 if self.word(first)? & libc::CLONE_THREAD as u64 != 0 => None,
            libc::SYS_clone | libc::SYS_clone3 | libc::SYS_fork | libc::SYS_vfork => {
                call(Kind::Process, "fork")
            }
            libc::SYS_execve | libc::SYS_execveat => call(Kind::Process, "exec"),
            libc::SYS_kill | libc::SYS_tkill | libc::SYS_pidfd_send_signal if second == 0 => None,
            libc::SYS_kill | libc::SYS_tkill | libc::SYS_pidfd_send_signal => {
                call(Kind::Process, &format!("signal {second}"))
            }
            libc::SYS_tgkill => call(Kind::Process, &format!("signal {third}")),
            libc::SYS_ptrace => call(Kind::Process, "ptrace"),
            libc::SYS_prctl => call(Kind::Process, "parent-death signal"),
            libc::SYS_ioctl => {
                let (_, name) = REQUESTS.iter().find(|(request, _)| *request == second as libc::Ioctl)?;
                call(Kind::Other, name)
            }
            libc::SYS_bpf => call(Kind::Other, "bpf"),
            libc::SYS_mount => call(Kind::Other, "mount"),
            libc::SYS_umount2 => call(Kind::Other, "umount"),
            _ => None,
        }
    }

    /// Of what is behind a descriptor.
    fn kind_of(&self, fd: u64) -> Option<Kind> {
        let behind = fs::read_link(format!("/proc/{}/fd/{}", self.tid, fd as i32)).ok()?;
        let behind = behind.to_string_lossy();
        if behind.starts_with("pipe:") {
            return (fd != 1 || !self.is_first).then_some(Kind::Pipe);
        }
        kind_of_path(&behind)
    }

    fn on_path(&self, what: &str, dir: Option<u64>, path: u64) -> Option<Call> {
        let mut path = self.text(path)?;
        if let Some(dir) = dir.filter(|_| !path.starts_with('/')) {
            let dir = fs::read_link(format!("/proc/{}/fd/{}", self.tid, dir as i32)).ok()?;
            path = dir.join(path).to_string_lossy().into_owned();
        }
        let kind = kind_of_path(&path)?;
        // What is written to a file of the kernel changes something, not that it is opened.
        let is_open = what == "create" && kind != Kind::Ledger;
        (!is_open).then(|| Call { kind, what: what.to_owned() })
    }

    /// A message to the kernel that is no question.
    fn netlink(&self, fd: u64, message: u64) -> Option<Call> {
        // Only the process that it belongs to can have it.
        let process = pidfd_open(Pid::from_raw(self.pid)?, PidfdFlags::empty()).ok()?;
        let socket = pidfd_getfd(process, fd as i32, PidfdGetfdFlags::empty()).ok()?;
        if rustix::net::sockopt::socket_domain(&socket).ok()? != AddressFamily::NETLINK {
            return None;
        }
        let kind = (self.word(message)? >> 32) as u16;
        // Route messages come in fours, of which the third asks (rtnetlink(7)); those of nf_tables that change stand in a
        // transaction, which begins with NFNL_MSG_BATCH_BEGIN.
        let asks = kind >= 0x100 || kind % 4 == 2;
        (!asks).then(|| Call { kind: Kind::Netlink, what: format!("message {kind}") })
    }

    fn word(&self, at: u64) -> Option<u64> {
        let mut word = [0; 8];
        self.memory()?.read_exact_at(&mut word, at).ok()?;
        Some(u64::from_ne_bytes(word))
    }

    fn text(&self, at: u64) -> Option<String> {
        let mut bytes = vec![0; libc::PATH_MAX as usize];
        let read = self.memory()?.read_at(&mut bytes, at).ok()?;
        let end = bytes[..read].iter().position(|byte| *byte == 0)?;
        Some(String::from_utf8_lossy(&bytes[..end]).into_owned())
    }

    fn memory(&self) -> Option<File> {
        File::open(format!("/proc/{}/mem", self.tid)).ok()
    }
}

fn kind_of_path(path: &str) -> Option<Kind> {
    if path.starts_with("/sys/fs/cgroup") {
        Some(Kind::Cgroup)
    } else if path.contains(crate::injector::HOME) {
        Some(Kind::Ledger)
    } else if path.starts_with("/proc/") {
        Some(Kind::Process)
    } else {
        None
    }
}
