//! [`Siding`]: one way for packets through this process, and [`Place`], where it is.

use std::fs::File;
use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Duration;

use chaos_core::{Error, Result, Target};
use nix::net::if_::if_nametoindex;

use super::counters::{Counters, Shared};
use super::fault::{Frames, PacketFault};
use super::frame::Link;
use super::lane::{Ends, Lane};
use super::runner::{Command, Runner};
use super::time;
use crate::node::net::{Direction, IfName};
use crate::node::{Namespace, netns, sys};

/// Where a siding is.
#[derive(Debug, Clone)]
pub struct Place {
    /// In which namespace.
    pub namespace: Namespace,
    /// Which device the packets leave by, or came by.
    pub device: IfName,
    /// Packets on their way out, or in: a siding is for one of the two. Those on their way in are received by the device once
    /// more, which needs Linux 6.6 with BPF.
    pub direction: Direction,
    /// The name of the TAP, which must be free.
    pub tap: IfName,
    /// The mark of packets that come from the siding (`SO_MARK`): let them pass before all else, or they come again.
    pub mark: u32,
    /// The dice's word for it: the same seed and the same word decide the same.
    pub purpose: String,
}

/// A way for packets through this process: what comes to its TAP leaves by its device when its fault says so. Nothing
/// comes there by itself: an nftables table sends it there.
///
/// ```no_run
/// use chaos_core::Chaos;
/// use chaos_core::units::{ms, secs};
/// use chaos_k8s::Node;
/// use chaos_k8s::node::net::own::{NetemFault, Place, Runner};
/// use chaos_k8s::node::net::{Direction, IfName, Netem};
///
/// let chaos = Chaos::seeded(7);
/// let namespace = Node::new(&chaos).namespace_of(4711)?;
/// let place = Place {
///     namespace,
///     device: IfName::try_new("eth0")?,
///     direction: Direction::Egress,
///     tap: IfName::try_new("siding0")?,
///     mark: 0x77,
///     purpose: "slow".to_owned(),
/// };
/// let slow = NetemFault::try_new(Netem { delay: ms(40), ..Netem::default() })?;
/// let siding = Runner::start(&chaos)?.open(&place, slow)?;
/// // table netdev mine { chain out { type filter hook egress device eth0 priority 0;
/// //     meta mark 0x77 accept; ip daddr 10.0.0.2 fwd to siding0 } }
/// println!("{}", siding.counters());
/// // The table is taken away first, then:
/// siding.drain(secs(1))?;
/// # Ok::<(), chaos_core::Error>(())
/// ```
///
/// Dropped, it ends at once: what it held is sent without waiting any longer.
#[derive(Debug)]
#[must_use = "dropped, the TAP is gone, and packets that are sent there are lost"]
pub struct Siding {
    runner: Runner,
    id: u64,
    tap: u32,
    device: u32,
    /// The highest of its descriptors' numbers.
    highest: RawFd,
    shared: Arc<Shared>,
    has_ended: bool,
}

/// A [`Place`] whose namespace is held as a file alone, and so holds no engine.
#[derive(Debug)]
pub(crate) struct Site<'a> {
    pub(crate) namespace: &'a File,
    pub(crate) device: &'a IfName,
    pub(crate) direction: Direction,
    pub(crate) tap: &'a IfName,
    pub(crate) mark: u32,
    pub(crate) purpose: &'a str,
}

/// How long a dropped siding is waited for, whose thread sends what it holds without waiting.
const AT_ONCE: Duration = Duration::from_secs(1);

impl Runner {
    /// Makes a siding. Nothing comes to it yet.
    ///
    /// # Errors
    /// No such device, a TAP's name that is taken, no `/dev/net/tun`, no CAP_NET_ADMIN in the namespace, and for packets on
    /// their way out no CAP_NET_RAW.
    pub fn open(&self, place: &Place, fault: impl PacketFault) -> Result<Siding> {
        let Place { namespace, device, direction, tap, mark, purpose } = place;
        let site =
            Site { namespace: namespace.file(), device, direction: *direction, tap, mark: *mark, purpose };
        self.open_at(&site, Box::new(fault)).map_err(|error| error.context(namespace.name()))
    }

    /// [`open`](Self::open) at a site.
    pub(crate) fn open_at(&self, site: &Site<'_>, fault: Box<dyn PacketFault>) -> Result<Siding> {
        let is_large = fault.frames() == Frames::Large;
        let (device, tap, ends) = netns::inside(site.namespace, || devices(site, is_large))
            .map_err(|error| error.context(format!("a siding at {}", site.device)))?;
        let highest = ends.highest();
        let shared = Arc::new(Shared::default());
        let dice = self.dice().stream(&["packets", site.purpose]);
        let lane = Lane::new(ends, fault, dice, time::now()?, Arc::clone(&shared));
        let siding =
            Siding { runner: self.clone(), id: self.fresh(), tap, device, highest, shared, has_ended: false };
        let (done, begun) = channel();
        self.tell(Command::Begin { id: siding.id, lane: Box::new(lane), done })?;
        let gone = |_| Error::failed("the thread that runs packets has ended");
        begun.recv().map_err(gone)?.map_err(|source| {
            Error::failed("the thread that runs packets cannot watch one more device").with_source(source)
        })?;
        Ok(siding)
    }
}

