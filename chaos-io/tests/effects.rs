//! Each effect, in each direction it has.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{self, ErrorKind, IoSlice, SeekFrom};

use chaos_core::{Chaos, Delay, Point, Rule, units::secs};
use chaos_io::{ChaosReader, ChaosStream, ChaosWriter, Injected, Io, IoKind, Keep, kind, offset, path};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufWriter};

fn point(rule: Rule<Io>) -> (Point<Io>, chaos_core::Armed<Io>) {
    let point = Chaos::seeded(7).point("here").unwrap();
    let armed = point.arm(rule).unwrap();
    (point, armed)
}

/// What is read of ten digits, in reads of `size`.
async fn read(rule: Rule<Io>, size: usize) -> (Vec<u8>, Vec<usize>) {
    let (point, _armed) = point(rule);
    let mut reader = ChaosReader::new(&b"0123456789"[..], point);
    let (mut got, mut sizes) = (Vec::new(), Vec::new());
    loop {
        let mut buf = vec![0; size];
        let bytes = reader.read(&mut buf).await.unwrap();
        if bytes == 0 {
            return (got, sizes);
        }
        got.extend_from_slice(&buf[..bytes]);
        sizes.push(bytes);
    }
}

/// What arrives of writes, and their answers.
async fn write(rule: Rule<Io>, writes: &[&[u8]]) -> (Vec<u8>, Vec<Result<usize, ErrorKind>>) {
    let (point, _armed) = point(rule);
    let mut writer = ChaosWriter::new(Vec::new(), point);
    let mut answers = Vec::new();
    for buf in writes {
        answers.push(writer.write(buf).await.map_err(|err| err.kind()));
    }
    (writer.into_inner(), answers)
}

#[tokio::test]
async fn short() {
    let rule = || chaos_io::short(4).unwrap();
    assert_eq!(read(rule(), 8).await, (b"0123456789".to_vec(), vec![4, 4, 2]));
    assert_eq!(write(rule(), &[b"abcdef", b"gh"]).await, (b"abcdgh".to_vec(), vec![Ok(4), Ok(2)]));
    let (point, _armed) = point(rule());
    let mut writer = ChaosWriter::new(Vec::new(), point);
    let bufs = [IoSlice::new(b"abc"), IoSlice::new(b""), IoSlice::new(b"def")];
    assert_eq!(writer.write_vectored(&bufs).await.unwrap(), 4);
    assert_eq!(writer.get_ref(), b"abcd");
}

#[tokio::test]
async fn an_end_that_is_none() {
    assert_eq!(read(chaos_io::eof().nth("2").unwrap(), 4).await, (b"0123".to_vec(), vec![4]));
    let (point, armed) = point(chaos_io::eof());
    let mut reader = ChaosReader::new(&b"0123"[..], point);
    assert_eq!(reader.read(&mut [0; 8]).await.unwrap(), 0);
    assert_eq!(reader.fill_buf().await.unwrap(), b"");
    armed.revert();
    assert_eq!(reader.fill_buf().await.unwrap(), b"0123");
}

#[tokio::test]
async fn torn_writes() {
    let kept = |keep| chaos_io::torn(keep).nth("2").unwrap();
    let writes: [&[u8]; 3] = [b"abc", b"defghi", b"jk"];
    let all = vec![Ok(3), Ok(6), Ok(2)];
    assert_eq!(write(kept(Keep::bytes(2)), &writes).await, (b"abcdejk".to_vec(), all.clone()));
    assert_eq!(write(kept(Keep::bytes(0)), &writes).await, (b"abcjk".to_vec(), all.clone()));
    let half = Keep::fraction(0.5).unwrap();
    assert_eq!(write(kept(half), &writes).await, (b"abcdefjk".to_vec(), all.clone()));
    let (random, answers) = write(kept(Keep::random()), &writes).await;
    assert_eq!(answers, all);
    assert!(random.starts_with(b"abc") && random.ends_with(b"jk") && random.len() < 11, "{random:?}");
    let failing = chaos_io::torn_with_error(Keep::bytes(1), ErrorKind::Other).nth("2").unwrap();
    assert_eq!(
        write(failing, &writes).await,
        (b"abcdjk".to_vec(), vec![Ok(3), Err(ErrorKind::Other), Ok(2)])
    );
}

