//! A throttle is exact from slow to fast, smooth, and free of gifts; on a paused clock, so the figures are its own.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use chaos_core::Chaos;
use chaos_core::units::{ms, secs, us};
use chaos_io::{ChaosReader, ChaosStream, ChaosWriter};
use tokio::io::{AsyncReadExt, AsyncWriteExt, empty, repeat, sink};
use tokio::time::Instant;

fn within_two_percent(took: Duration, expected: Duration) -> bool {
    let (took, expected) = (took.as_secs_f64(), expected.as_secs_f64());
    (took - expected).abs() <= 0.02 * expected
}

#[tokio::test(start_paused = true)]
async fn reads_and_writes_from_a_kilobyte_to_a_gigabyte_per_second() {
    for rate in [1_000_u64, 64_000, 1_000_000, 50_000_000, 1_000_000_000] {
        let point = Chaos::seeded(7).point("line").unwrap();
        let _slow = point.arm(chaos_io::throttle(rate).unwrap()).unwrap();
        // So long of it, in portions that have nothing to do with the rate. At a gigabyte it is the moving that takes time.
        let long = if rate == 1_000_000_000 { ms(200) } else { secs(2) };
        let bytes = (rate as u128 * long.as_millis() / 1000) as usize;
        let mut buf = vec![0; 77_777];

        let (begun, mut left) = (Instant::now(), bytes);
        let mut reader = ChaosReader::new(repeat(7), point.clone());
        while left > 0 {
            let most = left.min(buf.len());
            left -= reader.read(&mut buf[..most]).await.unwrap();
        }
        assert!(within_two_percent(begun.elapsed(), long), "read at {rate}: {:?}", begun.elapsed());

        let (begun, mut left) = (Instant::now(), bytes);
        let mut writer = ChaosWriter::new(sink(), point.clone());
        while left > 0 {
            let most = left.min(buf.len());
            left -= writer.write(&buf[..most]).await.unwrap();
        }
        assert!(within_two_percent(begun.elapsed(), long), "written at {rate}: {:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn smooth_at_ten_milliseconds_from_the_first_on() {
    for rate in [1_000_u64, 44_100, 1_000_000, 50_000_000, 1_000_000_000] {
        let point = Chaos::seeded(7).point("line").unwrap();
        let _slow = point.arm(chaos_io::throttle(rate).unwrap()).unwrap();
        let mut reader = ChaosReader::new(repeat(7), point);
        let (mut buf, mut sum) = (vec![0; 65_536], 0_u64);
        let long = if rate == 1_000_000_000 { ms(200) } else { secs(1) };
        let begun = Instant::now();
        while begun.elapsed() < long {
            sum += reader.read(&mut buf).await.unwrap() as u64;
            let carried = |time: Duration| rate * time.as_micros() as u64 / 1_000_000;
            let now = carried(begun.elapsed());
            // Waits below 100 us are left to the next one.
            assert!(
                sum <= now + carried(us(100)) + 1,
                "{rate}: {sum} bytes in place of {now}: some were free"
            );
            // A grain, and the millisecond to which tokio's paused clock rounds.
            assert!(sum + carried(ms(11)) >= now, "{rate}: {sum} bytes in place of {now}: it stood still");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_burst_comes_once_and_the_line_is_shared() {
    let point = Chaos::seeded(7).point("line").unwrap();
    let _slow = point.arm(chaos_io::throttle_with_burst(1000, 500).unwrap()).unwrap();
    let (here, mut there) = tokio::io::duplex(1 << 16);
    let mut one = ChaosStream::new(here, point.clone());
    let mut two = ChaosWriter::new(sink(), point.clone());
    there.write_all(&[7; 4000]).await.unwrap();
    let begun = Instant::now();
    let (read, written) =
        tokio::join!(async { one.read_exact(&mut [0; 1500]).await.map(|_| ()) }, two.write_all(&[7; 1000]));
    read.and(written).unwrap();
    assert!(within_two_percent(begun.elapsed(), secs(2)), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_finds_nothing_to_move_gives_its_place_back() {
    let point = Chaos::seeded(7).point("line").unwrap();
    let _slow = point.arm(chaos_io::throttle(1000).unwrap()).unwrap();
    let begun = Instant::now();
    let mut nothing = ChaosReader::new(empty(), point.clone());
    for _ in 0..100 {
        assert_eq!(nothing.read(&mut [0; 1000]).await.unwrap(), 0);
    }
    ChaosWriter::new(sink(), point).write_all(&[7; 1000]).await.unwrap();
    // A hundred vain waits of 10 ms each, and a second for what moved.
    assert!(begun.elapsed() < ms(2100), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn given_up_waits_cost_the_line_nothing() {
    let point = Chaos::seeded(7).point("line").unwrap();
    let _slow = point.arm(chaos_io::throttle(100).unwrap()).unwrap();
    let begun = Instant::now();
    for _ in 0..50 {
        let mut given_up = ChaosWriter::new(sink(), point.clone());
        let write = tokio::time::timeout(Duration::from_micros(1), given_up.write(b"x"));
        assert!(write.await.is_err());
        // As long as nothing moves, up to 10 ms are saved up: keep away from that.
        if begun.elapsed() >= ms(8) {
            break;
        }
    }
    ChaosWriter::new(sink(), point).write_all(&[7; 100]).await.unwrap();
    assert!(begun.elapsed() < ms(1020), "{:?}", begun.elapsed());
}
