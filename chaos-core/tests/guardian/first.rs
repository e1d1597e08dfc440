//! The guardian as the first process, of a pid namespace where that can be made, and of nothing but its children.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Instant;

use chaos_core::units::ms;
use rustix::process::Signal;

use crate::injector::WRONG;
use crate::place::{Injector, Place, children_of, runs, send, wait_until};
use crate::{AS_INIT, LEFT, PUT_BACK, SAYS_MORE, Test};

pub(crate) const TESTS: &[Test] = &[
    ("the_first_process_takes_a_killed_injector_back", || each(killed)),
    ("the_first_process_takes_a_stopped_injector_back_at_the_deadline", || each(stopped)),
    ("the_first_process_ends_a_stopped_injector_that_is_there_for_its_faults_alone", || each(ended)),
    ("the_first_process_can_say_by_its_end_what_became_of_the_faults", || each(says_more)),
    ("the_first_process_passes_signals_on", || each(told)),
    ("an_injector_that_does_not_heed_sigterm_is_taken_back_meanwhile", || each(does_not_heed)),
    ("at_the_normal_end_the_first_process_ends_as_its_child_did", || each(normal_end)),
    ("the_first_process_takes_the_ends_of_orphans", || each(orphans)),
    ("the_first_process_is_not_its_child_s_badness", || each(badness)),
];

/// How a program comes to be a first process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It has the number 1, in a pid namespace of its own.
    Numbered,
    /// It says so.
    Said,
}

fn each(test: fn(Way)) {
    test(Way::Said);
    match no_namespace() {
        None => test(Way::Numbered),
        Some(reason) => {
            let demanded = std::env::var("CHAOS_REQUIRE").unwrap_or_default();
            assert!(!demanded.split(',').any(|name| name.trim() == "root"), "{reason}");
            println!("not run: the part in a pid namespace: {reason}");
        }
    }
}

fn unshare() -> Command {
    #[expect(clippy::disallowed_methods, reason = "a container in small")]
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child"]);
    command
}

fn no_namespace() -> Option<String> {
    match unshare().arg("true").stderr(Stdio::null()).status() {
        Ok(status) if status.success() => None,
        Ok(_) => Some("no right to make a pid namespace".to_owned()),
        Err(error) => Some(format!("no unshare ({error})")),
    }
}

/// A first process with an injector below it that has its faults in force.
struct Contained {
    place: Place,
    outside: Injector,
    first: u32,
    injector: u32,
    way: Way,
}

impl Contained {
    fn new(way: Way, job: &str) -> Self {
        Self::with(way, job, AS_INIT)
    }

    fn with(way: Way, job: &str, variable: &str) -> Self {
        let place = Place::new();
        let own = std::env::current_exe().unwrap();
        let command = match way {
            Way::Numbered => {
                let mut command = unshare();
                command.arg(own);
                if variable != AS_INIT {
                    command.env(variable, "1");
                }
                command
            }
            Way::Said => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "processes that die are the point of this test"
                )]
                let mut command = Command::new(own);
                command.env(variable, "1");
                command
            }
        };
        let mut outside = place.start_as(command, job, &[]);
        outside.wait_for("in force");
        assert_eq!(fs::read_to_string(place.file(0)).unwrap(), WRONG);
        let only = |parent: u32| {
            let children = children_of(parent, |_| true);
            let [child] = children[..] else { panic!("one child of {parent}: {children:?}") };
            child
        };
        let first = if way == Way::Numbered { only(outside.pid()) } else { outside.pid() };
        let injector = oldest_child(first);
        Self { place, outside, first, injector, way }
    }

    /// What the first process calls itself.
    fn number_of_first(&self) -> u32 {
        if self.way == Way::Numbered { 1 } else { self.first }
    }

    /// Waits for the end, which must be this status.
    fn ends_with(&mut self, code: i32) {
        let status = self.outside.wait();
        assert_eq!(status.code(), Some(code), "{status:?} ({:?})", status.signal());
        self.place.wait_for_no_ledger();
    }

    fn is_taken_back_by_first(&self) {
        assert_eq!(self.place.reverted_by(), [self.number_of_first()], "{}", self.place.log());
    }
}

