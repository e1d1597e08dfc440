//! [`tell`]: the client's side. It needs no right, only the same network namespace.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use chaos_core::ledger::RunId;
use chaos_core::{Error, Result};

use super::{Answer, Order, PATIENCE, Told, address, line};
use crate::agent::spec::Token;

/// Tells the agent of this run, in the network namespace of the calling thread, and waits for its last answer, for each
/// no longer than `patience`: a [`Stop`](Order::Stop) is answered when everything is taken back.
///
/// # Errors
/// [`refused`](Error::is_refused) where no such agent is, [`timeout`](Error::is_timeout) where it does not answer,
/// [`failed`](Error::is_failed) where it ends without an answer. A refusal by the agent is an [`Answer`].
pub fn tell(run: RunId, token: &Token, order: Order, patience: Duration) -> Result<Answer> {
    let nobody = |source: std::io::Error| {
        Error::refused(format!("no agent of run {run} is in this network namespace")).with_source(source)
    };
    let mut stream = UnixStream::connect_addr(&address(run)?).map_err(nobody)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_read_timeout(Some(patience))?;
    let told = Told { token: token.clone(), order };
    stream.write_all(&line(&told)?).map_err(|source| gone(run).with_source(source))?;
    let mut answers = BufReader::new(stream).lines();
    loop {
        let answer = match answers.next() {
            Some(Ok(answer)) => answer,
            Some(Err(source)) if matches!(source.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Err(Error::timeout(format!(
                    "the agent of run {run} did not answer within {patience:?}: it is stopped, or takes longer"
                ))
                .with_source(source));
            }
            Some(Err(source)) => return Err(gone(run).with_source(source)),
            None => return Err(gone(run)),
        };
        match serde_json::from_str(&answer) {
            Ok(Answer::Stopping) => {}
            Ok(last) => return Ok(last),
            Err(source) => {
                return Err(
                    Error::failed("the agent answers what this version does not know").with_source(source)
                );
            }
        }
    }
}

fn gone(run: RunId) -> Error {
    Error::failed(format!("the agent of run {run} ended, or closed the connection, without an answer"))
}
