//! [`Lines`]: a log as it grows, line by line.

use std::future::poll_fn;
use std::pin::Pin;

use chaos_core::Error;
use http_body::Body as _;

use super::request::Request;
use super::trouble::{Refusal, Trouble};
use super::{Api, TRY_TIMEOUT};

/// A longer line is cut: an agent writes none, another program in its place might.
const LONGEST: usize = 1 << 20;

/// A log as it grows. Its end says nothing of the container's: a kubelet that dies ends it as well.
pub(crate) struct Lines {
    body: Pin<Box<kube::client::Body>>,
    buffer: Vec<u8>,
    is_over: bool,
}

impl Api {
    /// Begins to read a log. It is not bounded in time: who reads bounds each line.
    pub(crate) async fn lines(&self, request: Request) -> Result<Lines, Trouble> {
        let unreached = |error: kube::Error| {
            Trouble::Failed(Error::failed("the API server could not be reached").with_source(error))
        };
        let http = request.to_http()?;
        self.count();
        let response = self.clock().timeout(TRY_TIMEOUT, self.client().send(http)).await;
        let response = response.map_err(|error| Trouble::Failed(error.context(&request.right)))?;
        let response = response.map_err(unreached)?;
        let status = response.status();
        if !status.is_success() {
            let body = self.clock().timeout(TRY_TIMEOUT, response.into_body().collect_bytes()).await;
            let body = body.map_err(Trouble::Failed)?.map_err(unreached)?;
            let refusal = Refusal::read(&request.right, status.as_u16(), &body);
            return Err(Trouble::Refused(Box::new(refusal)));
        }
        Ok(Lines { body: Box::pin(response.into_body()), buffer: Vec::new(), is_over: false })
    }
}

impl Lines {
    /// The next line; none at the end of the stream, for whatever reason. Dropped in the middle, nothing is lost.
    pub(crate) async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Some(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            if self.is_over {
                let rest = std::mem::take(&mut self.buffer);
                return (!rest.is_empty()).then(|| String::from_utf8_lossy(&rest).into_owned());
            }
            if self.buffer.len() > LONGEST {
                self.buffer.clear();
            }
            match poll_fn(|context| self.body.as_mut().poll_frame(context)).await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(_)) | None => self.is_over = true,
            }
        }
    }
}
