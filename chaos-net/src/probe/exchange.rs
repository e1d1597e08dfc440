//! [`exchange`]: one request and its response, over a connection of its own.

use std::future::{Future, poll_fn};
use std::pin::pin;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::address::Address;
use super::ask::Stage;

/// The answer, as far as it was read.
#[derive(Debug)]
pub(super) struct Exchanged {
    pub(super) status: u16,
    /// The first bytes of the body, if they were to be kept.
    pub(super) body: Vec<u8>,
}

/// How much of a body is read, and whether it is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reads {
    pub(super) limit: usize,
    pub(super) keep: bool,
}

/// Connects to `address`, sends `request`, and reads the response; what failed, in words.
pub(super) async fn exchange(
    address: &Address,
    request: Request<Full<Bytes>>,
    reads: Reads,
    stage: &mut Stage,
) -> Result<Exchanged, String> {
    let stream = address.connect().await.map_err(|error| format!("no connection: {error}"))?;
    *stage = Stage::Asked;
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| chain("no HTTP connection", &error))?;
    let whole = async {
        let response = sender.send_request(request).await;
        let response = response.map_err(|error| chain("connected, but no response", &error))?;
        read(response, reads, stage).await
    };
    beside(connection, whole).await
}

async fn read(response: Response<Incoming>, reads: Reads, stage: &mut Stage) -> Result<Exchanged, String> {
    let (head, mut body) = response.into_parts();
    let status = head.status.as_u16();
    let (mut kept, mut bytes) = (Vec::new(), 0);
    *stage = Stage::Reading { status, bytes };
    while bytes < reads.limit {
        let Some(frame) = body.frame().await else { break };
        let frame = frame.map_err(|error| {
            chain(&format!("status {status}, but the body broke off after {bytes} bytes"), &error)
        })?;
        let Ok(mut data) = frame.into_data() else { continue };
        data.truncate(reads.limit - bytes);
        bytes += data.len();
        *stage = Stage::Reading { status, bytes };
        if reads.keep {
            kept.extend_from_slice(&data);
        }
    }
    Ok(Exchanged { status, body: kept })
}

/// Drives `connection` while `work` goes on, in this task: what is dropped here leaves nothing behind. How the
/// connection ends, `work` hears too.
async fn beside<T>(connection: impl Future, work: impl Future<Output = T>) -> T {
    let (mut connection, mut work) = (pin!(connection), pin!(work));
    let mut over = false;
    poll_fn(|cx| {
        over = over || connection.as_mut().poll(cx).is_ready();
        work.as_mut().poll(cx)
    })
    .await
}

fn chain(what: &str, error: &hyper::Error) -> String {
    let mut line = format!("{what}: {error}");
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        line.push_str(&format!(": {cause}"));
        next = cause.source();
    }
    line
}
