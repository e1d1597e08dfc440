//! The injector is killed: names resolve at once, also over sockets that are used again.

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
use chaos_k8s::node::net::{DnsEffect, DnsFault};
use domain::base::Rtype;
use rustix::process::{Pid, Signal, kill_process};

use crate::asking::Came;
use crate::scene::{run, wait_until};
use crate::site::{SERVERS, Site, fault};
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] =
    &[("a_killed_injector_leaves_names_that_resolve", &[Need::Root, Need::Nft], killed)];

/// The words on the command line of an injector.
const INJECT: &str = "chaos-test-inject";
const TIMES: usize = 5;

/// In a process that was started as an injector: puts the fault in force, says so, and waits to be killed, or told to revert.
pub(crate) fn run_if_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next()? != INJECT {
        return None;
    }
    let [namespace, ledger, fault, lasting] = [(); 4].map(|()| arguments.next().unwrap());
    let fault: DnsFault = serde_json::from_str(&fault).unwrap();
    run(async {
        let chaos = Chaos::seeded(1);
        let node = Node::new(&chaos);
        let ledger = Arc::new(Ledger::open(&ledger, node.undos().unwrap()).unwrap());
        let namespace =
            namespace.parse().map_or_else(|_| node.namespace_at(namespace), |pid| node.namespace_of(pid));
        let target = Targets::one(namespace.unwrap());
        let radius = BlastRadius::count(1).unwrap();
        let mut step = Step::from(fault.on(target, Mode::ALL));
        if let Ok(lasting) = lasting.parse() {
            step = step.lasting(ms(lasting));
        }
        let injection = chaos.inject(step, radius).ledger(ledger).begin().await.unwrap();
        println!("in force");
        stdin().read_line(&mut String::new()).unwrap();
        injection.revert().await.unwrap();
    });
    Some(ExitCode::SUCCESS)
}

/// An injector, killed at the end of the test at the latest.
pub(crate) struct Injector(Child);

impl Injector {
    pub(crate) fn start(site: &Site, ledger: &Path, lasting: Option<Duration>) -> Self {
        Self::with(&site.scene.path(), &fault(DnsEffect::NxDomain), ledger, lasting)
    }

    /// On a namespace by its path, or by the number of a process.
    pub(crate) fn with(namespace: &str, fault: &DnsFault, ledger: &Path, lasting: Option<Duration>) -> Self {
        let lasting = lasting.map_or("-".to_owned(), |lasting| lasting.as_millis().to_string());
        let fault = serde_json::to_string(fault).unwrap();
        #[expect(clippy::disallowed_methods, reason = "a process that can be killed")]
        let child = Command::new(std::env::current_exe().unwrap())
            .args([INJECT, namespace, ledger.to_str().unwrap(), &fault, &lasting])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut injector = Self(child);
        let mut line = String::new();
        BufReader::new(injector.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "in force\n");
        injector
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
}

impl Drop for Injector {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn killed() {
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let site = Site::new();
        let home = tempfile::tempdir().unwrap();
        let ledger = home.path().join("ledger");
        let before = site.scene.state();
        let mut old: Vec<_> = SERVERS.map(|server| site.udp(server).patient(ms(50))).into();
        let mut injector = Injector::start(&site, &ledger, None);
        for asker in &mut old {
            wait_until("the fault", secs(5), || asker.ask("a.example.com", Rtype::A) == Came::Code(3));
        }
        // While it lives, its table is its own: a sweep leaves it.
        let undos = site.scene.node.undos().unwrap();
        assert_eq!(run(sweep(&ledger, &undos)).unwrap().live().len(), 1);
        let by_marks = run(site.scene.node.sweep_marks_in(&site.scene.namespace())).unwrap();
        assert!(by_marks.is_clean() && by_marks.removed().is_empty(), "{by_marks}");
        wait_until("the fault, swept while it lives", secs(5), || {
            old[0].ask("a.example.com", Rtype::A) == Came::Code(3)
        });
        let since = Instant::now();
        injector.0.kill().unwrap();
        injector.0.wait().unwrap();
        for asker in &mut old {
            wait_until("true answers", secs(5), || {
                asker.ask("a.example.com", Rtype::A) == Came::truth(Rtype::A)
            });
        }
        times.push(since.elapsed());
        assert_eq!(site.tcp(SERVERS[0]).ask("a.example.com", Rtype::A), Came::truth(Rtype::A));
        assert_eq!(site.scene.state(), before);
        let by_marks = run(site.scene.node.sweep_marks_in(&site.scene.namespace())).unwrap();
        assert!(
            by_marks.is_clean() && by_marks.removed().is_empty(),
            "nothing is left to be found: {by_marks}"
        );
        let swept = run(sweep(&ledger, &undos)).unwrap();
        assert!(swept.is_clean(), "{swept:?}");
        assert_eq!(fs::read_dir(&ledger).map_or(0, Iterator::count), 0, "struck off");
    }
    times.sort();
    println!(
        "SIGKILL to true answers over both families, {TIMES} times: median {:?}, max {:?}",
        times[2], times[4]
    );
}
