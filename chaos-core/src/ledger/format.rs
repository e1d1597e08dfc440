//! The bytes of a ledger file: one checksummed line of JSON per header, record and strike.
//!
//! ```text
//! 7f3a9c01 {"ledger":1,"run":"0199…","boot":"…","pid":4242,"pid_start":98765,"started_ms":1790000000000}
//!
//! 11d0b2c4 {"record":{"seq":1,"at_ns":1790000000123456789,"entry":{"kind":"example.org/file-away/1", …, "undo":{…}}}}
//!
//! 5e6f7a8b {"strike":[1]}
//! ```
//!
//! The eight digits are the CRC-32 (IEEE 802.3, as in gzip) of a salt, the run id of the *file's name* and the JSON;
//! so a line that was changed, or moved from another run's file, does not pass. The salt is `header` for the first
//! line and the version for all others. A CRC finds every error within 32 neighbouring bits and misses one in 2^32 of
//! the rest; it is no defence against someone who may write the file, the permissions are.
//!
//! Every line but the first has a newline before it as well as after it: a newline that is lost, or a part of a line
//! before it, damages one line and not two.
//!
//! The form of the first line is the same in every version to come, with the version under `ledger`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::boot::{self, BootId};
use super::entry::Entry;
use super::run_id::RunId;
use crate::error::{Error, Result};

pub(super) const VERSION: u32 = 1;

const HEADER_SALT: &str = "header";
const LINE_SALT: &str = "1";
const CRC_DIGITS: usize = 8;
/// No header of this version comes near it.
const MAX_HEADER: usize = 1024;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Header {
    ledger: u32,
    run: RunId,
    pub(super) boot: BootId,
    pub(super) pid: u32,
    pid_start: Option<u64>,
    pub(super) started_ms: u64,
}

impl Header {
    pub(super) fn of_this_process(run: RunId) -> Self {
        Self {
            ledger: VERSION,
            run,
            boot: BootId::current(),
            pid: std::process::id(),
            pid_start: boot::process_start(),
            started_ms: boot::wall_millis(),
        }
    }

    pub(super) fn encode(&self) -> Result<String> {
        Ok(format!("{}\n", checked(HEADER_SALT, self.run, &json(self)?)))
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Line {
    Record(Record),
    Strike(Vec<u64>),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) seq: u64,
    pub(super) at_ns: u64,
    pub(super) entry: Entry,
}

impl Line {
    pub(super) fn encode(&self, run: RunId) -> Result<String> {
        Ok(format!("\n{}\n", checked(LINE_SALT, run, &json(self)?)))
    }
}

/// What the first line says.
#[derive(Debug)]
pub(super) enum Head {
    Ours(Header),
    /// The run died before its ledger was ready: nothing can have been recorded.
    Unfinished,
    OtherVersion(u32),
    Damaged,
}

/// What a file says, as far as it can be read.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) head: Head,
    /// Recorded and not struck, by number.
    pub(super) open: BTreeMap<u64, Record>,
    /// Lines that do not pass, counted from 1. A torn end is not among them.
    pub(super) damaged: Vec<usize>,
    /// Where the next line belongs: behind the last byte that says something.
    pub(super) end: u64,
}

/// Never fails and never panics: what does not pass is left out and named.
pub(super) fn decode(run: RunId, bytes: &[u8]) -> Contents {
    let mut lines = bytes.split(|byte| *byte == b'\n').collect::<Vec<_>>();
    let mut contents = Contents {
        head: Head::Unfinished,
        open: BTreeMap::new(),
        damaged: Vec::new(),
        end: bytes.len() as u64,
    };

    // `split` gives what is behind the last newline, which is empty in a file whose end is whole.
    let tail = lines.pop().unwrap_or_default();
    let tail_start = bytes.len() - tail.len();
    let tail = unterminated(tail, |tail| {
        if lines.is_empty() { check(HEADER_SALT, run, tail).is_some() } else { parse(run, tail).is_some() }
    });
    contents.end = (tail_start + tail.map_or(0, <[u8]>::len)) as u64;
    if lines.is_empty() && tail.is_none() && !begins_like_a_header(bytes) {
        contents.head = Head::Damaged;
    }
    lines.extend(tail);

    let mut numbered = lines.into_iter().zip(1..);
    if let Some((first, _)) = numbered.next() {
        contents.head = head(run, first);
    }
    if matches!(contents.head, Head::OtherVersion(_)) {
        return contents;
    }
    for (line, number) in numbered {
        if line.is_empty() {
            continue;
        }
        match parse(run, line) {
            Some(Line::Record(record)) if !contents.open.contains_key(&record.seq) => {
                contents.open.insert(record.seq, record);
            }
            Some(Line::Strike(struck)) => {
                for seq in struck {
                    contents.open.remove(&seq);
                }
            }
            Some(Line::Record(_)) | None => contents.damaged.push(number),
        }
    }
    contents
}

/// The part of a last line without newline that says something: all of it, when only the newline is missing; all but
/// the last byte, when the newline is damaged; otherwise the line was torn by a crash and was never acknowledged.
fn unterminated(tail: &[u8], passes: impl Fn(&[u8]) -> bool) -> Option<&[u8]> {
    let (_, shorter) = tail.split_last()?;
    [tail, shorter].into_iter().find(|part| passes(part))
}

fn begins_like_a_header(bytes: &[u8]) -> bool {
    let crc = bytes.iter().take(CRC_DIGITS).all(u8::is_ascii_hexdigit);
    let rest = bytes.iter().skip(CRC_DIGITS).all(|byte| matches!(byte, b' '..=b'~'));
    bytes.len() <= MAX_HEADER && crc && rest
}

fn head(run: RunId, line: &[u8]) -> Head {
    #[derive(Deserialize)]
    struct Version {
        ledger: u32,
    }
    let Some(json) = check(HEADER_SALT, run, line) else { return Head::Damaged };
    match serde_json::from_slice::<Version>(json) {
        Ok(Version { ledger: VERSION }) => serde_json::from_slice(json).map_or(Head::Damaged, Head::Ours),
        Ok(Version { ledger }) => Head::OtherVersion(ledger),
        Err(_) => Head::Damaged,
    }
}

fn parse(run: RunId, line: &[u8]) -> Option<Line> {
    serde_json::from_slice(check(LINE_SALT, run, line)?).ok()
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|err| Error::ledger("an entry cannot be written as JSON").with_source(err))
}

pub(super) fn checked(salt: &str, run: RunId, json: &str) -> String {
    format!("{} {json}", crc(salt, run, json.as_bytes()))
}

/// The JSON of a line that passes.
fn check<'a>(salt: &str, run: RunId, line: &'a [u8]) -> Option<&'a [u8]> {
    let (digits, rest) = line.split_at_checked(CRC_DIGITS)?;
    let json = rest.strip_prefix(b" ")?;
    // Compared as text: there is one way to write it.
    (digits == crc(salt, run, json).as_bytes()).then_some(json)
}

fn crc(salt: &str, run: RunId, json: &[u8]) -> String {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(salt.as_bytes());
    hasher.update(run.to_string().as_bytes());
    hasher.update(json);
    format!("{:08x}", hasher.finalize())
}
