//! Servers on loopback, and what an experiment says of a probe of them.

use std::fmt::Write as _;
use std::future::Future;
use std::sync::Mutex;

use chaos_core::point::{Step, step};
use chaos_core::units::ms;
use chaos_core::{BlastRadius, Chaos, Clock, Delay, Experiment, Outcome, Probe};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

struct Tick;
impl Step for Tick {
    const NAME: &'static str = "tick";
    type Error = std::io::Error;
}

/// One reading.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) ok: bool,
    pub(crate) text: String,
    pub(crate) value: Option<f64>,
}

impl Taken {
    /// That it held, and what was said.
    #[track_caller]
    pub(crate) fn held(self, text: &str) -> Self {
        assert!(self.ok && self.text.contains(text), "{self:?} instead of {text:?}");
        self
    }

    /// That it failed, and what was said.
    #[track_caller]
    pub(crate) fn failed(self, text: &str) -> Self {
        assert!(!self.ok && self.text.contains(text), "{self:?} instead of {text:?}");
        self
    }
}

pub(crate) fn experiment(
    chaos: &Chaos,
    probe: impl Into<Probe>,
) -> Experiment<chaos_core::experiment::Given, chaos_core::experiment::Given, chaos_core::experiment::Given> {
    Experiment::new(chaos, "probed")
        .steady_state(probe)
        .fault(step::latency(Delay::fixed(ms(1))).at(chaos.point::<Tick>("tick").unwrap()))
        .blast_radius(BlastRadius::percent(100).unwrap())
        .lasting(ms(1))
}

/// Takes `probe` once, before an experiment that ends at once.
pub(crate) async fn take(probe: impl Into<Probe>) -> Taken {
    take_with(&Chaos::seeded(7), probe).await
}

pub(crate) async fn take_with(chaos: &Chaos, probe: impl Into<Probe>) -> Taken {
    let report = experiment(chaos, probe.into().only_before()).run().await.unwrap();
    let [probe] = &report.probes[..] else { panic!("{report}") };
    let [reading] = &probe.readings[..] else { panic!("{report}") };
    assert_eq!(report.outcome == Outcome::Refused, !reading.ok, "{report}");
    Taken { ok: reading.ok, text: reading.text.clone(), value: reading.value }
}

/// Accepts connections until the test's runtime ends, and hands each to `serve`; `host:port`.
pub(crate) async fn server<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address.to_string()
}

/// Reads one request's head.
pub(crate) async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut some = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut some).await {
            Ok(0) | Err(_) => break,
            Ok(n) => head.extend_from_slice(&some[..n]),
        }
    }
    String::from_utf8(head).unwrap()
}

/// Answers every request with these very bytes and closes; the URL of its root.
pub(crate) async fn raw(answer: impl Into<Vec<u8>>) -> String {
    let answer = answer.into();
    let address = server(move |mut stream| {
        let answer = answer.clone();
        async move {
            head(&mut stream).await;
            let _ = stream.write_all(&answer).await;
        }
    })
    .await;
    format!("http://{address}/")
}

/// Answers every request with these bytes and then holds the connection open, silent.
pub(crate) async fn raw_then_hangs(answer: &'static str) -> String {
    let address = server(move |mut stream| async move {
        head(&mut stream).await;
        let _ = stream.write_all(answer.as_bytes()).await;
        forever(stream).await;
    })
    .await;
    format!("http://{address}/")
}

/// Holds `stream` open until the runtime ends.
pub(crate) async fn forever(stream: TcpStream) {
    std::future::pending::<()>().await;
    drop(stream);
}

/// Answers 200 and says what it was asked.
pub(crate) async fn echo() -> (String, mpsc::UnboundedReceiver<String>) {
    let (asked, asks) = mpsc::unbounded_channel();
    let asked = Mutex::new(asked);
    let address = server(move |mut stream| {
        let asked = asked.lock().unwrap().clone();
        async move {
            let mut request = head(&mut stream).await;
            let length = request.lines().find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
            let begun = request.find("\r\n\r\n").map_or(request.len(), |at| at + 4);
            let here = request.len() - begun;
            stream.read_exact(&mut body[here..]).await.unwrap();
            write!(request, "{}", String::from_utf8_lossy(&body[here..])).unwrap();
            asked.send(request).unwrap();
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        }
    })
    .await;
    (address, asks)
}

/// An address where nobody listens.
pub(crate) async fn nobody() -> String {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string()
}

/// A while that a machine under load has over too.
pub(crate) async fn a_while() {
    Clock::auto().sleep(ms(60)).await;
}