fn oldest_child(first: u32) -> u32 {
    children_of(first, |_| true).into_iter().min().unwrap()
}

fn killed(way: Way) {
    let mut took = Vec::new();
    for _ in 0..10 {
        let mut contained = Contained::new(way, "hold");
        assert!(children_of(contained.injector, |_| true).is_empty(), "no guardian below the injector");
        let since = Instant::now();
        send(contained.injector, Signal::KILL);
        took.push(contained.place.restored_after(since));
        contained.ends_with(128 + 9);
        contained.is_taken_back_by_first();
    }
    took.sort();
    println!("SIGKILL of an injector below its guardian ({way:?}): median {:?}, max {:?}", took[5], took[9]);
}

fn says_more(way: Way) {
    let mut contained = Contained::with(way, "hold", SAYS_MORE);
    send(contained.injector, Signal::KILL);
    contained.ends_with(PUT_BACK + 128 + 9);
    contained.is_taken_back_by_first();
    let mut contained = Contained::with(way, "hold", SAYS_MORE);
    // No file can be put there any more.
    let file = contained.place.file(0);
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    send(contained.injector, Signal::KILL);
    assert_eq!(contained.outside.wait().code(), Some(LEFT + 128 + 9));
}

fn stopped(way: Way) {
    let mut contained = Contained::new(way, "hold for 300 ms");
    send(contained.injector, Signal::STOP);
    contained.place.restored_after(Instant::now());
    send(contained.injector, Signal::CONT);
    contained.outside.tell();
    contained.outside.wait_for("reverted");
    contained.outside.tell();
    contained.ends_with(0);
}

fn ended(way: Way) {
    let mut contained = Contained::new(way, "hold for 300 ms or be ended");
    send(contained.injector, Signal::STOP);
    contained.place.restored_after(Instant::now());
    contained.ends_with(128 + 9);
    contained.is_taken_back_by_first();
    let log = contained.place.log();
    let order = ["the deadline has passed", "ends the injector", "the injector died", "swept"];
    let places: Vec<_> = order.iter().map(|word| log.find(word)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{log}");
}

fn told(way: Way) {
    let mut contained = Contained::new(way, "hold");
    send(contained.first, Signal::TERM);
    contained.place.restored_after(Instant::now());
    contained.ends_with(128 + 15);
    contained.is_taken_back_by_first();
}

fn does_not_heed(way: Way) {
    let mut contained = Contained::new(way, "hold whatever comes");
    send(contained.first, Signal::TERM);
    let took = contained.place.restored_after(Instant::now());
    println!("SIGTERM that is not heeded ({way:?}): restored after {took:?}");
    assert!(runs(contained.injector));
    // Its input came through.
    contained.outside.tell();
    contained.outside.wait_for("reverted");
    contained.outside.tell();
    contained.ends_with(0);
}

fn normal_end(way: Way) {
    let mut contained = Contained::new(way, "hold");
    contained.outside.tell();
    contained.outside.wait_for("reverted");
    contained.outside.tell();
    contained.ends_with(0);
    let by = contained.place.reverted_by();
    assert!(by.len() == 1 && by[0] != contained.number_of_first(), "{by:?}");
}

fn orphans(way: Way) {
    let mut contained = Contained::new(way, "hold and leave orphans");
    wait_until("only the injector is left", || {
        children_of(contained.first, |_| true) == [contained.injector]
    });
    std::thread::sleep(ms(10));
    assert!(runs(contained.first) && runs(contained.injector));
    send(contained.injector, Signal::KILL);
    contained.ends_with(128 + 9);
}

/// Of the two, the kernel that is out of memory must take the injector.
fn badness(way: Way) {
    let mut contained = Contained::new(way, "hold");
    let of = |pid: u32| -> i32 {
        fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap().trim().parse().unwrap()
    };
    assert_eq!(of(contained.injector), of(std::process::id()));
    assert!(of(contained.first) <= of(contained.injector));
    send(contained.injector, Signal::KILL);
    contained.ends_with(128 + 9);
}
