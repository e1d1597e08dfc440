//! What a way carries, by sockets.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use chaos_core::{Error, Result};
use nix::sys::socket::{setsockopt, sockopt};

use crate::scene::{HERE, Scene, THERE};

const LASTING: Duration = Duration::from_secs(3);

/// Time for TCP to find its speed.
const RUN_UP: Duration = Duration::from_secs(1);

/// Enough for 40 ms of 10 Gbit/s.
const BUFFER: usize = 64 << 20;

fn panicked<E>(_: E) -> Error {
    Error::failed("a thread panicked")
}

/// Gbit/s of one TCP stream.
pub(crate) fn stream(scene: &Scene) -> Result<f64> {
    let listener = scene.there(|| Ok(TcpListener::bind((THERE, 0))?))?;
    setsockopt(&listener, sockopt::RcvBufForce, &BUFFER).map_err(std::io::Error::from)?;
    let to = listener.local_addr()?;
    let receiver = thread::spawn(move || -> Result<f64> {
        let (mut stream, _) = listener.accept()?;
        let mut buffer = vec![0; 1 << 20];
        let begun = Instant::now();
        let (mut counted, mut since) = (0_usize, begun);
        loop {
            let read = stream.read(&mut buffer)?;
            if begun.elapsed() < RUN_UP {
                since = Instant::now();
            } else {
                counted += read;
            }
            if read == 0 || begun.elapsed() > RUN_UP + LASTING {
                return Ok(counted as f64 * 8.0 / since.elapsed().as_secs_f64() / 1e9);
            }
        }
    });
    let mut sender = scene.here(|| Ok(TcpStream::connect(to)?))?;
    setsockopt(&sender, sockopt::SndBufForce, &BUFFER).map_err(std::io::Error::from)?;
    let bytes = vec![7; 1 << 17];
    // Until the receiver has measured and closes.
    while sender.write_all(&bytes).is_ok() {}
    receiver.join().map_err(panicked)?
}

/// UDP packets of 64 bytes a second that arrive, of as many as one thread sends.
pub(crate) fn packets(scene: &Scene) -> Result<f64> {
    let receiver = scene.there(|| Ok(UdpSocket::bind((THERE, 0))?))?;
    setsockopt(&receiver, sockopt::RcvBufForce, &BUFFER).map_err(std::io::Error::from)?;
    receiver.set_read_timeout(Some(Duration::from_millis(300)))?;
    let sender = scene.here(|| Ok(UdpSocket::bind((HERE, 0))?))?;
    let to = receiver.local_addr()?;
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let counting = scope.spawn(|| {
            let mut buffer = [0; 64];
            let (mut count, mut since, mut last) = (0_u64, None, Instant::now());
            while receiver.recv(&mut buffer).is_ok() {
                count += 1;
                last = Instant::now();
                since.get_or_insert(last);
            }
            let took = since.map_or(Duration::MAX, |since| last - since);
            count as f64 / took.as_secs_f64()
        });
        scope.spawn(|| {
            while !is_over.load(Relaxed) {
                // What the queues on the way do not take is what is measured.
                let _ = sender.send_to(&[0; 22], to);
            }
        });
        thread::sleep(LASTING);
        is_over.store(true, Relaxed);
        counting.join().map_err(panicked)
    })
}

/// The round trip of one small packet, p50 and p99 in microseconds.
pub(crate) fn round_trip(scene: &Scene) -> Result<(f64, f64)> {
    let echo = scene.there(|| Ok(UdpSocket::bind((THERE, 0))?))?;
    let socket = scene.here(|| Ok(UdpSocket::bind((HERE, 0))?))?;
    let to = echo.local_addr()?;
    let bound = Some(Duration::from_secs(5));
    echo.set_read_timeout(bound)?;
    socket.set_read_timeout(bound)?;
    let mut times = Vec::new();
    let mut buffer = [0; 64];
    let begun = Instant::now();
    while begun.elapsed() < LASTING {
        let sent = Instant::now();
        socket.send_to(b"echo", to)?;
        let (length, from) = echo.recv_from(&mut buffer)?;
        echo.send_to(&buffer[..length], from)?;
        socket.recv(&mut buffer)?;
        times.push(sent.elapsed());
    }
    times.sort_unstable();
    let at =
        |share: usize| times.get(times.len() * share / 100).map_or(f64::NAN, |time| time.as_secs_f64() * 1e6);
    Ok((at(50), at(99)))
}
