//! A target and a peer, each a namespace, joined by a veth pair; what is measured between them.

use std::cell::Cell;
use std::future::Future;
use std::io::{ErrorKind, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use chaos_core::ledger::Ledger;
use chaos_core::{BlastRadius, Chaos, Fault, Guardian, Injection, Mode, Targets};
use chaos_k8s::{Node, node::Namespace};

use nix::sys::socket::{setsockopt, sockopt};

use crate::support::{Need, Scratch, through_signals};

/// The peer's addresses, two of each family.
pub(crate) const PEER: &str = "10.77.0.2";
pub(crate) const OTHER: &str = "10.77.0.3";
pub(crate) const PEER6: &str = "fd77::2";
pub(crate) const OTHER6: &str = "fd77::3";
/// Where the peer echoes.
pub(crate) const PORT: u16 = 7_000;
pub(crate) const OTHER_PORT: u16 = 7_001;

/// What netem by the kernel needs, and what it needs through this process, on the way out alone and on both.
pub(crate) const KERNEL: &[Need] = &[Need::Root, Need::Nft, Need::Netem];
pub(crate) const PROCESS: &[Need] = &[Need::Root, Need::Nft, Need::Tun];
pub(crate) const PROCESS_BOTH: &[Need] = &[Need::Root, Need::Nft, Need::Tun, Need::Tcx];

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_millis(700);
/// That is waited for by looks: one that hangs with the whole machine is one look, and not silence.
const LOOK: Duration = Duration::from_millis(20);

pub(crate) struct Scene {
    pub(crate) chaos: Chaos,
    pub(crate) node: Node,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) target: Scratch,
    pub(crate) peer: Scratch,
    pub(crate) has_guardian: AtomicBool,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let chaos = Chaos::seeded(7);
        let node = node(&chaos);
        let ledger = Arc::new(Ledger::in_memory(node.undos().unwrap()));
        let scene = Self {
            chaos,
            node,
            ledger,
            target: Scratch::new(),
            peer: Scratch::new(),
            has_guardian: AtomicBool::new(false),
        };
        let there = format!(
            "/proc/{}/fd/{}",
            std::process::id(),
            scene.peer.path().file_name().unwrap().to_str().unwrap()
        );
        scene.target.inside(|| {
            // Unlike the other's number: of two with one, the kernel says up to a second late that they are up
            // (`linkwatch_urgent_event` in net/core/link_watch.c).
            let lines = [
                format!("link add va index 101 type veth peer name vb netns {there}"),
                "addr add 10.77.0.1/24 dev va".to_owned(),
                "addr add fd77::1/64 dev va nodad".to_owned(),
                "link set va up".to_owned(),
            ];
            at_once("ip", &lines);
        });
        scene.peer.inside(|| {
            let lines = [
                format!("addr add {PEER}/24 dev vb"),
                format!("addr add {OTHER}/24 dev vb"),
                format!("addr add {PEER6}/64 dev vb nodad"),
                format!("addr add {OTHER6}/64 dev vb nodad"),
                "link set vb up".to_owned(),
            ];
            at_once("ip", &lines);
            for address in [PEER, OTHER, PEER6, OTHER6] {
                for port in [PORT, OTHER_PORT] {
                    echo(at(address, port));
                }
            }
        });
        // The neighbours learn each other first.
        let client = scene.client();
        for address in [PEER, OTHER, PEER6, OTHER6] {
            wait_until(address, Duration::from_secs(10), || client.one(at(address, PORT)).is_some());
        }
        scene
    }

    pub(crate) fn namespace(&self) -> Namespace {
        self.namespace_by(&self.node)
    }

    pub(crate) fn namespace_by(&self, node: &Node) -> Namespace {
        node.namespace_at(self.path()).unwrap()
    }

    /// The target's file, by a name that other processes know too.
    pub(crate) fn path(&self) -> String {
        let fd = self.target.path();
        format!("/proc/{}/fd/{}", std::process::id(), fd.file_name().unwrap().to_str().unwrap())
    }

    pub(crate) fn begin(&self, fault: impl Fault<Target = Namespace>) -> chaos_core::Result<Injection> {
        let target = Targets::one(self.namespace());
        let injection = self
            .chaos
            .inject(fault.on(target, Mode::ALL), BlastRadius::count(1).unwrap())
            .ledger(Arc::clone(&self.ledger));
        // A process each time: only where there is something for it to do.
        let has_guardian = self.has_guardian.load(Ordering::Relaxed);
        let injection = match GUARDIAN.get().filter(|_| has_guardian) {
            Some(guardian) => injection.guardian(guardian.clone(), Duration::from_secs(600)),
            None => injection,
        };
        run(injection.begin())
    }

    /// The same by another run.
    pub(crate) fn begin_by(
        &self,
        other: &Node,
        fault: impl Fault<Target = Namespace>,
    ) -> chaos_core::Result<Injection> {
        let target = Targets::one(self.namespace_by(other));
        let ledger = Arc::new(Ledger::in_memory(other.undos().unwrap()));
        let injection = self.chaos.inject(fault.on(target, Mode::ALL), BlastRadius::count(1).unwrap());
        run(injection.ledger(ledger).begin())
    }

    /// Does `act` while the fault is in force.
    pub(crate) fn under<T>(&self, fault: impl Fault<Target = Namespace>, act: impl FnOnce() -> T) -> T {
        let injection = self.begin(fault).unwrap();
        let done = act();
        for (_, seen) in run(injection.observe()) {
            println!("{}", seen.unwrap().detail());
        }
        run(injection.revert()).unwrap();
        assert_eq!(self.left(), "", "after the revert");
        done
    }

    /// What of ours is there.
    pub(crate) fn left(&self) -> String {
        let found = self.state();
        let lines = found.lines().filter(|line| line.contains("chaos"));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Everything of the target that a network fault could change.
    pub(crate) fn state(&self) -> String {
        self.target.inside(|| {
            let devices = read("ip", "link show");
            let names: Vec<String> = devices
                .lines()
                .filter(|line| !line.starts_with(' '))
                .filter_map(|line| Some(line.split(": ").nth(1)?.split('@').next()?.to_owned()))
                .collect();
            let mut lines = vec!["qdisc show".to_owned()];
            for name in names {
                lines.push(format!("class show dev {name}"));
                lines.extend(["", "ingress", "egress"].map(|from| format!("filter show dev {name} {from}")));
            }
            without_statistics(&(devices + &at_once("tc", &lines) + &ruleset()))
        })
    }

    pub(crate) fn client(&self) -> Client {
        self.target.inside(|| {
            let bind = |address: &str| {
                let socket = roomy(UdpSocket::bind(address).unwrap());
                socket.set_read_timeout(Some(LOOK)).unwrap();
                socket
            };
            Client { v4: bind("0.0.0.0:0"), v6: bind("[::]:0"), patience: PATIENCE }
        })
    }
}

