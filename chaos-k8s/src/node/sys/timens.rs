//! A program in a time namespace of its own: what must happen between fork and exec.
#![expect(
    unsafe_code,
    reason = "std's hook between fork and exec is unsafe, and CLONE_NEWTIME is in no safe crate"
)]

use std::ffi::CStr;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::libc;

/// Of the kernel's include/uapi/linux/sched.h.
const CLONE_NEWTIME: libc::c_int = 0x80;

/// Makes `command` start in a new time namespace with `offsets`, written as time_namespaces(7) says.
pub(crate) fn enter_before_exec(command: &mut Command, offsets: String) {
    let enter = move || {
        // A new process is in the old namespace, its children would be in the new one: so it enters that itself.
        checked(
            // SAFETY: an integer goes in; nothing of memory is touched.
            unsafe { libc::unshare(CLONE_NEWTIME) },
        )?;
        with_file(c"/proc/self/timens_offsets", libc::O_WRONLY, |file| {
            // SAFETY: the pointer and the length are those of a string that lives through the call.
            let written = unsafe { libc::write(file, offsets.as_ptr().cast(), offsets.len()) };
            if usize::try_from(written) == Ok(offsets.len()) {
                Ok(())
            } else {
                Err(io::Error::last_os_error())
            }
        })?;
        with_file(c"/proc/self/ns/time_for_children", libc::O_RDONLY, |file| {
            // SAFETY: two integers go in; nothing of memory is touched.
            checked(unsafe { libc::setns(file, CLONE_NEWTIME) })
        })
    };
    // SAFETY: the closure makes system calls only, on memory that was made before the fork: no lock, no allocation.
    unsafe { command.pre_exec(enter) };
}

fn with_file(
    path: &CStr,
    how: libc::c_int,
    work: impl FnOnce(libc::c_int) -> io::Result<()>,
) -> io::Result<()> {
    // SAFETY: the path is a string that lives through the call.
    let file = unsafe { libc::open(path.as_ptr(), how | libc::O_CLOEXEC) };
    checked(file)?;
    let done = work(file);
    // SAFETY: the descriptor was opened above, and nobody else has it.
    unsafe { libc::close(file) };
    done
}

fn checked(returned: libc::c_int) -> io::Result<()> {
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_refuses_is_an_error_of_the_start() {
        #[expect(clippy::disallowed_methods, reason = "a program that is not to start")]
        let mut command = Command::new("true");
        enter_before_exec(&mut command, "no offset".to_owned());
        // EPERM without the right, EINVAL with it.
        let error = command.spawn().unwrap_err();
        assert!(matches!(error.raw_os_error(), Some(libc::EPERM | libc::EINVAL)), "{error}");
    }
}
