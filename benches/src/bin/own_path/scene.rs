//! Two namespaces joined by a pair of devices.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use chaos_core::dice::Rolls;
use chaos_core::{Chaos, Error, Result};
use chaos_k8s::Node;
use chaos_k8s::node::net::own::{Frames, Packet, PacketFault, Place, Runner, Siding, Verdict};
use chaos_k8s::node::net::{Direction, IfName};
use nix::sched::{CloneFlags, setns, unshare};

pub(crate) const HERE: &str = "10.7.0.1";
pub(crate) const THERE: &str = "10.7.0.2";
const MARK: u32 = 0x77;

#[derive(Debug)]
pub(crate) struct Scene {
    here: File,
    there: File,
}

/// Every packet waits the same.
#[derive(Debug)]
struct Slow {
    frames: Frames,
    wait: Duration,
}

impl PacketFault for Slow {
    fn packet(&mut self, _packet: &mut Packet<'_>, _dice: &mut Rolls) -> Verdict {
        Verdict::After(self.wait)
    }

    fn frames(&self) -> Frames {
        self.frames
    }
}

impl Scene {
    pub(crate) fn new() -> Result<Self> {
        let (here, there) = (namespace()?, namespace()?);
        let scene = Self { here, there };
        let path = |file: &File| format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
        let peer = path(&scene.there);
        scene.here(|| run("ip", &format!("link add v0 type veth peer name v1 netns {peer}"), ""))?;
        scene.here(|| run("ip", &format!("address add {HERE}/24 dev v0"), ""))?;
        scene.there(|| run("ip", &format!("address add {THERE}/24 dev v1"), ""))?;
        scene.here(|| run("ip", "link set v0 up", ""))?;
        scene.there(|| run("ip", "link set v1 up", ""))?;
        Ok(scene)
    }

    /// Sends what goes to the peer over a siding.
    pub(crate) fn siding(&self, runner: &Runner, frames: Frames, wait: Duration) -> Result<Siding> {
        let path = format!("/proc/self/fd/{}", self.here.as_raw_fd());
        let place = Place {
            namespace: Node::new(&Chaos::seeded(7)).namespace_at(path)?,
            device: IfName::try_new("v0")?,
            direction: Direction::Egress,
            tap: IfName::try_new("tap7")?,
            mark: MARK,
            purpose: "bench".to_owned(),
        };
        let siding = runner.open(&place, Slow { frames, wait })?;
        let table = format!(
            "table netdev siding {{ chain out {{ type filter hook egress device v0 priority 0; \
             meta mark {MARK} accept; ip daddr {THERE} fwd to tap7; }}; }}"
        );
        self.here(|| run("nft", "-f -", &table))?;
        Ok(siding)
    }

    pub(crate) fn unsteer(&self) -> Result<()> {
        self.here(|| run("nft", "delete table netdev siding", ""))
    }

    pub(crate) fn here<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        inside(&self.here, work)
    }

    pub(crate) fn there<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        inside(&self.there, work)
    }
}

fn namespace() -> Result<File> {
    let make = || {
        let refused =
            |errno: nix::Error| Error::refused("no network namespace: run as root").with_source(errno);
        unshare(CloneFlags::CLONE_NEWNET).map_err(refused)?;
        Ok(File::open("/proc/thread-self/ns/net")?)
    };
    thread::spawn(make).join().map_err(|_| Error::failed("a thread panicked"))?
}

fn inside<T: Send>(namespace: &File, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let entered = || {
        setns(namespace, CloneFlags::CLONE_NEWNET).map_err(std::io::Error::from)?;
        work()
    };
    thread::scope(|scope| scope.spawn(entered).join()).map_err(|_| Error::failed("a thread panicked"))?
}

fn run(program: &str, arguments: &str, input: &str) -> Result<()> {
    let failed = |source: std::io::Error| {
        Error::refused(format!("{program} cannot be run: install it (iproute2, nftables)"))
            .with_source(source)
    };
    #[expect(clippy::disallowed_methods, reason = "the scene, not what is measured")]
    let mut child =
        Command::new(program).args(arguments.split(' ')).stdin(Stdio::piped()).spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    if child.wait()?.success() {
        return Ok(());
    }
    Err(Error::refused(format!(
        "{program} {arguments} failed: run as root, with nf_tables and its egress hook"
    )))
}
