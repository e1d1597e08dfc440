//! [`Victim`]: a process that is hit. What it does shows in a file of counters.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chaos_core::units::{ms, secs, us};
use tokio::signal::unix::{SignalKind, signal};

const ROLE: &str = "CHAOS_TEST_VICTIM";
const COUNTERS: &str = "CHAOS_TEST_COUNTERS";
/// The bound of every wait for something that takes milliseconds: machines are shared.
pub(crate) const BOUND: Duration = secs(20);

/// How many threads count.
pub(crate) const WORKERS: usize = 4;
/// The signals whose arrival is counted, in the slots behind those of the workers.
const COUNTED: [i32; 3] = [10, 12, 40];

pub(crate) fn run_if_asked() -> bool {
    let Ok(role) = std::env::var(ROLE) else { return false };
    let counters = OpenOptions::new().write(true).open(std::env::var_os(COUNTERS).unwrap()).unwrap();
    match role.as_str() {
        "counts" => counts(&counters),
        "makes threads" => makes_threads(counters),
        "sleeps" => {
            println!("ready");
            std::thread::sleep(secs(600));
        }
        _ => panic!("no such role: {role}"),
    }
    true
}

fn count(counters: &File, slot: usize, value: u64) {
    counters.write_all_at(&value.to_ne_bytes(), 8 * slot as u64).unwrap();
}

fn counts(counters: &File) {
    for slot in 0..WORKERS {
        let counters = counters.try_clone().unwrap();
        std::thread::spawn(move || {
            for value in 1.. {
                count(&counters, slot, value);
                std::thread::sleep(ms(1));
            }
        });
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut listening = Vec::new();
        for (nth, number) in COUNTED.into_iter().enumerate() {
            let (mut signals, counters) =
                (signal(SignalKind::from_raw(number)).unwrap(), counters.try_clone().unwrap());
            listening.push(tokio::spawn(async move {
                for value in 1.. {
                    signals.recv().await;
                    count(&counters, WORKERS + nth, value);
                }
            }));
        }
        println!("ready");
        for task in listening {
            task.await.unwrap();
        }
    });
}

/// Threads that make threads: there is always one that was just made, and none lives long.
fn makes_threads(counters: File) {
    let counters: &'static File = Box::leak(Box::new(counters));
    fn next(counters: &'static File, slot: usize, value: u64) {
        std::thread::spawn(move || {
            count(counters, slot, value);
            // So that other tests get their turn.
            std::thread::sleep(us(100));
            next(counters, slot, value + 1);
        });
    }
    (0..WORKERS).for_each(|slot| next(counters, slot, 1));
    println!("ready");
    std::thread::sleep(secs(600));
}

pub(crate) struct Victim {
    child: Child,
    counters: File,
    _dir: tempfile::TempDir,
}

impl Victim {
    pub(crate) fn counts() -> Self {
        Self::new("counts", "/proc/self/exe")
    }

    pub(crate) fn makes_threads() -> Self {
        Self::new("makes threads", "/proc/self/exe")
    }

    pub(crate) fn sleeps() -> Self {
        Self::new("sleeps", "/proc/self/exe")
    }

    /// One that sleeps, started from a copy of this program of that name.
    pub(crate) fn named(name: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join(name);
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        Self::in_dir("sleeps", program.to_str().unwrap(), dir)
    }

    fn new(role: &str, program: &str) -> Self {
        Self::in_dir(role, program, tempfile::tempdir().unwrap())
    }

    fn in_dir(role: &str, program: &str, dir: tempfile::TempDir) -> Self {
        let path = dir.path().join("counters");
        fs::write(&path, [0; 8 * 16]).unwrap();
        #[expect(clippy::disallowed_methods, reason = "processes that are hit are the point of this test")]
        let mut child = Command::new(program)
            .env(ROLE, role)
            .env(COUNTERS, &path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self { child, counters: File::open(path).unwrap(), _dir: dir }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn slot(&self, slot: usize) -> u64 {
        let mut value = [0; 8];
        self.counters.read_exact_at(&mut value, 8 * slot as u64).unwrap();
        u64::from_ne_bytes(value)
    }

    /// What its threads have counted.
    pub(crate) fn progress(&self) -> Vec<u64> {
        (0..WORKERS).map(|slot| self.slot(slot)).collect()
    }

    /// How often this signal has arrived.
    pub(crate) fn arrived(&self, number: i32) -> u64 {
        let nth = COUNTED.iter().position(|counted| *counted == number).unwrap();
        self.slot(WORKERS + nth)
    }

    /// How long it takes until every thread counts again.
    pub(crate) fn goes_on_after(&self, since: Instant) -> Duration {
        let before = self.progress();
        wait_until("every thread goes on", || {
            self.progress().iter().zip(&before).all(|(now, before)| now > before)
        });
        since.elapsed()
    }

    pub(crate) fn send(&self, number: i32) {
        let signal = nix::libc::c_int::from(number);
        // The kernel's own word for it: not what is tested.
        #[expect(clippy::disallowed_methods, reason = "an oracle beside the engine")]
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(self.pid().to_string()).status();
        assert!(sent.unwrap().success());
    }

    /// The letters of its threads' states, sorted, each once: "S", "t".
    pub(crate) fn states(&self) -> String {
        states(self.pid())
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub(crate) fn reap(&mut self) {
        self.child.wait().unwrap();
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Read without the engine, which is what is tested. What runs and what sleeps is one: it changes all the time.
pub(crate) fn states(pid: u32) -> String {
    let mut letters = Vec::new();
    for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        let letter = status.lines().find_map(|line| line.strip_prefix("State:\t")?.chars().next());
        letters.extend(letter.map(|letter| if "RSD".contains(letter) { 'S' } else { letter }));
    }
    letters.sort_unstable();
    letters.dedup();
    letters.into_iter().collect()
}

pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let since = Instant::now();
    while !done() {
        assert!(since.elapsed() < BOUND, "not within {BOUND:?}: {what}");
        std::thread::sleep(ms(1));
    }
}

/// Runs a future on a runtime of its own.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
