//! Reads, writes and seeks on one file, beside the same on a plain cursor.

use std::io::{self, Cursor, SeekFrom};

use chaos_io::ChaosStream;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use crate::objects::Moody;
use crate::script::{Script, run, script};
use crate::strict::strict;

#[derive(Debug, Clone)]
enum Ask {
    Read(usize),
    Write(u8, usize),
    Start(u64),
    Current(i64),
    End(i64),
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        (1..50_usize).prop_map(Ask::Read),
        (any::<u8>(), 1..50_usize).prop_map(|(byte, size)| Ask::Write(byte, size)),
        (0..300_u64).prop_map(Ask::Start),
        (-100..100_i64).prop_map(Ask::Current),
        (-100..20_i64).prop_map(Ask::End),
    ]
}

macro_rules! retry {
    ($call:expr) => {
        loop {
            match $call.await {
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        }
    };
}

/// What reads and seeks answered, and the file at the end.
async fn through_faults(script: &Script, asks: &[Ask], cache: usize) -> (Vec<String>, Vec<u8>) {
    let point = script.point();
    let mut armed = script.arm(&point).unwrap();
    let file = Moody::new(vec![b'.'; 200], script.seed);
    let mut file = ChaosStream::new(file, point).write_back(cache);
    let mut answers = Vec::new();
    for (n, ask) in asks.iter().enumerate() {
        if script.revert_after == Some(n) {
            armed.clear();
        }
        match *ask {
            Ask::Read(size) => {
                // A read sees what was written only once that is in the file.
                retry!(file.flush()).unwrap();
                let (mut buf, mut got) = (vec![0; size], 0);
                while got < size {
                    match retry!(file.read(&mut buf[got..])).unwrap() {
                        0 => break,
                        bytes => got += bytes,
                    }
                }
                answers.push(format!("{:?}", &buf[..got]));
            }
            Ask::Write(byte, size) => {
                let mut left = size;
                while left > 0 {
                    left -= retry!(file.write(&vec![byte; left])).unwrap();
                }
            }
            Ask::Start(to) => answers.push(seek(retry!(file.seek(SeekFrom::Start(to))))),
            Ask::Current(by) => answers.push(seek(retry!(file.seek(SeekFrom::Current(by))))),
            Ask::End(by) => answers.push(seek(retry!(file.seek(SeekFrom::End(by))))),
        }
    }
    drop(armed);
    file.flush().await.unwrap();
    (answers, file.into_inner().data)
}

async fn plainly(asks: &[Ask]) -> (Vec<String>, Vec<u8>) {
    let mut file = Cursor::new(vec![b'.'; 200]);
    let mut answers = Vec::new();
    for ask in asks {
        match *ask {
            Ask::Read(size) => {
                let mut buf = vec![0; size];
                let bytes = file.read(&mut buf).await.unwrap();
                answers.push(format!("{:?}", &buf[..bytes]));
            }
            Ask::Write(byte, size) => file.write_all(&vec![byte; size]).await.unwrap(),
            Ask::Start(to) => answers.push(seek(file.seek(SeekFrom::Start(to)).await)),
            Ask::Current(by) => answers.push(seek(file.seek(SeekFrom::Current(by)).await)),
            Ask::End(by) => answers.push(seek(file.seek(SeekFrom::End(by)).await)),
        }
    }
    (answers, file.into_inner())
}

fn seek(answer: io::Result<u64>) -> String {
    answer.map_or_else(|err| err.kind().to_string(), |at| at.to_string())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_file_under_faults_is_the_file_without(
        script in script(),
        asks in proptest::collection::vec(ask(), 1..20),
        cache in prop_oneof![Just(0), 1..100_usize],
    ) {
        let got = run(strict(through_faults(&script, &asks, cache)));
        prop_assert_eq!(got, run(plainly(&asks)));
    }
}