thread_local! {
    static WITHOUT: Cell<&'static [&'static str]> = const { Cell::new(&[]) };
}

/// Runs a test as on a kernel without these pieces, called as the doctor calls them.
pub(crate) fn without(pieces: &'static [&'static str], test: impl FnOnce()) {
    struct Again;
    impl Drop for Again {
        fn drop(&mut self) {
            WITHOUT.set(&[]);
        }
    }
    WITHOUT.set(pieces);
    let _again = Again;
    test();
}

/// The guardian that the line at the start of `main` gave.
pub(crate) static GUARDIAN: OnceLock<Guardian> = OnceLock::new();

/// The pieces that the test on this thread does without.
pub(crate) fn lacking() -> &'static [&'static str] {
    WITHOUT.get()
}

/// A handle of this test.
pub(crate) fn node(chaos: &Chaos) -> Node {
    Node::without(chaos, lacking()).unwrap()
}

pub(crate) fn at(address: &str, port: u16) -> SocketAddr {
    SocketAddr::new(address.parse::<IpAddr>().unwrap(), port)
}

/// Sends to the peer, and waits for its echo.
pub(crate) struct Client {
    v4: UdpSocket,
    v6: UdpSocket,
    patience: Duration,
}

impl Client {
    fn socket(&self, to: SocketAddr) -> &UdpSocket {
        if to.is_ipv4() { &self.v4 } else { &self.v6 }
    }