/// The device's and the TAP's number, and what is open of them.
fn devices(site: &Site<'_>, is_large: bool) -> Result<(u32, u32, Ends)> {
    if site.direction == Direction::Both {
        return Err(Error::invalid("a siding is for packets out or in: make one for each"));
    }
    let index = |name: &IfName| if_nametoindex(name.as_str());
    let device = index(site.device).map_err(|errno| {
        Error::invalid(format!("there is no device {}", site.device)).with_source(io::Error::from(errno))
    })?;
    let link = Link::of_kind(sys::device::kind(site.device.as_str())?);
    let tap = || -> Result<(File, u32)> {
        let tap = sys::tap::open(site.tap.as_str(), is_large).map_err(|source| no_tap(source, site.tap))?;
        Ok((tap, index(site.tap).map_err(io::Error::from)?))
    };
    if site.direction == Direction::Egress {
        let out = sys::packet::open(device, site.mark).map_err(no_socket)?;
        let (tap, number) = tap()?;
        return Ok((device, number, Ends { tap, out, link, redirect: None }));
    }
    if link != Link::Ethernet {
        return Err(Error::refused("packets on their way in pass this process on Ethernet devices only"));
    }
    let (tap, number) = tap()?;
    let redirect = sys::ingress::redirect(number, device, site.mark).map_err(|source| {
        Error::refused(
            "packets on their way in cannot pass this process: run with CAP_BPF and CAP_NET_ADMIN, on Linux 6.6 or later with BPF",
        )
        .with_source(source)
    })?;
    let out = tap.try_clone()?;
    Ok((device, number, Ends { tap, out, link, redirect: Some(redirect) }))
}

fn no_socket(source: io::Error) -> Error {
    let said = match source.kind() {
        io::ErrorKind::PermissionDenied => {
            Error::refused("packets cannot be sent: run with CAP_NET_RAW and CAP_NET_ADMIN")
        }
        _ => Error::failed("no packet socket (CONFIG_PACKET)"),
    };
    said.with_source(source)
}

fn no_tap(source: io::Error, name: &IfName) -> Error {
    let said = match source.kind() {
        io::ErrorKind::NotFound => {
            Error::refused("there is no /dev/net/tun: load the module tun, or give the container the device")
        }
        io::ErrorKind::PermissionDenied => {
            Error::refused("no TAP can be made: run with CAP_NET_ADMIN and with /dev/net/tun allowed")
        }
        io::ErrorKind::ResourceBusy => Error::conflict(format!("the device name {name} is taken")),
        _ => Error::failed(format!("the TAP {name} cannot be made")),
    };
    said.with_source(source)
}

impl Siding {
    /// The TAP's number, to send packets to.
    pub fn tap(&self) -> u32 {
        self.tap
    }

    /// The number of the device that packets leave by.
    pub fn device(&self) -> u32 {
        self.device
    }

    /// The highest of its descriptors' numbers: those below are closed later when the process dies.
    pub(crate) fn highest(&self) -> RawFd {
        self.highest
    }

    /// What it did so far.
    pub fn counters(&self) -> Counters {
        self.shared.read()
    }

    /// Another fault for packets from now on; those that wait stay until they are due. It gets what it takes for a packet
    /// ([`PacketFault::frames`]) only if the one before did too.
    ///
    /// # Errors
    /// When the thread has ended.
    pub fn replace(&self, fault: impl PacketFault) -> Result<()> {
        self.runner.tell(Command::Replace { id: self.id, fault: Box::new(fault) })
    }

    /// Ends it: takes what is still on its way to it, and sends what it holds when it is due, after `within` at once. Blocks until
    /// then. Nothing must lead here any more.
    ///
    /// # Errors
    /// When the thread has ended before.
    pub fn drain(mut self, within: Duration) -> Result<Counters> {
        self.end(within, within.saturating_add(AT_ONCE))?;
        Ok(self.counters())
    }

    /// [`drain`](Self::drain) that does not wait.
    pub(crate) fn leave(mut self, within: Duration) -> Leaving {
        let ended = self.begin_end(within).ok();
        Leaving { tap: self.tap, ended, lane: None, _runner: self.runner.clone() }
    }

    fn end(&mut self, within: Duration, bound: Duration) -> Result<()> {
        let lane = self
            .begin_end(within)?
            .recv_timeout(bound)
            .map_err(|_| Error::timeout("a siding that was to end still holds packets"))?;
        // Closes the TAP, and waits until the kernel has taken it away.
        drop(lane);
        Ok(())
    }

    fn begin_end(&mut self, within: Duration) -> Result<Receiver<Box<Lane>>> {
        self.has_ended = true;
        let (done, ended) = channel();
        self.runner.tell(Command::End { id: self.id, within, done })?;
        Ok(ended)
    }
}

impl Drop for Siding {
    fn drop(&mut self) {
        if !self.has_ended {
            // Best effort: the kernel takes the devices away with the process at the latest.
            let _ = self.end(Duration::ZERO, AT_ONCE);
        }
    }
}

/// A siding that ends by itself.
#[derive(Debug)]
pub(crate) struct Leaving {
    tap: u32,
    /// None if it has ended.
    ended: Option<Receiver<Box<Lane>>>,
    lane: Option<Box<Lane>>,
    /// Its last clone would stop the thread.
    _runner: Runner,
}

impl Leaving {
    /// Whether it has ended. Its TAP is there until this value is dropped.
    pub(crate) fn has_ended(&mut self) -> bool {
        match self.ended.as_ref().map(Receiver::try_recv) {
            Some(Err(TryRecvError::Empty)) => false,
            Some(Ok(lane)) => {
                (self.ended, self.lane) = (None, Some(lane));
                true
            }
            Some(Err(TryRecvError::Disconnected)) | None => true,
        }
    }

    /// The TAP's number.
    pub(crate) fn tap(&self) -> u32 {
        self.tap
    }
}
