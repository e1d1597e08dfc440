//! Two namespaces joined by a pair of devices: `here`, whose packets are under fault, and `there`.

use std::io::Write;
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use chaos_core::units::{ms, secs};
use chaos_core::{Chaos, Percent};
use chaos_k8s::Node;
use chaos_k8s::node::net::own::{NetemFault, PacketFault, Place, Runner, Siding};
use chaos_k8s::node::net::{Direction, IfName};
use chaos_k8s::node::net::{Netem, Odds};
use nix::sys::socket::{setsockopt, sockopt};

use crate::support::{Need, Scratch, interfaces, through_signals};

/// What all tests here need.
pub(crate) const NEEDS: &[Need] = &[Need::Root, Need::Nft, Need::Tun];

/// And what those need of packets on their way in.
pub(crate) const INWARD: &[Need] = &[Need::Root, Need::Nft, Need::Tun, Need::Tcx];

pub(crate) const MARK: u32 = 0x77;
pub(crate) const HERE: &str = "10.7.0.1";
/// The peer whose packets are sent over the siding.
pub(crate) const TARGET: &str = "10.7.0.2";
/// The peer whose packets are not.
pub(crate) const OTHER: &str = "10.7.0.3";
const HERE_6: &str = "fd07::1";
pub(crate) const TARGET_6: &str = "fd07::2";
/// The devices' own.
const MACS: [&str; 2] = ["02:07:00:00:00:01", "02:07:00:00:00:02"];

pub(crate) struct Scene {
    pub(crate) here: Scratch,
    pub(crate) there: Scratch,
    pub(crate) chaos: Chaos,
    pub(crate) runner: Runner,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let (here, there) = (Scratch::new(), Scratch::new());
        // Each `ip` has a `/proc/self` of its own.
        let path = there.path().display().to_string().replace("self", &std::process::id().to_string());
        let pair = format!(
            "link add v0 address {} type veth peer name v1 address {} netns {path}",
            MACS[0], MACS[1]
        );
        here.inside(|| ip(&pair));
        set_up(&here, "v0", &[HERE, HERE_6], MACS[1], &[TARGET, OTHER, TARGET_6]);
        set_up(&there, "v1", &[TARGET, OTHER, TARGET_6], MACS[0], &[HERE, HERE_6]);
        let chaos = Chaos::seeded(7);
        let runner = Runner::start(&chaos).unwrap();
        Self { here, there, chaos, runner }
    }

    pub(crate) fn place(&self, tap: &str) -> Place {
        Place {
            namespace: Node::new(&self.chaos).namespace_at(self.here.path()).unwrap(),
            device: IfName::try_new("v0").unwrap(),
            direction: Direction::Egress,
            tap: IfName::try_new(tap).unwrap(),
            mark: MARK,
            purpose: "test".to_owned(),
        }
    }

    /// A siding, and packets to the target steered there.
    pub(crate) fn siding(&self, fault: impl PacketFault) -> Siding {
        let siding = self.runner.open(&self.place("tap7"), fault).unwrap();
        self.steer("tap7");
        siding
    }

    pub(crate) fn netem(&self, netem: Netem) -> Siding {
        self.siding(NetemFault::try_new(netem).unwrap())
    }

    pub(crate) fn steer(&self, tap: &str) {
        self.here.inside(|| nft(&table("", tap)));
    }

    /// A siding for what comes from the target.
    pub(crate) fn inward(&self, netem: Netem) -> Siding {
        let place = Place { direction: Direction::Ingress, ..self.place("tap7") };
        let siding = self.runner.open(&place, NetemFault::try_new(netem).unwrap()).unwrap();
        let table = table("", "tap7").replace("hook egress", "hook ingress").replace("daddr", "saddr");
        self.here.inside(|| nft(&table));
        siding
    }

    pub(crate) fn unsteer(&self) {
        self.here.inside(|| nft("delete table netdev siding"));
    }

    /// Whether there is a TAP here.
    pub(crate) fn has_tap(&self) -> bool {
        self.here.inside(|| interfaces().iter().any(|name| name.starts_with("tap")))
    }

    pub(crate) fn sender(&self) -> UdpSocket {
        self.here.inside(|| UdpSocket::bind((HERE, 0)).unwrap())
    }

    /// A socket there, with room for all that a test sends.
    pub(crate) fn receiver(&self, address: &str) -> UdpSocket {
        let socket = self.there.inside(|| UdpSocket::bind((address, 9)).unwrap());
        setsockopt(&socket, sockopt::RcvBufForce, &(64 << 20)).unwrap();
        socket
    }

    /// The shortest and the median time of an echo by this peer.
    pub(crate) fn round_trip(&self, peer: &str, count: usize) -> (Duration, Duration) {
        let echo = self.there.inside(|| UdpSocket::bind((peer, 7)).unwrap());
        let socket =
            self.here.inside(|| UdpSocket::bind((if peer.contains(':') { "::" } else { HERE }, 0)).unwrap());
        let mut times: Vec<_> = (0..count).map(|_| once(&socket, &echo)).collect();
        times.sort_unstable();
        (times[0], times[count / 2])
    }
}