    /// One that waits so long for an echo.
    pub(crate) fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The length of the next answer; none if none comes.
    fn hear(&self, socket: &UdpSocket, answer: &mut [u8], patience: Duration) -> Option<usize> {
        let looks = patience.as_millis().div_ceil(LOOK.as_millis());
        for _ in 0..looks {
            match through_signals(|| socket.recv(answer)) {
                Ok(length) => return Some(length),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => panic!("{error}"),
            }
        }
        None
    }

    /// Asserts that a round trip takes this time: never less, and hardly more in one of fifty. What a busy machine adds to the others is
    /// no fault.
    pub(crate) fn about(&self, to: SocketAddr, wanted: Duration) {
        let mut least = Duration::MAX;
        for _ in 0..50 {
            let time = self.sure(to);
            assert!(time >= wanted, "{time:?} for {wanted:?}");
            least = least.min(time);
            if least < wanted + Duration::from_millis(25) {
                return;
            }
        }
        panic!("{least:?} at least for {wanted:?}");
    }

    /// One round trip of a packet that is not lost, however long it takes.
    pub(crate) fn sure(&self, to: SocketAddr) -> Duration {
        self.one_within(to, PATIENCE * 10).unwrap()
    }

    /// One round trip; none if nothing comes back.
    pub(crate) fn one(&self, to: SocketAddr) -> Option<Duration> {
        self.one_within(to, self.patience)
    }

    fn one_within(&self, to: SocketAddr, patience: Duration) -> Option<Duration> {
        let socket = self.socket(to);
        let since = Instant::now();
        let number = since.elapsed().as_nanos() as u64 ^ u64::from(rand());
        socket.send_to(&number.to_ne_bytes(), to).unwrap();
        let mut answer = [0; 2048];
        loop {
            let length = self.hear(socket, &mut answer, patience)?;
            if length == 8 && answer[..8] == number.to_ne_bytes() {
                return Some(since.elapsed());
            }
        }
    }

    /// Whether an answer comes within this time.
    pub(crate) fn within(&self, to: SocketAddr, time: Duration) -> bool {
        self.one_within(to, time).is_some_and(|took| took < time)
    }

    /// Sends so many at once, of which none is to be lost; when each answer came, however long a busy machine stands still.
    pub(crate) fn timed(&self, to: SocketAddr, count: u32) -> Vec<Instant> {
        let answers = self.exchange_until(to, count, Duration::ZERO, count as usize, PATIENCE * 10);
        answers.into_iter().map(|(_, when)| when).collect()
    }

    /// Sends so many, a little apart; the answers in their order.
    pub(crate) fn send(&self, to: SocketAddr, count: u32, apart: Duration) -> Vec<u32> {
        self.exchange(to, count, apart).into_iter().map(|(number, _)| number).collect()
    }

    /// Sends so many, a little apart; number and time of each answer.
    pub(crate) fn exchange(&self, to: SocketAddr, count: u32, apart: Duration) -> Vec<(u32, Instant)> {
        self.exchange_until(to, count, apart, usize::MAX, self.patience)
    }

    /// The same, until there are enough answers.
    fn exchange_until(
        &self,
        to: SocketAddr,
        count: u32,
        apart: Duration,
        enough: usize,
        patience: Duration,
    ) -> Vec<(u32, Instant)> {
        let socket = self.socket(to);
        let answers = thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut answers = Vec::new();
                let mut answer = [0; 2048];
                while answers.len() < enough {
                    let Some(length) = self.hear(socket, &mut answer, patience) else { break };
                    if length == 500 {
                        let number = u32::from_ne_bytes(answer[..4].try_into().unwrap());
                        answers.push((number, Instant::now()));
                    }
                }
                answers
            });
            let begun = Instant::now();
            for number in 0..count {
                while begun.elapsed() < apart * number {
                    thread::sleep(Duration::from_micros(50));
                }
                let mut packet = [0; 500];
                packet[..4].copy_from_slice(&number.to_ne_bytes());
                socket.send_to(&packet, to).unwrap();
            }
            reader.join()
        });
        answers.unwrap()
    }
}

/// Holds what comes while its reader sleeps.
fn roomy(socket: UdpSocket) -> UdpSocket {
    setsockopt(&socket, sockopt::RcvBufForce, &(16 << 20)).unwrap();
    socket
}