#[tokio::test]
async fn corrupted_bytes() {
    let rot = || chaos_io::replace_range(3, "XY").unwrap();
    for size in 1..11 {
        assert_eq!(read(rot(), size).await.0, b"012XY56789");
    }
    assert_eq!(write(rot(), &[b"0123", b"4567"]).await.0, b"012XY567");
    let ones = |bytes: &[u8]| bytes.iter().zip(b"0123456789").map(|(a, b)| (a ^ b).count_ones()).sum::<u32>();
    for rule in [chaos_io::flip(3).unwrap(), chaos_io::corrupt(0.8).unwrap()] {
        let (once, again) = (read(rule.clone(), 10).await.0, read(rule.clone(), 10).await.0);
        assert_eq!((once.len(), &once), (10, &again));
        assert!((1..=10).contains(&ones(&once)), "{once:?}");
        let (written, answers) = write(rule, &[b"0123456789"]).await;
        assert_eq!((written.len(), answers), (10, vec![Ok(10)]));
        assert!((1..=10).contains(&ones(&written)), "{written:?}");
    }
    assert_eq!(ones(&read(chaos_io::flip(3).unwrap(), 10).await.0), 3);
}

#[tokio::test]
async fn places_are_counted_from_where_the_object_stands() {
    let (point, _armed) = point(chaos_io::replace_range(103, "X").unwrap());
    let mut reader = ChaosReader::new(&b"0123456789"[..], point).at_offset(100);
    let mut all = Vec::new();
    reader.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, b"012X456789");
}

#[tokio::test]
async fn duplicated_bytes() {
    let twice = || chaos_io::duplicate().nth("1").unwrap();
    assert_eq!(read(twice(), 4).await, (b"01230123456789".to_vec(), vec![4, 4, 4, 2]));
    assert_eq!(write(twice(), &[b"abc", b"de"]).await, (b"abcabcde".to_vec(), vec![Ok(3), Ok(2)]));
}

#[tokio::test]
async fn a_full_disk() {
    let (got, answers) = write(chaos_io::disk_full(5), &[b"abc", b"def", b"g", b""]).await;
    assert_eq!(got, b"abcde");
    assert_eq!(answers, [Ok(3), Ok(2), Err(ErrorKind::StorageFull), Ok(0)]);

    // One disk for all who write to it, and room again after the revert.
    let (point, armed) = point(chaos_io::disk_full(5));
    let mut one = ChaosWriter::new(Vec::new(), point.clone());
    let mut two = ChaosWriter::new(Vec::new(), point.clone());
    one.write_all(b"abcd").await.unwrap();
    let err = two.write_all(b"efg").await.unwrap_err();
    assert_eq!((two.get_ref().as_slice(), err.kind()), (&b"e"[..], ErrorKind::StorageFull));
    armed.revert();
    two.write_all(b"fg").await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_full_disk_says_enospc() {
    let (point, _armed) = point(chaos_io::disk_full(0));
    let err = ChaosWriter::new(Vec::new(), point).write(b"x").await.unwrap_err();
    assert_eq!(err.raw_os_error(), Some(28));
}

#[tokio::test]
async fn errors_say_who_made_them() {
    let (point, _armed) = point(chaos_io::error(ErrorKind::TimedOut).named("flaky disk").unwrap());
    let mut reader = ChaosReader::new(&b"0123"[..], point);
    let err = reader.read(&mut [0; 4]).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::TimedOut);
    let injected = Injected::find(&err).unwrap();
    assert_eq!((injected.rule(), injected.point(), injected.errno()), (Some("flaky disk"), "here", 110));
    assert_eq!(reader.get_ref(), b"0123");
}

