//! The scene: a name server that knows every name, and a program that asks it. Both are this program again, in a namespace each.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::process::{Child, ExitCode, Stdio};
use std::time::Duration;

use super::two_namespaces::{PEER, inside_command};

pub const DNS: u16 = 53;
/// The words by which this program is the one or the other.
pub const SERVE: &str = "serve-names";
pub const ASK: &str = "ask-names";

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(1);
/// Bytes of a message before its questions (RFC 1035, section 4.1.1).
const HEADER: usize = 12;

/// A name that was asked for.
pub struct Asked {
    pub name: String,
    pub is_answered: bool,
}

/// The server's process. Ends with this value.
pub struct Server(Child);

impl Server {
    /// In the namespace of a process; answers when this returns.
    pub fn begin(pid: u32) -> Result<Self, Box<dyn Error>> {
        let mut child = inside_command(pid, &std::env::current_exe()?)
            .arg(SERVE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take();
        let server = Self(child);
        let mut said = String::new();
        BufReader::new(stdout.ok_or("no output")?).read_line(&mut said)?;
        if said.trim() == "ready" { Ok(server) } else { Err("the name server did not start".into()) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ended already: then there is nothing to end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks in the namespace of a process.
pub fn asked_by(pid: u32) -> Result<Vec<Asked>, Box<dyn Error>> {
    let output = inside_command(pid, &std::env::current_exe()?).arg(ASK).output()?;
    let said = String::from_utf8(output.stdout)?;
    let asked = said
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(word, name)| Asked { name: name.to_owned(), is_answered: word == "answered" });
    Ok(asked.collect())
}

/// The server: one address for every name.
pub fn serve() -> Result<ExitCode, Box<dyn Error>> {
    let socket = UdpSocket::bind((PEER, DNS))?;
    println!("ready");
    let mut message = [0; 512];
    loop {
        let (length, from) = socket.recv_from(&mut message)?;
        let mut answer = message[..length].to_vec();
        if length < HEADER {
            continue;
        }
        // A response without error, with one answer: the name at byte 12, type A, class IN, a minute, four bytes.
        answer[2] |= 0x80;
        answer[7] = 1;
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
        socket.send_to(&answer, from)?;
    }
}

/// The program that asks: prints what was answered.
pub fn ask(names: &[&str]) -> Result<ExitCode, Box<dyn Error>> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect((PEER, DNS))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    for name in names {
        socket.send(&question(name))?;
        let word = if socket.recv(&mut [0; 512]).is_ok() { "answered" } else { "unanswered" };
        println!("{word} {name}");
    }
    Ok(ExitCode::SUCCESS)
}

/// A question for the addresses of `name`.
fn question(name: &str) -> Vec<u8> {
    let mut message = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        message.push(label.len() as u8);
        message.extend_from_slice(label.as_bytes());
    }
    message.extend_from_slice(&[0, 0, 1, 0, 1]);
    message
}

/// The same as a frame of Ethernet.
pub fn frame_about(name: &str) -> Vec<u8> {
    let message = question(name);
    let headers = etherparse::PacketBuilder::ethernet2([2; 6], [4; 6])
        .ipv4([10, 0, 0, 1], [10, 0, 0, 53], 64)
        .udp(40_000, DNS);
    let mut frame = Vec::with_capacity(headers.size(message.len()));
    // Into memory, and short enough: cannot fail.
    let _ = headers.write(&mut frame, &message);
    frame
}
