//! A small application for tests of a cluster: it serves, and asks others for what a user of it would see. Out of the standard
//! library alone: `rustc -O -C target-feature=+crt-static shop.rs`.
//!
//! ```text
//! shop PORT        HTTP on that port, and UDP on the same one, which sends back what comes
//!
//! GET /health                              200
//! GET /bytes?n=N                           N bytes
//! GET /ask?to=HOST:PORT&within=MS          asks that one for /health: the milliseconds it took, or 504 and why
//! GET /fetch?to=HOST:PORT&n=N&within=MS    fetches so many bytes: the milliseconds it took
//! GET /echo?to=HOST:PORT&n=N               sends so many datagrams: how many came back
//! GET /resolve?name=NAME                   the milliseconds it took, and its addresses
//! GET /spin?ms=MS                          counts for so long: how far it came, in thousands
//! GET /eat?mib=N                           holds so much memory from now on
//! ```

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::{Duration, Instant};

type Answer = Result<Vec<u8>, String>;

fn main() {
    let port: u16 = std::env::args().nth(1).and_then(|port| port.parse().ok()).expect("shop PORT");
    let listener = TcpListener::bind(("::", port)).or_else(|_| TcpListener::bind(("0.0.0.0", port))).expect("port");
    let echo = UdpSocket::bind(("::", port)).or_else(|_| UdpSocket::bind(("0.0.0.0", port))).expect("port");
    std::thread::spawn(move || {
        let mut packet = [0; 2048];
        loop {
            if let Ok((length, from)) = echo.recv_from(&mut packet) {
                let _ = echo.send_to(&packet[..length], from);
            }
        }
    });
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || serve(stream));
    }
}

fn serve(mut stream: TcpStream) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    lines.read_line(&mut line).ok()?;
    loop {
        let mut header = String::new();
        if lines.read_line(&mut header).ok()? == 0 || header.trim().is_empty() {
            break;
        }
    }
    let path = line.split(' ').nth(1)?;
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let value = |key: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(name, _)| *name == key).map(|(_, value)| value).next()
    };
    let number = |key: &str, otherwise: u64| value(key).map_or(Some(otherwise), |text| text.parse().ok());
    let within = Duration::from_millis(number("within", 5000)?);
    let answer = match path {
        "/health" => Ok(b"ok\n".to_vec()),
        "/bytes" => Ok(vec![b'x'; number("n", 0)? as usize]),
        "/ask" => timed(|| get(value("to")?, "/health", within).into()),
        "/fetch" => timed(|| get(value("to")?, &format!("/bytes?n={}", number("n", 0)?), within).into()),
        "/echo" => echoes(value("to")?, number("n", 0)?),
        "/resolve" => resolve(value("name")?),
        "/spin" => Ok(spin(Duration::from_millis(number("ms", 100)?))),
        "/eat" => {
            std::mem::forget(std::hint::black_box(vec![1_u8; (number("mib", 0)? as usize) << 20]));
            Ok(b"eaten\n".to_vec())
        }
        _ => Err("no such thing".to_owned()),
    };
    let (status, body) = match answer {
        Ok(body) => ("200 OK", body),
        Err(error) => ("504 Gateway Timeout", format!("{error}\n").into_bytes()),
    };
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), &body].concat()).ok()
}

fn timed(act: impl FnOnce() -> Option<Result<Vec<u8>, String>>) -> Answer {
    let begun = Instant::now();
    let _ = act().unwrap_or_else(|| Err("a parameter is missing".to_owned()))?;
    Ok(format!("{:.1}\n", begun.elapsed().as_secs_f64() * 1e3).into_bytes())
}

fn get(to: &str, path: &str, within: Duration) -> Answer {
    let said = |error: std::io::Error| format!("{to}: {error}");
    let begun = Instant::now();
    let left = || within.saturating_sub(begun.elapsed()).max(Duration::from_millis(1));
    let address = first(to)?;
    let mut stream = TcpStream::connect_timeout(&address, left()).map_err(said)?;
    stream.set_read_timeout(Some(left())).map_err(said)?;
    stream.set_write_timeout(Some(left())).map_err(said)?;
    // In one piece: a second one would wait until the first was acknowledged.
    let request = format!("GET {path} HTTP/1.1\r\nhost: {to}\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(said)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(said)?;
    if answer.starts_with(b"HTTP/1.1 200") { Ok(answer) } else { Err(format!("{to}: no 200")) }
}

fn first(to: &str) -> Result<SocketAddr, String> {
    let mut found = to.to_socket_addrs().map_err(|error| format!("{to}: {error}"))?;
    found.next().ok_or_else(|| format!("{to}: no address"))
}

fn echoes(to: &str, count: u64) -> Answer {
    let said = |error: std::io::Error| format!("{to}: {error}");
    let address = first(to)?;
    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).map_err(said)?;
    socket.connect(address).map_err(said)?;
    socket.set_read_timeout(Some(Duration::from_millis(1500))).map_err(said)?;
    let back = socket.try_clone().map_err(said)?;
    let counting = std::thread::spawn(move || {
        let mut packet = [0; 64];
        (0..count).take_while(|_| back.recv(&mut packet).is_ok()).count()
    });
    for number in 0..count {
        socket.send(&number.to_le_bytes()).map_err(said)?;
        std::thread::sleep(Duration::from_millis(2));
    }
    let came = counting.join().map_err(|_| "counting failed".to_owned())?;
    Ok(format!("{came}\n").into_bytes())
}

fn resolve(name: &str) -> Answer {
    let begun = Instant::now();
    let found = (name, 80).to_socket_addrs().map_err(|error| format!("{name}: {error}"))?;
    let addresses: Vec<String> = found.map(|address| address.ip().to_string()).collect();
    Ok(format!("{:.1} {}\n", begun.elapsed().as_secs_f64() * 1e3, addresses.join(" ")).into_bytes())
}

fn spin(lasting: Duration) -> Vec<u8> {
    let begun = Instant::now();
    let mut thousands = 0_u64;
    while begun.elapsed() < lasting {
        for number in 0..1000 {
            std::hint::black_box(number);
        }
        thousands += 1;
    }
    format!("{thousands}\n").into_bytes()
}
