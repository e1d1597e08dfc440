//! [`Agent`]: the program, as the tests start it, read by the reader that a controller has.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use chaos_core::units::{ms, secs};
use chaos_k8s::agent::spec::Spec;
use chaos_k8s::agent::status::{End, Ending, Heard, ItemState, Line, Reader, Said};
use rustix::process::{Pid, Signal, kill_process};

/// The bound of every wait for something that takes less: machines are shared, and User-Mode Linux is slow.
pub(crate) const BOUND: Duration = secs(60);

/// The program.
pub(crate) fn program() -> PathBuf {
    std::env::var_os("CHAOS_TEST_AGENT")
        .map_or_else(|| env!("CARGO_BIN_EXE_chaos-agent").into(), PathBuf::from)
}

/// A copy of it that every user may start: where cargo builds, not everybody may go.
pub(crate) fn program_for_all() -> PathBuf {
    static COPY: OnceLock<tempfile::TempDir> = OnceLock::new();
    let dir = COPY.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::copy(program(), dir.path().join("chaos-agent")).unwrap();
        dir
    });
    dir.path().join("chaos-agent")
}

#[expect(clippy::disallowed_methods, reason = "the agent is a program")]
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_remove(Spec::VARIABLE).stdin(Stdio::null());
    command
}

/// What the reader says, and every line that was news.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) reader: Reader,
    pub(crate) lines: Vec<Line>,
}

pub(crate) struct Agent {
    child: Child,
    log: Arc<Mutex<Log>>,
    errors: tempfile::NamedTempFile,
    last_words: tempfile::NamedTempFile,
    hears: Option<std::thread::JoinHandle<()>>,
}

impl Agent {
    pub(crate) fn start(spec: &Spec) -> Self {
        Self::start_by(command(program()), spec)
    }

    /// By a command that leads to the program.
    pub(crate) fn start_by(command: Command, spec: &Spec) -> Self {
        Self::start_with(command, &spec.encode().unwrap())
    }

