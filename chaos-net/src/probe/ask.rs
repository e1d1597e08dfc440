//! [`Ask`]: asking something over the network once, as far as [`HttpProbe`](super::HttpProbe) and
//! [`TcpProbe`](super::TcpProbe) differ in it.

use std::fmt;
use std::future::Future;

/// One way to ask.
pub(super) trait Ask: Send + Sync + 'static {
    /// Begins the refusal of a paused clock: "an http probe".
    const WHAT: &'static str;

    /// What reports call it.
    fn name(&self) -> String;

    /// What is expected, but for the time, in words.
    fn expects(&self) -> String;

    /// What is wrong with what is expected.
    fn flaw(&self) -> Option<String> {
        None
    }

    /// Asks, and says in `stage` how far it has come, for the case that it is given up.
    fn ask(&self, stage: &mut Stage) -> impl Future<Output = Answer> + Send;
}

/// In words: what was found, or what is wrong with it.
pub(super) type Answer = Result<String, String>;

/// How far asking has come.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stage {
    Connecting,
    Asked,
    Reading { status: u16, bytes: usize },
}

/// What has not happened yet.
impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting => f.write_str("no connection"),
            Self::Asked => f.write_str("connected, but no response"),
            Self::Reading { status, bytes } => {
                write!(f, "status {status}, but no end of the body ({bytes} bytes)")
            }
        }
    }
}
