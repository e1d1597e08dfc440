//! The stressor's process: it joins its cgroup, takes what is asked, says what it achieves, and ends with its pipe.

mod cpu;
mod disk;
mod io;
mod memory;
mod noise;
mod recent;
mod tables;
mod told;
mod unnamed;

use std::io::{Stdin, Write};
use std::process::exit;
use std::time::{Duration, Instant};
use std::{fs, io as std_io, panic, thread};

use chaos_core::guardian::child;
use chaos_core::units::ms;
use rustix::process::{Signal, set_parent_process_death_signal, setsid};

use told::{Pipe, Told};

use super::wire::{ASKED, Last, Level, Orders, Said, VERSION, Work};

/// How often it says what it achieves.
const SAYS: Duration = ms(500);
/// The same, until it holds all that was asked.
const SAYS_FIRST: Duration = ms(50);
/// Deadlines beyond this are as good as none: a year.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

type Result<T> = std::result::Result<T, String>;
/// Looks at what is achieved.
type Look = Box<dyn FnMut() -> Level + Send>;

/// In a process that was started as a stressor it never returns.
pub(crate) fn run_if_asked() {
    if !child::is_asked(ASKED) {
        return;
    }
    let ended = run();
    if let Err(why) = &ended {
        say(&Said::Failed(why.clone()));
    }
    exit(i32::from(ended.is_err()));
}

fn run() -> Result<()> {
    // Before the first word: whoever hears it may count on it.
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|errno| format!("no parent-death signal: {errno}"))?;
    // Ctrl-C in a terminal is for the injector. It fails where we lead a session already.
    let _ = setsid();
    panic::set_hook(Box::new(|info| {
        say(&Said::Failed(info.to_string().replace('\n', ": ")));
        exit(1);
    }));
    say(&Said::Ready(VERSION));
    let mut pipe = Pipe::new(std_io::stdin());
    let line = match pipe.next(after(u64::MAX)).map_err(|err| format!("no orders: {err}"))? {
        Told::Line(line) => line,
        Told::End | Told::Nothing => return Ok(()),
    };
    let orders: Orders =
        serde_json::from_slice(&line).map_err(|err| format!("the orders cannot be read: {err}"))?;
    let most = after(orders.ends_after_ms.unwrap_or(u64::MAX));
    let until = after(orders.lasting_ms).min(most);
    orders
        .cgroup
        .join()
        .map_err(|err| format!("cannot join {}: {err}", orders.cgroup.dirs().main().display()))?;
    fs::write("/proc/self/oom_score_adj", orders.oom_score_adj.to_string())
        .map_err(|err| format!("oom_score_adj cannot be set: {err}"))?;
    let asked = orders.work.asked();
    let look = start(orders.work)?;
    spawn("says", move || tell(look, asked))?;
    wait_for_end(&mut pipe, until, most).map_err(|err| format!("the pipe cannot be watched: {err}"))
}

fn start(work: Work) -> Result<Look> {
    match work {
        Work::Cpu { threads, percent, load, seed } => cpu::start(threads, percent / 100.0, load, seed),
        Work::Memory { bytes, per_second, touched_every_ms, cache_in: None } => {
            memory::start(bytes, per_second, Duration::from_millis(touched_every_ms))
        }
        Work::Memory { bytes, per_second, touched_every_ms, cache_in: Some(dir) } => {
            memory::start_cache(&dir, bytes, per_second, Duration::from_millis(touched_every_ms))
        }
        Work::Io { dir, read, written, synced, file } => io::start(&dir, [read, written, synced], file),
        Work::Descriptors { count } => tables::descriptors(count),
        Work::Tasks { count } => tables::tasks(count),
        Work::Inodes { dir, count } => tables::inodes(dir, count),
        Work::Disk { dir, bytes } => disk::start(&dir, bytes),
    }
}

fn tell(mut look: Look, asked: u64) {
    loop {
        let level = look();
        let is_held = matches!(level, Level::Held { .. });
        thread::sleep(if is_held && !level.is_reached(asked) { SAYS_FIRST } else { SAYS });
        say(&Said::Level(look()));
    }
}

/// Returns at the end of the pipe: the injector is dead or wants us to end; or when the time is over, which the injector may
/// change, up to `most`.
fn wait_for_end(pipe: &mut Pipe<Stdin>, mut until: Instant, most: Instant) -> std_io::Result<()> {
    let mut heeded = 0;
    loop {
        match pipe.next(until)? {
            Told::Line(line) => {
                if let Ok(Last(millis)) = serde_json::from_slice(&line) {
                    until = after(millis).min(most);
                    heeded += 1;
                    say(&Said::Lasts(heeded));
                }
            }
            Told::End | Told::Nothing => return Ok(()),
        }
    }
}

fn after(millis: u64) -> Instant {
    Instant::now() + Duration::from_millis(millis).min(LONGEST)
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
    thread::Builder::new()
        .name(format!("chaos-{name}"))
        .spawn(work)
        .map(drop)
        .map_err(|err| format!("no thread can be made: {err}"))
}

/// One line. Without a reader there is no injector, and nothing to be here for.
fn say(said: &Said) {
    let Ok(mut line) = serde_json::to_vec(said) else { exit(1) };
    line.push(b'\n');
    let mut out = std_io::stdout().lock();
    if out.write_all(&line).and_then(|()| out.flush()).is_err() {
        exit(1);
    }
}
