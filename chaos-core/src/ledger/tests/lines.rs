use std::ops::Range;

use proptest::prelude::*;

use super::entry;
use crate::ledger::format::{Contents, Head, Header, Line, Record, checked, decode};
use crate::ledger::run_id::RunId;

/// A file with its lines: where each lies, with the newline before and behind it, and what it says.
struct Written {
    run: RunId,
    bytes: Vec<u8>,
    header: usize,
    lines: Vec<(Range<usize>, Line)>,
}

fn written() -> Written {
    let run = RunId::fresh();
    let record = |seq: u64| Line::Record(Record { seq, at_ns: seq, entry: entry(&format!("target {seq}")) });
    let said = [
        record(1),
        record(2),
        record(3),
        Line::Strike(vec![2]),
        record(4),
        Line::Strike(vec![1, 4]),
        record(5),
    ];
    let mut bytes = Header::of_this_process(run).encode().unwrap().into_bytes();
    let header = bytes.len();
    let lines = said.map(|line| {
        let start = bytes.len();
        bytes.extend(line.encode(run).unwrap().into_bytes());
        (start..bytes.len(), line)
    });
    Written { run, bytes, header, lines: lines.into() }
}

/// What is open after these lines, by the meaning of the words alone.
fn replay<'a>(lines: impl IntoIterator<Item = &'a Line>) -> Vec<u64> {
    let mut open = Vec::new();
    for line in lines {
        match line {
            Line::Record(record) => open.push(record.seq),
            Line::Strike(struck) => open.retain(|seq| !struck.contains(seq)),
        }
    }
    open
}

/// The open numbers, after a look that each entry is what was written.
fn open(contents: &Contents) -> Vec<u64> {
    for (seq, record) in &contents.open {
        let target = format!("target {seq}");
        assert_eq!((record.entry.target(), record.entry.undo_json()), (&*target, entry(&target).undo_json()));
    }
    contents.open.keys().copied().collect()
}

#[test]
fn what_was_written_is_read() {
    let file = written();
    let contents = decode(file.run, &file.bytes);
    assert_eq!(open(&contents), [3, 5]);
    assert!(matches!(contents.head, Head::Ours(_)) && contents.damaged.is_empty());
    assert_eq!(contents.end, file.bytes.len() as u64);
}

#[test]
fn every_prefix_says_what_its_whole_lines_say_and_nothing_is_damaged() {
    let file = written();
    for len in 0..=file.bytes.len() {
        let contents = decode(file.run, &file.bytes[..len]);
        // The newline behind a line may be missing: its checksum passes.
        let whole = file.lines.iter().filter(|(span, _)| span.end - 1 <= len).map(|(_, line)| line);
        assert_eq!(open(&contents), replay(whole), "{len} bytes");
        assert_eq!(contents.damaged, [] as [usize; 0], "{len} bytes");
        assert!(contents.end <= len as u64);
        match contents.head {
            Head::Ours(_) => assert!(len >= file.header - 1, "{len} bytes"),
            Head::Unfinished => assert!(len < file.header - 1, "{len} bytes"),
            other => panic!("{len} bytes: {other:?}"),
        }
    }
}

#[test]
fn a_torn_file_takes_new_lines_behind_its_readable_end() {
    let file = written();
    let last = replay(file.lines.iter().map(|(_, line)| line));
    for len in file.header..=file.bytes.len() {
        let end = decode(file.run, &file.bytes[..len]).end as usize;
        let mut bytes = file.bytes[..end].to_vec();
        bytes.extend(Line::Strike(last.clone()).encode(file.run).unwrap().into_bytes());
        let contents = decode(file.run, &bytes);
        assert_eq!(contents.damaged, [] as [usize; 0], "{len} bytes");
        assert!(open(&contents).iter().all(|seq| !last.contains(seq)), "{len} bytes");
    }
}

#[test]
fn every_flipped_bit_costs_its_own_line_and_is_reported() {
    let file = written();
    for at in 0..file.bytes.len() {
        for bit in 0..8 {
            let mut bytes = file.bytes.clone();
            bytes[at] ^= 1 << bit;
            let contents = decode(file.run, &bytes);
            let others = file.lines.iter().filter(|(span, _)| !span.contains(&at)).map(|(_, line)| line);
            let place = format!("bit {bit} of byte {at}");
            if at == file.bytes.len() - 1 {
                // The last newline says nothing that the checksum does not.
                assert_eq!(open(&contents), [3, 5], "{place}");
                continue;
            }
            assert_eq!(open(&contents), replay(others), "{place}");
            if at < file.header {
                assert!(matches!(contents.head, Head::Damaged), "{place}");
            } else {
                assert!(matches!(contents.head, Head::Ours(_)), "{place}");
                assert!(!contents.damaged.is_empty(), "{place}");
            }
        }
    }
}

#[test]
fn damaged_lines_are_counted_from_1_as_an_editor_does() {
    let mut file = written();
    let (span, _) = &file.lines[1];
    file.bytes[span.start + 20] ^= 1;
    // Header, blank, record 1, blank, record 2.
    let lines_before = file.bytes[..span.start + 1].iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(decode(file.run, &file.bytes).damaged, [lines_before + 1]);
}

#[test]
fn a_file_under_another_name_is_not_believed() {
    let file = written();
    let contents = decode(RunId::fresh(), &file.bytes);
    assert!(contents.open.is_empty() && matches!(contents.head, Head::Damaged));
    assert_eq!(contents.damaged.len(), file.lines.len());
}

#[test]
fn another_version_is_named_and_not_read() {
    let mut file = written();
    let header = checked("header", file.run, r#"{"ledger":2,"new":"field"}"#);
    file.bytes.splice(..file.header - 1, header.into_bytes());
    let contents = decode(file.run, &file.bytes);
    assert!(matches!(contents.head, Head::OtherVersion(2)));
    assert!(contents.open.is_empty() && contents.damaged.is_empty());
}

#[test]
fn a_number_that_is_recorded_twice_is_damage() {
    let file = written();
    let again = Line::Record(Record { seq: 5, at_ns: 9, entry: entry("another") }).encode(file.run).unwrap();
    let contents = decode(file.run, &[file.bytes, again.into_bytes()].concat());
    assert_eq!((open(&contents), contents.damaged.len()), (vec![3, 5], 1));
}

#[test]
fn zeros_where_a_file_was_are_damage_and_not_an_unfinished_header() {
    let run = RunId::fresh();
    assert!(matches!(decode(run, &[0; 300]).head, Head::Damaged));
    assert!(matches!(decode(run, &[b'a'; 2000]).head, Head::Damaged));
    assert!(matches!(decode(run, b"").head, Head::Unfinished));
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let contents = decode(RunId::fresh(), &bytes);
        prop_assert!(contents.open.is_empty() && contents.end <= bytes.len() as u64);
    }

    #[test]
    fn any_damage_never_invents_an_entry(from in 0..3000usize, junk in proptest::collection::vec(any::<u8>(), 0..64)) {
        let file = written();
        let from = from.min(file.bytes.len());
        let to = (from + junk.len()).min(file.bytes.len());
        let mut bytes = file.bytes;
        bytes.splice(from..to, junk);
        let contents = decode(file.run, &bytes);
        // `open` compares each entry with what was written under its number.
        prop_assert!(open(&contents).iter().all(|seq| (1..=5).contains(seq)));
    }
}
