use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chaos_core::Owner;

use super::*;

fn line(start: u64, n: u64, said: Said) -> String {
    let start = format!("{start:012x}-{:016x}", 0).parse().unwrap();
    serde_json::to_string(&Line { start, n, ms: 7, said }).unwrap()
}

fn beat(in_force: u32) -> Said {
    Said::Beat(Beat { left_ms: 5, in_force })
}

fn item(number: u32, state: ItemState) -> Said {
    Said::Item(ItemStatus { number, state })
}

fn absent(detail: &str) -> ItemState {
    ItemState::Absent { detail: detail.to_owned() }
}

#[test]
fn every_line_survives_json() {
    let hello = Hello {
        agent: "0.1.0".into(),
        run: chaos_core::ledger::RunId::fresh(),
        items: 1,
        left_ms: 60_000,
        seed: u64::MAX,
        restarts: 0,
        kernel: "6.18".into(),
        works: vec!["nf_tables".into()],
        missing: [("netem".to_owned(), "no \"module\"".to_owned())].into(),
    };
    let plan = ItemState::Prepared { target: "net:[1]".into(), plan: "delay".into(), owner: Owner::Kernel };
    for said in [
        Said::Hello(hello),
        Said::Swept { summary: "clean".into(), clean: true },
        item(3, plan),
        item(3, ItemState::InForce { detail: "line\nline".into() }),
        item(3, absent("")),
        item(3, ItemState::Reverted { detail: String::new() }),
        item(3, ItemState::Failed { error: "e".into() }),
        item(3, ItemState::Left { error: "e".into() }),
        item(3, ItemState::Skipped { why: "e".into() }),
        beat(2),
        Said::Order { n: None, order: "stop".into(), refused: None },
        Said::Order { n: Some(3), order: "stop".into(), refused: Some("wrong token".into()) },
        Said::End(End { why: Ending::Left, code: 5, detail: String::new(), left: vec!["x".into()] }),
    ] {
        let text = line(1, 4, said.clone());
        assert!(!text.contains('\n'));
        assert_eq!(serde_json::from_str::<Line>(&text).unwrap().said, said, "{text}");
    }
}

#[test]
fn lines_that_come_again_and_late_are_told_apart() {
    let now = Instant::now();
    let mut reader = Reader::default();
    let mut read = |n: u64| matches!(reader.read(&line(1, n, beat(1)), now), Heard::News(_));
    assert!(read(1) && read(2) && !read(1) && read(5) && read(9) && !read(5) && read(4));
    assert_eq!(reader.missing(), [3..=3, 6..=8]);
    let mut read = |n: u64| matches!(reader.read(&line(1, n, beat(1)), now), Heard::News(_));
    assert!(read(3) && read(7) && read(8) && read(6) && !read(3));
    assert_eq!(reader.missing(), []);
    assert!(matches!(reader.read(&line(1, u64::MAX, beat(1)), now), Heard::News(_)));
    assert_eq!(reader.missing(), [10..=u64::MAX - 1]);
}

#[test]
fn the_latest_word_holds_whatever_the_order_of_the_lines() {
    let now = Instant::now();
    let mut reader = Reader::default();
    reader.read(&line(1, 6, item(0, absent("late"))), now);
    reader.read(&line(1, 8, beat(3)), now);
    reader.read(&line(1, 4, item(0, absent("early"))), now);
    reader.read(&line(1, 7, beat(2)), now);
    assert_eq!(reader.items()[&0], &absent("late"));
    assert_eq!(reader.beat().unwrap().in_force, 3);
    // The agent is started again: what the one before said is over.
    reader.read(&line(2, 1, beat(0)), now);
    assert!(reader.items().is_empty());
    assert_eq!((reader.starts(), reader.missing()), (2, vec![]));
    let end = End { why: Ending::Over, code: 0, detail: String::new(), left: Vec::new() };
    reader.read(&line(1, 9, Said::End(end.clone())), now);
    assert_eq!(reader.end(), None);
    reader.read(&line(2, 2, Said::End(end.clone())), now);
    assert_eq!(reader.end(), Some(&end));
}

#[test]
fn silence_and_noise() {
    let begun = Instant::now();
    let at = |seconds: u64| begun + Duration::from_secs(seconds);
    let mut reader = Reader::default();
    assert!(!reader.is_silent(at(100)), "an agent that has not begun");
    for noise in
        ["", "panicked at", "{", r#"{"start":"x","n":1,"ms":1,"beat":{}}"#, r#"{"n":1}"#, "[]", "\u{0}"]
    {
        assert_eq!(reader.read(noise, at(0)), Heard::Noise, "{noise}");
    }
    assert_eq!(reader.noise(), 6);
    let unknown = line(1, 3, beat(1)).replace("\"beat\"", "\"later\"");
    assert_eq!(reader.read(&unknown, at(0)), Heard::Noise);
    let text = line(1, 1, beat(1));
    reader.read(&text, at(0));
    assert!(!reader.is_silent(at(5)) && reader.is_silent(at(6)));
    reader.read(&text, at(6));
    assert!(reader.is_silent(at(6)), "the same line again is no life");
    reader.read(&line(1, 2, beat(1)), at(7));
    assert_eq!(reader.silent_for(at(9)), Some(Duration::from_secs(2)));
    let end = End { why: Ending::Over, code: 0, detail: String::new(), left: Vec::new() };
    reader.read(&line(1, 3, Said::End(end)), at(7));
    assert!(!reader.is_silent(at(100)), "it has said that it ends");
}

/// A log that takes nothing for a while.
struct Stuck(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_log_that_nobody_reads_holds_nothing_up_and_the_gap_is_seen() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let writer = Writer::to(Stuck(Arc::clone(&log))).unwrap();
    let held = log.lock().unwrap();
    for _ in 0..10_000 {
        writer.say(beat(1));
    }
    drop(held);
    // What waits is written now; then there is room again.
    let until = Instant::now() + Duration::from_secs(20);
    while log.lock().unwrap().iter().filter(|byte| **byte == b'\n').count() < 4096 {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(1));
    }
    writer.say(beat(2));
    writer.finish(Duration::from_secs(20));
    let mut reader = Reader::default();
    let text = String::from_utf8(log.lock().unwrap().clone()).unwrap();
    text.lines().for_each(|line| drop(reader.read(line, Instant::now())));
    assert_eq!(reader.beat().unwrap().in_force, 2);
    let missing = reader.missing();
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert_eq!(*missing[0].end(), 10_000);
}
