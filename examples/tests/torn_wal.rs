//! The log of the example holds with all its precautions, and each one of them is needed.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../torn_wal/trial.rs"]
mod trial;
#[path = "../torn_wal/wal.rs"]
mod wal;

use chaos_core::testing::Seeds;
use trial::Broken;
use wal::Care;

const CAREFUL: Care = Care { checksums: true, fsync_first: true, fsync_directory: true };

async fn first_break(care: Care) -> Option<(u64, Broken)> {
    for seed in 0..200 {
        if let Some(broken) = trial::run(seed, care).await.unwrap().broken {
            return Some((seed, broken));
        }
    }
    None
}

#[test]
fn the_careful_log_holds_whatever_the_seed() {
    Seeds::first(200).run(|chaos| async move {
        let seen = trial::run(chaos.seed(), CAREFUL).await.map_err(|err| err.to_string())?;
        seen.broken.map_or(Ok(()), |broken| Err(broken.to_string()))
    });
}

#[tokio::test]
async fn crashes_lose_something_most_of_the_time() {
    let (mut crashes, mut lossy, mut acknowledged) = (0, 0, 0);
    for seed in 0..100 {
        let seen = trial::run(seed, CAREFUL).await.unwrap();
        crashes += seen.crashes.len();
        lossy += seen.lossy_crashes();
        acknowledged += seen.acknowledged;
    }
    assert!(crashes == 300 && lossy > 50 && acknowledged > 1000, "{crashes} {lossy} {acknowledged}");
}

#[tokio::test]
async fn each_precaution_is_needed_and_its_lack_breaks_the_log_in_its_own_way() {
    let (_, broken) = first_break(Care { checksums: false, ..CAREFUL }).await.unwrap();
    assert!(matches!(broken, Broken::Invented { .. }), "{broken}");
    for care in [Care { fsync_first: false, ..CAREFUL }, Care { fsync_directory: false, ..CAREFUL }] {
        let (seed, broken) = first_break(care).await.unwrap();
        assert!(matches!(broken, Broken::Lost { .. }), "{broken}");
        let again = trial::run(seed, care).await.unwrap().broken;
        assert_eq!(again, Some(broken), "the same seed breaks in the same way");
    }
}
