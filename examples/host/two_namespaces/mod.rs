//! Two network namespaces joined by a cable, each with a process in it, for the examples of network faults. Both end with
//! this value.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The address of the second namespace, as the first reaches it.
pub const PEER: &str = "10.88.0.2";

/// What is made when no process is named.
pub struct TwoNamespaces {
    target: Child,
    peer: Child,
}

impl TwoNamespaces {
    /// Both, or why not.
    pub fn new() -> Result<Self, String> {
        let two = Self { target: begin()?, peer: begin()? };
        let (target, peer) = (two.target.id(), two.peer.id());
        for (pid, arguments) in [
            (target, format!("ip link add cable type veth peer name cable netns {peer}")),
            (target, "ip addr add 10.88.0.1/24 dev cable".to_owned()),
            (peer, format!("ip addr add {PEER}/24 dev cable")),
            (target, "ip link set cable up".to_owned()),
            (peer, "ip link set cable up".to_owned()),
        ] {
            inside(pid, &arguments)?;
        }
        Ok(two)
    }

    /// A process in the first namespace.
    pub fn pid(&self) -> u32 {
        self.target.id()
    }

    /// A process in the second.
    pub fn peer_pid(&self) -> u32 {
        self.peer.id()
    }
}

impl Drop for TwoNamespaces {
    fn drop(&mut self) {
        for child in [&mut self.target, &mut self.peer] {
            // Ended already: then there is nothing to end.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A process that does nothing in a namespace of its own.
fn begin() -> Result<Child, String> {
    let own = std::fs::read_link("/proc/self/ns/net").map_err(|error| error.to_string())?;
    let mut child = command("unshare --net sleep 60")
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("unshare(1): {error}"))?;
    let since = Instant::now();
    loop {
        let theirs = std::fs::read_link(format!("/proc/{}/ns/net", child.id()));
        if theirs.is_ok_and(|theirs| theirs != own) {
            return Ok(child);
        }
        let ended = child.try_wait().map_err(|error| error.to_string())?.is_some();
        if ended || since.elapsed() > Duration::from_secs(5) {
            let _ = child.kill();
            return Err("no network namespace can be made here: run as root".to_owned());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Runs a program in the namespace of a process; what it prints.
pub fn inside(pid: u32, arguments: &str) -> Result<String, String> {
    let output = command(&format!("nsenter --target {pid} --net {arguments}"))
        .output()
        .map_err(|error| format!("nsenter(1): {error}"))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(printed);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    // ping(8) fails when nothing comes back, and says so.
    if printed.is_empty() { Err(format!("{arguments}: {said}")) } else { Ok(printed) }
}

/// A program, to be run in the namespace of a process.
pub fn inside_command(pid: u32, program: &Path) -> Command {
    let mut nsenter = command(&format!("nsenter --target {pid} --net"));
    nsenter.arg(program);
    nsenter
}

/// Shows what a program in the namespace sees of the peer.
pub fn show_ping(pid: u32, when: &str) -> Result<(), String> {
    let printed = inside(pid, &format!("ping -q -c 4 -i 0.2 -W 1 {PEER}"))?;
    let mut out = std::io::stdout().lock();
    for line in printed.lines().filter(|line| line.contains("loss") || line.contains("rtt")) {
        writeln!(out, "{when}: {line}").map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn command(line: &str) -> Command {
    let mut words = line.split_whitespace();
    #[expect(clippy::disallowed_methods, reason = "the scene is made as a reader would make it in a shell")]
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    command
}