/// The table that sends packets to the target to this TAP.
pub(crate) fn table(flags: &str, tap: &str) -> String {
    format!(
        "table netdev siding {{ {flags} chain out {{ type filter hook egress device v0 priority 0; \
         meta mark {MARK} accept; ip daddr {TARGET} fwd to {tap}; ip6 daddr {TARGET_6} fwd to {tap}; }}; }}"
    )
}

fn once(socket: &UdpSocket, echo: &UdpSocket) -> Duration {
    for socket in [socket, echo] {
        socket.set_read_timeout(Some(secs(10))).unwrap();
    }
    let begun = Instant::now();
    socket.send_to(b"echo", echo.local_addr().unwrap()).unwrap();
    let mut buffer = [0; 16];
    let (length, from) = through_signals(|| echo.recv_from(&mut buffer)).unwrap();
    echo.send_to(&buffer[..length], from).unwrap();
    through_signals(|| socket.recv(&mut buffer)).unwrap();
    begun.elapsed()
}

/// Gives the device its addresses. Its neighbours are known for good: a question for one is a packet too, and where a fault has lost it,
/// nothing comes until it is asked again, a second later.
fn set_up(scratch: &Scratch, device: &str, addresses: &[&str], mac: &str, neighbours: &[&str]) {
    let mut lines = String::new();
    for address in addresses {
        let how = if address.contains(':') { "/64 nodad" } else { "/24" };
        lines += &format!("address add {address}{how} dev {device}\n");
    }
    lines += &format!("link set {device} up\n");
    for neighbour in neighbours {
        lines += &format!("neighbour add {neighbour} lladdr {mac} dev {device} nud permanent\n");
    }
    scratch.inside(|| fed("ip", &["-batch", "-"], &lines));
}

pub(crate) fn ip(arguments: &str) {
    #[expect(clippy::disallowed_methods, reason = "the test's own devices")]
    let status = Command::new("ip").args(arguments.split(' ')).status().unwrap();
    assert!(status.success(), "ip {arguments}");
}

pub(crate) fn nft(script: &str) {
    fed("nft", &["-f", "-"], script);
}

/// Runs a program that reads what it shall do.
fn fed(program: &str, arguments: &[&str], input: &str) {
    #[expect(clippy::disallowed_methods, reason = "devices and tables are not what is tested here")]
    let mut child = Command::new(program).args(arguments).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{program}: {input}");
}

/// Sends `count` numbered packets of `length` bytes, and returns the numbers that came, in the order in which they came.
pub(crate) fn numbers(sender: &UdpSocket, receiver: &UdpSocket, count: u32, length: usize) -> Vec<u32> {
    in_batches(sender, receiver, (count, 250), length, ms(30))
}

