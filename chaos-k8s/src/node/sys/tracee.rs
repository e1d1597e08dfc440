//! What the calling thread traces: news of it without taking them, and going on with a signal of whatever number.
#![expect(
    unsafe_code,
    reason = "waitid(2) and ptrace(2) with real-time signals, which the safe crates cannot name"
)]

use std::{io, mem, ptr};

use nix::libc;

/// Something that happened to a thread that is traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) tid: i32,
    pub(crate) what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Ended,
    /// It was caught where this signal was to be delivered.
    AtSignal(i32),
    /// It stands still for another reason: an order, or a thread that it made.
    Still,
}

/// The next news, left where they are; none when there are none.
///
/// # Errors
/// ECHILD where nothing is traced.
pub(crate) fn news() -> io::Result<Option<News>> {
    let info = wait(libc::P_ALL, 0, libc::WNOWAIT)?;
    // SAFETY: waitid fills these fields, or leaves the zeros.
    let (tid, status) = unsafe { (info.si_pid(), info.si_status()) };
    let what = match info.si_code {
        libc::CLD_EXITED | libc::CLD_KILLED | libc::CLD_DUMPED => What::Ended,
        // Reasons of ptrace's own stand above the lowest byte (ptrace(2)).
        _ if status >> 8 == 0 => What::AtSignal(status),
        _ => What::Still,
    };
    Ok((tid != 0).then_some(News { tid, what }))
}

/// Takes the news of one thread, so that the next ones are seen.
pub(crate) fn take(tid: i32) -> io::Result<()> {
    let tid = libc::id_t::try_from(tid).map_err(|_| io::ErrorKind::InvalidInput)?;
    wait(libc::P_PID, tid, 0).map(drop)
}

/// Lets a thread that stands still go on, with a signal.
pub(crate) fn go_on(tid: i32, signal: i32) -> io::Result<()> {
    // Pointers to the kernel's eyes; it reads the second as a number.
    let signal: *mut libc::c_void = ptr::without_provenance_mut(usize::try_from(signal).unwrap_or(0));
    // SAFETY: PTRACE_CONT touches no memory of this process.
    let done = unsafe { libc::ptrace(libc::PTRACE_CONT, tid, ptr::null_mut::<libc::c_void>(), signal) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn wait(which: libc::idtype_t, id: libc::id_t, how: libc::c_int) -> io::Result<libc::siginfo_t> {
    let how = how | libc::WEXITED | libc::WSTOPPED | libc::WNOHANG | libc::__WALL | libc::__WNOTHREAD;
    // SAFETY: all zeros is a siginfo_t: integers, and pointers that nobody follows.
    let mut info: libc::siginfo_t = unsafe { mem::zeroed() };
    // SAFETY: the kernel writes one siginfo_t to where `info` lives through the call.
    if unsafe { libc::waitid(which, id, &raw mut info, how) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(info)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_a_thread(test: impl FnOnce() + Send + 'static) {
        // Only its children are seen there.
        std::thread::spawn(test).join().unwrap();
    }

    #[test]
    fn children_of_other_threads_are_left_alone() {
        #[expect(clippy::disallowed_methods, reason = "a child of another thread")]
        let mut child = std::process::Command::new("true").spawn().unwrap();
        on_a_thread(|| assert_eq!(news().unwrap_err().raw_os_error(), Some(libc::ECHILD)));
        assert!(child.wait().unwrap().success());
    }

    #[test]
    fn an_end_is_seen_until_it_is_taken() {
        on_a_thread(|| {
            #[expect(clippy::disallowed_methods, reason = "a child whose end is seen")]
            let mut child = std::process::Command::new("true").spawn().unwrap();
            let tid = i32::try_from(child.id()).unwrap();
            while news().unwrap().is_none() {
                std::thread::yield_now();
            }
            for _ in 0..2 {
                assert_eq!(news().unwrap(), Some(News { tid, what: What::Ended }));
            }
            take(tid).unwrap();
            assert!(news().is_err());
            assert!(child.wait().is_err(), "it is taken");
        });
    }

    #[test]
    fn what_is_not_traced_does_not_go_on() {
        assert_eq!(go_on(1, 0).unwrap_err().raw_os_error(), Some(libc::ESRCH));
    }
}