    /// With this text in place of a spec.
    pub(crate) fn start_with(mut command: Command, spec: &str) -> Self {
        let errors = tempfile::NamedTempFile::new().unwrap();
        let last_words = tempfile::NamedTempFile::new().unwrap();
        // The agent may be a user's who owns nothing; Kubernetes' own file can be written by all.
        fs::set_permissions(last_words.path(), fs::Permissions::from_mode(0o666)).unwrap();
        let mut child = command
            .env(Spec::VARIABLE, spec)
            .env("CHAOS_AGENT_TERMINATION_LOG", last_words.path())
            .stdout(Stdio::piped())
            .stderr(File::options().append(true).open(errors.path()).unwrap())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Log::default()));
        let (out, heard) = (BufReader::new(child.stdout.take().unwrap()), Arc::clone(&log));
        let hears = std::thread::spawn(move || {
            for text in out.lines().map_while(Result::ok) {
                let mut log = heard.lock().unwrap();
                match log.reader.read(&text, Instant::now()) {
                    Heard::News(line) => log.lines.push(line),
                    other => panic!("{other:?}: {text}"),
                }
            }
        });
        Self { child, log, errors, last_words, hears: Some(hears) }
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap()
    }

    /// Waits until the log has it.
    pub(crate) fn wait_for<T>(&self, what: &str, seen: impl Fn(&Log) -> Option<T>) -> T {
        let since = Instant::now();
        loop {
            if let Some(seen) = seen(&self.log()) {
                return seen;
            }
            assert!(since.elapsed() < BOUND, "not within {BOUND:?}: {what}\n{}", self.said());
            std::thread::sleep(ms(2));
        }
    }

    /// The state of an item, when it is so.
    pub(crate) fn item(&self, number: u32, is_so: impl Fn(&ItemState) -> bool) -> ItemState {
        self.wait_for(&format!("item {number}"), |log| {
            log.reader.items().get(&number).copied().filter(|state| is_so(state)).cloned()
        })
    }

    pub(crate) fn in_force(&self, number: u32) -> String {
        match self.item(number, |state| !matches!(state, ItemState::Prepared { .. })) {
            ItemState::InForce { detail } => detail,
            other => panic!("{other:?}\n{}", self.said()),
        }
    }

    /// Waits until its time counts, by two heartbeats: with the first, not every item may have been told yet.
    pub(crate) fn counts(&self, lasting: Duration) {
        let counts = |line: &&Line| matches!(line.said, Said::Beat(beat) if u128::from(beat.left_ms) <= lasting.as_millis());
        self.wait_for("its time counts", |log| (log.lines.iter().filter(counts).count() > 1).then_some(()));
    }

    /// Everything that it said.
    pub(crate) fn said(&self) -> String {
        let lines: Vec<String> =
            self.log().lines.iter().map(|line| format!("{} {:?}", line.n, line.said)).collect();
        format!("{}\n{}", lines.join("\n"), self.errors())
    }

    pub(crate) fn errors(&self) -> String {
        fs::read_to_string(self.errors.path()).unwrap()
    }

    /// The guardian, which is the program's first process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The process below it, which injects.
    pub(crate) fn injector(&self) -> u32 {
        injector_of(self.pid())
    }

    pub(crate) fn send(&self, signal: Signal) {
        send(self.pid(), signal);
    }

    /// Waits for the end: the exit code, or the signal that killed it as 128 and its number.
    pub(crate) fn code(&mut self) -> i32 {
        let since = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(since.elapsed() < BOUND, "it does not end\n{}", self.said());
            std::thread::sleep(ms(2));
        };
        // The pipe's end may be held by nobody else.
        self.hears.take().unwrap().join().unwrap();
        status.code().unwrap_or_else(|| 128 + status.signal().unwrap())
    }

    /// Waits for the end, which must be this one, said in all three ways, with no line lost.
    pub(crate) fn ends(&mut self, why: Ending) -> End {
        let code = self.code();
        let end =
            self.log().reader.end().cloned().unwrap_or_else(|| panic!("no end, {code}\n{}", self.said()));
        assert_eq!((end.why, i32::from(end.code)), (why, code), "{}", self.said());
        assert_eq!(i32::from(why.code()), code);
        assert!(self.log().reader.missing().is_empty());
        let words: End = serde_json::from_str(&self.last_words()).unwrap();
        assert_eq!(words, end);
        end
    }

    pub(crate) fn last_words(&self) -> String {
        fs::read_to_string(self.last_words.path()).unwrap()
    }

    /// Waits for the end of one that was killed, which says nothing more; its guardian has taken all back.
    pub(crate) fn was_killed(&mut self) {
        assert_eq!(self.code(), i32::from(Ending::Killed.code()), "{}", self.said());
        assert!(self.log().reader.end().is_none());
        assert!(self.last_words().contains("killed"), "{}", self.last_words());
    }

    /// The same for one that was killed with its guardian, which nobody tells of.
    pub(crate) fn was_killed_whole(&mut self) {
        assert_eq!(self.code(), 128 + 9, "{}", self.said());
        assert!(self.log().reader.end().is_none());
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if self.hears.is_none() {
            return;
        }
        // A test that failed: it takes everything back, and is killed if it does not.
        if let Some(pid) = Pid::from_raw(self.child.id().try_into().unwrap()) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let since = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && since.elapsed() < secs(20) {
            std::thread::sleep(ms(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn injector_of(first: u32) -> u32 {
    children_of(first).into_iter().min().unwrap()
}

pub(crate) fn children_of(parent: u32) -> Vec<u32> {
    let pids =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let of =
            stat.rsplit_once(')').and_then(|(_, rest)| rest.split_ascii_whitespace().nth(1)?.parse().ok());
        of == Some(parent)
    })
    .collect()
}

pub(crate) fn send(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), signal).unwrap();
}

pub(crate) fn wait_until(what: &str, done: impl Fn() -> bool) -> Duration {
    let since = Instant::now();
    while !done() {
        assert!(since.elapsed() < BOUND, "not within {BOUND:?}: {what}");
        std::thread::sleep(ms(2));
    }
    since.elapsed()
}