/// The same, of which a batch is sent when the one before has come: what waits then fits into the queues on the way (the least holds
/// 1,000 packets, net.core.netdev_max_backlog), however slow they are served. A batch has come when all of it did, or when
/// its last packets did and then none for `pause`, which is longer than one waits for another.
pub(crate) fn in_batches(
    sender: &UdpSocket,
    receiver: &UdpSocket,
    (count, batch): (u32, u32),
    length: usize,
    pause: Duration,
) -> Vec<u32> {
    const LAST: u32 = 50;
    let (seen, is_sent) = (Mutex::new((Vec::new(), Instant::now())), AtomicBool::new(false));
    receiver.set_read_timeout(Some(ms(5))).unwrap();
    let has_come = |sent: u32| {
        let (came, when) = &*seen.lock().unwrap();
        let near = came.iter().rev().take(batch as usize).any(|number: &u32| number + LAST >= sent);
        came.len() == sent as usize || when.elapsed() > if near { pause } else { secs(1) }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut bytes = vec![0; length];
            loop {
                match through_signals(|| receiver.recv(&mut bytes)) {
                    Ok(read) => {
                        assert_eq!(read, length);
                        let number = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                        let (came, when) = &mut *seen.lock().unwrap();
                        came.push(number);
                        *when = Instant::now();
                    }
                    Err(_) if is_sent.load(SeqCst) => return,
                    Err(_) => {}
                }
            }
        });
        let mut bytes = vec![0; length];
        for number in 0..count {
            bytes[..4].copy_from_slice(&number.to_be_bytes());
            sender.send_to(&bytes, receiver.local_addr().unwrap()).unwrap();
            let sent = number + 1;
            if sent % batch == 0 || sent == count {
                seen.lock().unwrap().1 = Instant::now();
                while !has_come(sent) {
                    std::thread::sleep(ms(1));
                }
            }
        }
        is_sent.store(true, SeqCst);
    });
    let (came, _) = seen.into_inner().unwrap();
    came
}

/// At most 9,000, since the TAP holds 10,000 and its reader may come late.
pub(crate) fn send(sender: &UdpSocket, to: SocketAddr, count: u32, length: usize) {
    assert!(count <= 9_000);
    let mut bytes = vec![0; length];
    for number in 0..count {
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        sender.send_to(&bytes, to).unwrap();
        if number % 250 == 249 {
            // The other device's backlog is 1,000 packets (net.core.netdev_max_backlog).
            std::thread::sleep(ms(2));
        }
    }
}

/// The numbers that come, until none does for half a second.
pub(crate) fn came(receiver: &UdpSocket, length: usize) -> Vec<u32> {
    receiver.set_read_timeout(Some(ms(500))).unwrap();
    let mut bytes = vec![0; length];
    let mut came = Vec::new();
    while let Ok(read) = through_signals(|| receiver.recv(&mut bytes)) {
        assert_eq!(read, length);
        came.push(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    }
    came
}

pub(crate) fn percent(value: f64) -> Percent {
    Percent::try_new(value).unwrap()
}

pub(crate) fn odds(value: f64) -> Option<Odds> {
    Some(percent(value).into())
}

/// Asserts that `seen` of `count` lies in the 99 % interval of a binomial distribution.
pub(crate) fn assert_binomial(what: &str, seen: usize, count: u32, chance: f64) {
    let (mean, deviation) = (f64::from(count) * chance, (f64::from(count) * chance * (1.0 - chance)).sqrt());
    println!("{what}: {seen} of {count}, expected {mean:.0} +- {:.0}", 2.576 * deviation);
    assert!((seen as f64 - mean).abs() <= 2.576 * deviation + 1.0, "{what}: {seen}, expected {mean:.0}");
}

pub(crate) fn wait_until(what: &str, done: impl Fn() -> bool) -> Duration {
    let since = Instant::now();
    while !done() {
        assert!(since.elapsed() < secs(20), "not within 20 s: {what}");
        std::thread::sleep(ms(1));
    }
    since.elapsed()
}

pub(crate) fn tc(arguments: &str) {
    #[expect(clippy::disallowed_methods, reason = "somebody else's queue on the device")]
    let status = Command::new("tc").args(arguments.split(' ')).status().unwrap();
    assert!(status.success(), "tc {arguments}");
}