#[tokio::test]
async fn errno_is_the_system_s_own() {
    let (point, _armed) = point(chaos_io::errno(5).unwrap());
    let err = ChaosReader::new(&b"0123"[..], point).read(&mut [0; 4]).await.unwrap_err();
    assert_eq!(err.raw_os_error(), Some(5));
}

#[tokio::test]
async fn a_lost_flush_loses_what_a_buffer_holds() {
    let (point, armed) = point(chaos_io::lost_flush());
    let mut writer = ChaosWriter::new(BufWriter::new(Vec::new()), point);
    writer.write_all(b"abc").await.unwrap();
    writer.flush().await.unwrap();
    assert_eq!(writer.get_ref().get_ref(), b"");
    assert_eq!(armed.hits(), 1);
}

#[tokio::test]
async fn a_lost_flush_shows_on_reopen() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("wal");
    let (point, armed) = point(chaos_io::lost_flush().when(path(&file).unwrap()).nth("2").unwrap());
    {
        let inner = tokio::fs::File::create(&file).await.unwrap();
        let mut wal = ChaosWriter::new(inner, point).named(&file).write_back(1 << 16);
        for record in ["one\n", "two\n"] {
            wal.write_all(record.as_bytes()).await.unwrap();
            wal.flush().await.unwrap();
        }
        assert_eq!(wal.unwritten(), 4);
        // The program dies here.
    }
    assert_eq!(armed.hits(), 1);
    assert_eq!(tokio::fs::read_to_string(&file).await.unwrap(), "one\n");
}

#[tokio::test]
async fn a_cache_holds_no_more_than_it_may_and_closing_writes_it() {
    let chaos = Chaos::seeded(7);
    let mut writer = ChaosWriter::new(Vec::new(), chaos.point("here").unwrap()).write_back(4);
    writer.write_all(b"abcdef").await.unwrap();
    assert_eq!((writer.get_ref().as_slice(), writer.unwritten()), (&b"abcd"[..], 2));
    writer.shutdown().await.unwrap();
    assert_eq!((writer.get_ref().as_slice(), writer.unwritten()), (&b"abcdef"[..], 0));
}

#[tokio::test]
async fn a_misdirected_seek_says_where_it_should_be() {
    for (by, lands) in [(3, &b"89"[..]), (-2, b"3456789"), (-100, b"0123456789")] {
        let (point, _armed) = point(chaos_io::misdirected_seek(by).unwrap());
        let mut reader = ChaosReader::new(io::Cursor::new(b"0123456789"), point);
        assert_eq!(reader.seek(SeekFrom::Start(5)).await.unwrap(), 5);
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, lands, "{by}");
    }
}

#[tokio::test]
async fn seeks_set_places_right_in_both_directions() {
    let (point, armed) = point(chaos_io::interrupted().when(offset(8..9).unwrap()));
    let mut file = ChaosStream::new(io::Cursor::new(b"0123456789".to_vec()), point);
    file.seek(SeekFrom::Start(4)).await.unwrap();
    file.write_all(b"ab").await.unwrap();
    file.read_exact(&mut [0; 2]).await.unwrap();
    assert_eq!(armed.hits(), 0);
    assert_eq!(file.write(b"x").await.unwrap_err().kind(), ErrorKind::Interrupted);
    assert_eq!(file.read(&mut [0; 1]).await.unwrap_err().kind(), ErrorKind::Interrupted);
}

