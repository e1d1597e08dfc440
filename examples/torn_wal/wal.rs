//! A write-ahead log in segments, on a file system that it is given. What it takes care of can be left out.

use std::io::{self, SeekFrom};

use chaos_io::fs::OpenOptions;
use chaos_io::{ChaosFile, ChaosFs};
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

const DIR: &str = "log";
const RECORDS_PER_SEGMENT: usize = 8;
/// How many records a log that acknowledges first writes before it syncs.
const LAZY: usize = 4;
const HEADER: usize = 8;

/// What a log takes care of.
#[derive(Debug, Clone, Copy)]
pub struct Care {
    /// Each record is checked when it is read back.
    pub checksums: bool,
    /// A record is acknowledged when it is on the disk, and not before.
    pub fsync_first: bool,
    /// So is the name of a segment: fsync of the directory.
    pub fsync_directory: bool,
}

pub struct Wal {
    fs: ChaosFs,
    care: Care,
    segment: u64,
    file: ChaosFile,
    records: usize,
}

impl Wal {
    /// Opens the log and reads it back, to the first record that is not whole.
    pub async fn open(fs: &ChaosFs, care: Care) -> io::Result<(Self, Vec<Vec<u8>>)> {
        if !fs.try_exists(DIR).await? {
            fs.create_dir(DIR).await?;
            if care.fsync_directory {
                fs.sync_dir(".").await?;
            }
        }
        let (mut all, mut segment, mut here) = (Vec::new(), 1, 0);
        let mut end = 0;
        for (number, name) in (1..).zip(fs.read_dir(DIR).await?) {
            // A segment is begun when the one before it is whole: a gap is an end as well.
            if name.to_string_lossy() != file_name(number) {
                break;
            }
            let bytes = fs.read(path(number)).await?;
            let (records, valid) = replay(&bytes, care);
            (segment, here, end) = (number, records.len(), valid);
            all.extend(records);
            if valid < bytes.len() {
                break;
            }
        }
        let mut file = open_segment(fs, segment, care).await?;
        // The torn end must not stand behind what is written next.
        file.set_len(end as u64).await?;
        file.sync_all().await?;
        file.seek(SeekFrom::Start(end as u64)).await?;
        Ok((Self { fs: fs.clone(), care, segment, file, records: here }, all))
    }

    /// Writes a record; it is acknowledged when this returns.
    pub async fn append(&mut self, record: &[u8]) -> io::Result<()> {
        if self.records >= RECORDS_PER_SEGMENT {
            self.file.sync_data().await?;
            self.segment += 1;
            self.file = open_segment(&self.fs, self.segment, self.care).await?;
            self.records = 0;
        }
        let mut bytes = Vec::with_capacity(HEADER + record.len());
        bytes.extend((record.len() as u32).to_le_bytes());
        bytes.extend(crc32fast::hash(record).to_le_bytes());
        bytes.extend(record);
        self.file.write_all(&bytes).await?;
        self.file.flush().await?;
        self.records += 1;
        if self.care.fsync_first || self.records % LAZY == 0 {
            self.file.sync_data().await?;
        }
        Ok(())
    }
}

async fn open_segment(fs: &ChaosFs, segment: u64, care: Care) -> io::Result<ChaosFile> {
    let file = fs.open_with(path(segment), OpenOptions::new().write(true).create(true)).await?;
    if care.fsync_directory {
        fs.sync_dir(DIR).await?;
    }
    Ok(file)
}

fn file_name(segment: u64) -> String {
    format!("{segment:06}.wal")
}

fn path(segment: u64) -> String {
    format!("{DIR}/{}", file_name(segment))
}

/// The records at the beginning of a segment, and how many bytes they are.
fn replay(bytes: &[u8], care: Care) -> (Vec<Vec<u8>>, usize) {
    let (mut records, mut at) = (Vec::new(), 0);
    while let Some((record, checksum)) = record_at(&bytes[at..]) {
        if care.checksums && crc32fast::hash(record) != checksum {
            break;
        }
        at += HEADER + record.len();
        records.push(record.to_vec());
    }
    (records, at)
}

/// The record that a slice begins with, and the checksum that it is said to have. None is empty.
fn record_at(bytes: &[u8]) -> Option<(&[u8], u32)> {
    let (len, rest) = bytes.split_first_chunk()?;
    let (checksum, rest) = rest.split_first_chunk()?;
    let record = rest.get(..u32::from_le_bytes(*len) as usize).filter(|record| !record.is_empty())?;
    Some((record, u32::from_le_bytes(*checksum)))
}
