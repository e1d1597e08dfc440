//! [`Controller`]: this program once more, as the controller of a fault, to be killed.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

/// Tells this program to be a controller: which one, and on what.
const CONTROLLER: &str = "CHAOS_TEST_CONTROLLER";

pub(crate) struct Controller {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

/// Which controller this process is to be, and on what; none where it is the test itself.
pub(crate) fn asked() -> Option<(String, String)> {
    let asked = std::env::var(CONTROLLER).ok()?;
    let (which, on) = asked.split_once(' ').unwrap();
    Some((which.to_owned(), on.to_owned()))
}

/// Says that it waits, and does until it may [go](Controller::go) on.
pub(crate) fn wait_for_that(what: &str) {
    println!("waits: {what}");
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

impl Controller {
    pub(crate) fn new(which: &str, on: &str) -> Self {
        #[expect(clippy::disallowed_methods, reason = "a process to be killed")]
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env(CONTROLLER, format!("{which} {on}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next line that it prints; none once it has ended.
    pub(crate) fn line(&mut self) -> Option<String> {
        self.lines.next().map(Result::unwrap)
    }

    /// What it says after `word`.
    pub(crate) fn says(&mut self, word: &str) -> String {
        while let Some(line) = self.line() {
            if let Some(said) = line.strip_prefix(word).and_then(|rest| rest.strip_prefix(": ")) {
                return said.to_owned();
            }
        }
        panic!("the controller ended with {}, and has not said {word:?}", self.ended())
    }

    /// Lets one go on that waits for that.
    pub(crate) fn go(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.ended();
    }

    pub(crate) fn ended(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
