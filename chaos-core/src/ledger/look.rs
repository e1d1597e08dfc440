//! Reading the ledgers of a directory: which runs are dead, what they left open, what cannot be read.

use std::fs::File;
use std::io::Read;

use super::boot::BootId;
use super::dir::{Access, Claim, LedgerDir, Locked};
use super::format::{self, Contents, Head, VERSION};
use super::found::{Found, Kept, Live};
use super::run_id::RunId;
use crate::error::Result;

/// The ledger of a dead run, locked for as long as this lives.
#[derive(Debug)]
pub(super) struct Dead {
    pub(super) run: RunId,
    pub(super) lock: Locked,
    pub(super) open: Vec<Found>,
    /// Where its readable part ends.
    pub(super) end: u64,
    /// Some lines cannot be read, so the file is never removed.
    pub(super) damaged: bool,
}

#[derive(Debug, Default)]
pub(super) struct Look {
    pub(super) dead: Vec<Dead>,
    pub(super) live: Vec<Live>,
    /// What the live runs hold open.
    pub(super) in_use: Vec<Found>,
    pub(super) kept: Vec<Kept>,
    /// Not looked at: enough dead ones are held already.
    pub(super) waiting: Vec<RunId>,
}

/// Looks at `runs` and holds up to `most` dead ones.
pub(super) fn look(dir: &LedgerDir, runs: Vec<RunId>, access: Access, most: usize) -> Look {
    let mut look = Look::default();
    let boot = BootId::current();
    for run in runs {
        // Live ones are looked at all the same: what they hold open decides what may be reverted now.
        if let Err(err) = one(dir, run, access, &boot, most, &mut look) {
            look.kept.push(Kept { path: dir.path_of(run), line: None, why: err.chain() });
        }
    }
    look
}

fn one(
    dir: &LedgerDir,
    run: RunId,
    access: Access,
    boot: &BootId,
    most: usize,
    look: &mut Look,
) -> Result<()> {
    match dir.claim(run, access)? {
        Claim::Gone => {}
        Claim::Live(mut file) => {
            let contents = read(run, &mut file)?;
            let (pid, open) = (pid(&contents), contents.open.len());
            look.live.push(Live { run, path: dir.path_of(run), pid, open });
            look.in_use.extend(found(run, contents, boot));
        }
        Claim::Ours(_) if look.dead.len() >= most => look.waiting.push(run),
        Claim::Ours(mut lock) => {
            let contents = read(run, &mut lock.0)?;
            let troubles = troubles(&contents);
            let path = dir.path_of(run);
            let damaged = !troubles.is_empty();
            look.kept.extend(troubles.into_iter().map(|(line, why)| Kept { path: path.clone(), line, why }));
            let end = contents.end;
            let open = found(run, contents, boot);
            if !(damaged && open.is_empty()) {
                look.dead.push(Dead { run, lock, open, end, damaged });
            }
        }
    }
    Ok(())
}

fn read(run: RunId, file: &mut File) -> Result<Contents> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(format::decode(run, &bytes))
}

fn pid(contents: &Contents) -> Option<u32> {
    match &contents.head {
        Head::Ours(header) => Some(header.pid),
        _ => None,
    }
}

fn found(run: RunId, contents: Contents, boot: &BootId) -> Vec<Found> {
    let header = match &contents.head {
        Head::Ours(header) => Some(header),
        _ => None,
    };
    contents.open.into_values().map(|record| Found::new(run, header, boot, record)).collect()
}

fn troubles(contents: &Contents) -> Vec<(Option<usize>, String)> {
    let mut troubles = Vec::new();
    match &contents.head {
        Head::Ours(_) | Head::Unfinished => {}
        Head::OtherVersion(version) => troubles.push((
            None,
            format!("is of version {version}, this is {VERSION}: sweep with the program that wrote it"),
        )),
        Head::Damaged => {
            troubles.push((Some(1), "the header is damaged, or the file was renamed: look at it".to_owned()));
        }
    }
    let damaged = "does not pass its checksum, the others are read: look at what it was to undo";
    troubles.extend(contents.damaged.iter().map(|line| (Some(*line), damaged.to_owned())));
    troubles
}