#[tokio::test(start_paused = true)]
async fn closing_can_be_slow_and_fail() {
    let point = Chaos::seeded(7).point("here").unwrap();
    let _slow = point.arm(chaos_io::slow_close(Delay::fixed(secs(3)))).unwrap();
    let _fails = point.arm(chaos_io::fail_close(ErrorKind::BrokenPipe).first(1).unwrap()).unwrap();
    let mut writer = ChaosWriter::new(Vec::new(), point);
    let begun = tokio::time::Instant::now();
    writer.write_all(b"abc").await.unwrap();
    writer.flush().await.unwrap();
    assert_eq!(begun.elapsed(), secs(0));
    assert_eq!(writer.shutdown().await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    writer.shutdown().await.unwrap();
    assert_eq!(begun.elapsed(), secs(6));
}

#[tokio::test]
async fn an_effect_counts_only_operations_that_it_can_happen_to() {
    // Reads, a write, a flush, a seek and closing: which of them match.
    for (rule, matching) in [
        (chaos_io::torn(Keep::bytes(9)), 1),
        (chaos_io::disk_full(9), 1),
        (chaos_io::misdirected_seek(1).unwrap(), 1),
        (chaos_io::lost_sync(), 0),
        (chaos_io::lost_flush(), 1),
        (chaos_io::eof(), 3),
        (chaos_io::eof().when(kind(IoKind::Write)), 0),
        (chaos_io::eof().when(!kind(IoKind::Read)), 0),
        (chaos_io::short(1).unwrap(), 4),
        (chaos_io::throttle(1 << 40).unwrap(), 4),
        // The second read takes what is owed of the first.
        (chaos_io::duplicate(), 3),
        (chaos_io::flip(1).unwrap(), 4),
        (chaos_io::interrupted(), 7),
    ] {
        let says = rule.to_string();
        let (point, armed) = point(rule);
        let mut file = ChaosStream::new(io::Cursor::new(b"0123456789".to_vec()), point);
        for _ in 0..3 {
            let _ = file.read(&mut [0; 2]).await;
        }
        let _ = file.write(b"x").await;
        let _ = file.flush().await;
        let _ = file.seek(SeekFrom::Start(0)).await;
        let _ = file.shutdown().await;
        let stats = armed.stats();
        assert_eq!((stats.matching, stats.hits), (matching, matching), "{says}");
    }
}

#[tokio::test]
async fn numbers_count_what_can_be_hit() {
    let (point, armed) = point(chaos_io::short(1).unwrap().nth("2").unwrap());
    let mut writer = ChaosWriter::new(Vec::new(), point);
    assert_eq!(writer.write(b"abc").await.unwrap(), 3);
    for _ in 0..5 {
        writer.flush().await.unwrap();
    }
    assert_eq!(writer.write(b"def").await.unwrap(), 1);
    assert_eq!((armed.stats().matching, armed.hits()), (2, 1));
    assert_eq!(armed.label(), "at most 1 bytes, operations 2");
}

#[cfg(feature = "rules")]
#[tokio::test]
async fn rules_from_data_count_what_can_be_hit() {
    let chaos = Chaos::seeded(7);
    let rules = chaos_core::rules::RuleSet::from_json(
        r#"{"version": 1, "rules": [
            {"point": "here", "nth": "2", "effect": {"short": {"at_most": 1}}},
            {"point": "here", "effect": "lost"},
            {"point": "here", "effect": "eof", "when": {"not": {"kind": "seek"}}}
        ]}"#,
    )
    .unwrap();
    let mut writer = ChaosWriter::new(Vec::new(), chaos.point("here").unwrap());
    let armed = chaos.arm_rules(&rules).unwrap();
    writer.flush().await.unwrap();
    assert_eq!(writer.write(b"abc").await.unwrap(), 3);
    writer.flush().await.unwrap();
    assert_eq!(writer.write(b"def").await.unwrap(), 1);
    writer.shutdown().await.unwrap();
    let counts: Vec<_> = armed.iter().map(|rule| rule.stats()).map(|s| (s.matching, s.hits)).collect();
    assert_eq!(counts, [(2, 1), (2, 2), (0, 0)]);
}
