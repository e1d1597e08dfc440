//! The injector is killed: the kernel ends the fault, and what is left is idle and swept.

use std::fs;
use std::io::{BufRead, BufReader, Write, stdin};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chaos_core::experiment::Step;
use chaos_core::ledger::{Ledger, sweep};
use chaos_core::units::{ms, secs};
use chaos_core::{BlastRadius, Chaos, Fault, Mode, Targets};
use chaos_k8s::Node;
use chaos_k8s::node::net::{self, Carrier, Flow, NetRule};
use rustix::process::{Pid, Signal, kill_process};

use crate::scene::{GUARDIAN, KERNEL, PEER, PORT, PROCESS_BOTH, Scene, at, lacking, run, wait_until};
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] = &[
    ("a_killed_injector_of_a_delay_leaves_an_idle_device", KERNEL, || delay(Carrier::Kernel, true)),
    ("a_killed_injector_of_a_delay_through_itself_leaves_nothing", PROCESS_BOTH, || {
        delay(Carrier::Process, false)
    }),
    ("a_killed_injector_of_a_rate_leaves_an_idle_device", &[Need::Root, Need::Nft], rate),
    ("a_killed_injector_of_a_partition_leaves_nothing", &[Need::Root, Need::Nft], partition),
];

/// The words on the command line of an injector.
const INJECT: &str = "chaos-test-inject";

/// And of one that has a guardian.
const GUARDED: &str = "guarded";

/// In a process that was started as an injector: puts the fault in force, says so, and waits to be killed, or told to revert.
pub(crate) fn run_if_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next()? != INJECT {
        return None;
    }
    let [namespace, ledger, rule, lasting] = [(); 4].map(|()| arguments.next().unwrap());
    let is_guarded = arguments.next().unwrap() == GUARDED;
    let pieces: Vec<String> = arguments.collect();
    let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
    let rule: NetRule = serde_json::from_str(&rule).unwrap();
    run(async {
        let chaos = Chaos::seeded(1);
        let node = Node::without(&chaos, &pieces).unwrap();
        let log = Path::new(&ledger).with_extension("log");
        let ledger = Arc::new(Ledger::open(&ledger, node.undos().unwrap()).unwrap());
        let target = Targets::one(node.namespace_at(namespace).unwrap());
        let radius = BlastRadius::count(1).unwrap();
        let mut step = Step::from(rule.on(target, Mode::ALL));
        let lasting = lasting.parse().ok().map(ms);
        if let Some(lasting) = lasting.filter(|_| !is_guarded) {
            step = step.lasting(lasting);
        }
        let mut injection = chaos.inject(step, radius).ledger(ledger);
        if let Some(lasting) = lasting.filter(|_| is_guarded) {
            let guardian = GUARDIAN.get().unwrap().clone().log(log).margin(ms(200));
            injection = injection.guardian(guardian, lasting);
        }
        let injection = injection.begin().await.unwrap();
        println!("in force");
        stdin().read_line(&mut String::new()).unwrap();
        injection.revert().await.unwrap();
    });
    Some(ExitCode::SUCCESS)
}

/// An injector, killed at the end of the test at the latest.
pub(crate) struct Injector(Child);

impl Injector {
    pub(crate) fn start(scene: &Scene, ledger: &Path, rule: &NetRule, lasting: Option<Duration>) -> Self {
        Self::of(scene, ledger, rule, lasting, "")
    }

    /// With a guardian, which writes its log beside the ledger.
    pub(crate) fn guarded(scene: &Scene, ledger: &Path, rule: &NetRule, lasting: Duration) -> Self {
        Self::of(scene, ledger, rule, Some(lasting), GUARDED)
    }

    fn of(scene: &Scene, ledger: &Path, rule: &NetRule, lasting: Option<Duration>, guarded: &str) -> Self {
        let lasting = lasting.map_or("-".to_owned(), |lasting| lasting.as_millis().to_string());
        #[expect(clippy::disallowed_methods, reason = "a process that can be killed")]
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([INJECT, &scene.path(), ledger.to_str().unwrap(), &serde_json::to_string(rule).unwrap()])
            .args([&lasting, guarded])
            .args(lacking())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "in force\n");
        Self(child)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn stop(&self) {
        self.send(Signal::STOP);
    }

    pub(crate) fn go_on_and_revert(&mut self) {
        self.send(Signal::CONT);
        self.0.stdin.take().unwrap().write_all(b"\n").unwrap();
        assert!(self.0.wait().unwrap().success());
    }

    fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    /// Its end is not waited for: what the kernel takes away with it, it takes away meanwhile.
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
    }

    pub(crate) fn end(&mut self) {
        self.kill();
        self.0.wait().unwrap();
    }
}

impl Drop for Injector {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn delay(carrier: Carrier, leaves_a_device: bool) {
    let rule = net::delay(ms(60)).between(Flow::all()).carrier(carrier).into_rule();
    killed(&rule, leaves_a_device, |time| time.is_some_and(|time| time >= ms(120)));
}

pub(crate) fn rate() {
    let rule = net::bandwidth(net::Bandwidth::kbit(1).unwrap()).burst(100).to(Flow::all()).into_rule();
    // A small packet of 50 bytes takes 400 ms.
    killed(&rule, true, |time| time.is_none_or(|time| time >= ms(100)));
}

pub(crate) fn partition() {
    killed(&net::drop().between(Flow::peer(PEER).unwrap()).into_rule(), false, |time| time.is_none());
}

fn killed(rule: &NetRule, leaves_a_device: bool, acts: impl Fn(Option<Duration>) -> bool) {
    let mut times = Vec::new();
    for _ in 0..5 {
        let scene = Scene::new();
        let home = tempfile::tempdir().unwrap();
        let ledger = home.path().join("ledger");
        let client = scene.client();
        let before = scene.state();
        let mut injector = Injector::start(&scene, &ledger, rule, None);
        // A burst passes at full speed.
        for _ in 0..3 {
            client.one(at(PEER, PORT));
        }
        assert!(acts(client.one(at(PEER, PORT))), "not in force: {}", scene.state());
        let since = Instant::now();
        injector.kill();
        wait_until("packets go directly", secs(5), || client.within(at(PEER, PORT), ms(20)));
        times.push(since.elapsed());
        injector.0.wait().unwrap();
        let left = scene.left();
        assert!(!left.contains("table"), "{left}");
        assert_eq!(left.contains(": chaos"), leaves_a_device, "{left}");
        let swept = run(sweep(&ledger, &scene.node.undos().unwrap())).unwrap();
        assert!(swept.is_clean(), "{swept:?}");
        assert_eq!(scene.state(), before);
        assert_eq!(fs::read_dir(&ledger).map_or(0, Iterator::count), 0, "struck off");
    }
    times.sort();
    println!("SIGKILL to the first direct packet, 5 times: median {:?}, max {:?}", times[2], times[4]);
}