/// Numbers that differ, for packets that are told apart.
fn rand() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(0x9e37_79b9, Ordering::Relaxed)
}

pub(crate) fn echo(address: SocketAddr) {
    let socket = roomy(UdpSocket::bind(address).unwrap());
    let listener = TcpListener::bind(address).unwrap();
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            thread::spawn(move || {
                let mut reader = stream.try_clone().unwrap();
                let _ = std::io::copy(&mut reader, &mut stream);
            });
        }
    });
    // Ends with the process.
    thread::spawn(move || {
        let mut packet = [0; 2048];
        while let Ok((length, from)) = through_signals(|| socket.recv_from(&mut packet)) {
            let _ = socket.send_to(&packet[..length], from);
        }
    });
}

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Within this time, or the test fails.
pub(crate) fn wait_until(what: &str, bound: Duration, mut done: impl FnMut() -> bool) -> Duration {
    let since = Instant::now();
    while !done() {
        assert!(since.elapsed() < bound, "not within {bound:?}: {what}");
        thread::sleep(Duration::from_millis(1));
    }
    since.elapsed()
}

/// HTB counts in its parameters, counters of nft do, and times run: what is held gets a new one now and then.
fn without_statistics(state: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in state.split(' ') {
        let before = words.last().copied().unwrap_or_default();
        let counts = ["direct_packets_stat", "packets", "bytes"].contains(&before);
        let runs = ["expires", "timeout"].contains(&before);
        let digits = |c: char| (counts || runs) && c.is_ascii_digit() || runs && "dhms".contains(c);
        words.push(word.trim_start_matches(digits));
    }
    words.join(" ")
}

pub(crate) fn ip(arguments: &str) {
    read("ip", arguments);
}

/// What `ip` or `tc` print to these lines, by one process. What stands at a device that is gone meanwhile is nothing; all else must
/// succeed.
fn at_once(program: &str, lines: &[String]) -> String {
    #[expect(clippy::disallowed_methods, reason = "the state is read by others than those who made it")]
    let mut child = Command::new(program)
        .args(["-force", "-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Less than a pipe holds.
    child.stdin.take().unwrap().write_all(lines.join("\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let is_known = |line: &str| line.contains("Cannot find device") || line.starts_with("Command failed -:");
    assert!(said.lines().all(is_known), "{program} {lines:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What stands in nf_tables; nothing on a kernel without.
fn ruleset() -> String {
    match output("nft", "list ruleset") {
        Err(said) if said.contains("cache initialization failed") || said.contains("Unable to") => {
            String::new()
        }
        done => done.unwrap(),
    }
}

/// What a program prints. It must succeed.
pub(crate) fn read(program: &str, arguments: &str) -> String {
    output(program, arguments).unwrap_or_else(|said| panic!("{program} {arguments}: {said}"))
}

fn output(program: &str, arguments: &str) -> Result<String, String> {
    #[expect(clippy::disallowed_methods, reason = "the state is read by others than those who made it")]
    let output = Command::new(program).args(arguments.split_whitespace()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Asserts that as many of `count` are drawn as `share` says. One draw in a hundred lies outside of its interval by chance: then a
/// second one decides, and a right share is taken for a wrong one once in ten thousand times.
pub(crate) fn assert_share(what: &str, count: u32, share: f64, mut draw: impl FnMut() -> f64) {
    let range = interval(count, share);
    let draws: Vec<f64> = std::iter::repeat_with(|| {
        let drawn = draw();
        println!("{drawn} of {count} {what}, {share} meant");
        drawn
    })
    .take(2)
    .take_while(|drawn| !range.contains(drawn))
    .collect();
    assert!(draws.len() < 2, "{draws:?} of {count} {what}, in {range:?} meant");
}

/// The bounds of the 99 % interval of a binomial distribution, by its normal approximation and a correction of one.
pub(crate) fn interval(count: u32, share: f64) -> std::ops::RangeInclusive<f64> {
    let (n, p) = (f64::from(count), share);
    let reach = 2.576 * (n * p * (1.0 - p)).sqrt() + 1.0;
    n * p - reach..=n * p + reach
}
