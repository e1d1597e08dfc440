//! [`Log`]: a line per event, for whoever asked for it.

use std::fs::File;
use std::io::Write;
use std::time::SystemTime;

/// Where a guardian writes what it does.
#[derive(Debug, Default)]
pub(super) struct Log(Option<File>);

impl Log {
    /// Into this file; without one nothing is written.
    pub(super) fn to(file: Option<File>) -> Self {
        Self(file)
    }

    /// Where this process writes its errors.
    pub(super) fn stderr() -> Self {
        Self(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stderr(), 3).ok().map(File::from))
    }

    /// One line.
    pub(super) fn tell(&self, what: &str) {
        let Some(mut file) = self.0.as_ref() else { return };
        let now = humantime::format_rfc3339_millis(SystemTime::now());
        let line = format!("{now} guardian {}: {what}\n", std::process::id());
        // A log that cannot be written must not keep anything from being put back.
        let _ = file.write_all(line.as_bytes());
    }
}
