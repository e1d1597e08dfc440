//! [`sweep`]: reverting what dead runs left behind.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::append::Medium;
use super::dir::{Access, LedgerDir};
use super::found::{Found, Kept};
use super::look::{Dead, look};
use super::run_file::RunFile;
use super::run_id::RunId;
use super::strikes::{Held, Strikes};
use super::survey::Survey;
use super::swept::{Failed, Swept};
use super::undos::Undos;
use crate::error::{Error, Result};
use crate::units::secs;

/// Dead runs held at once: each costs a descriptor, of which a process has 1,024 by default.
const HELD: usize = 128;

/// Reverts what dead runs left in `dir`, with [the default limit](Sweep::LIMIT) for each wait.
///
/// ```
/// # use chaos_core::Undos;
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let swept = chaos_core::ledger::sweep("/nonexistent/chaos", &Undos::none()).await?;
/// assert!(swept.is_clean(), "{swept}");
/// # Ok::<(), chaos_core::Error>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// As [`Sweep::run`].
///
/// # Panics
/// Outside a tokio runtime with time enabled.
pub async fn sweep(dir: impl AsRef<Path>, undos: &Undos) -> Result<Swept> {
    Sweep::of(dir).run(undos).await
}

/// Lists what [`sweep`] would do and changes nothing.
///
/// # Errors
/// As [`Sweep::survey`].
pub fn survey(dir: impl AsRef<Path>, undos: &Undos) -> Result<Survey> {
    Sweep::of(dir).survey(undos)
}

/// A sweep of one directory, to be given a limit.
#[derive(Debug, Clone)]
#[must_use = "a sweep does nothing until it is run"]
pub struct Sweep {
    dir: PathBuf,
    limit: Duration,
    only: Option<RunId>,
}

impl Sweep {
    /// How long one revert may take, and one look after it, unless said otherwise: 30 s.
    pub const LIMIT: Duration = secs(30);

    /// A sweep of `dir`.
    pub fn of(dir: impl AsRef<Path>) -> Self {
        Self { dir: dir.as_ref().to_owned(), limit: Self::LIMIT, only: None }
    }

    /// How long one revert may take, and one look after it.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Only what this run left. The others are looked at, because an older change to the same target waits for theirs.
    pub fn only(mut self, run: RunId) -> Self {
        self.only = Some(run);
        self
    }

    /// Reverts what dead runs left, newest first, and strikes what was seen to be gone. Each entry is tried once: the
    /// next sweep is the next try. A missing directory is a clean one.
    ///
    /// Strikes of one file share a flush, up to 64 of them or for 50 ms: a sweep that is killed may have reverted so much
    /// without having struck it, and the next one reverts it again, which by the contract of [`Undo`](crate::Undo) does
    /// no harm. Dropping the future is safe: what was reverted is struck, the next sweep does the rest.
    ///
    /// # Errors
    /// When the directory cannot be read, or others may write to it. What happens to a single file or entry is in
    /// [`Swept`].
    ///
    /// # Panics
    /// Outside a tokio runtime with time enabled.
    pub async fn run(&self, undos: &Undos) -> Result<Swept> {
        self.run_on(undos, &|file| Box::new(file)).await
    }

    pub(super) async fn run_on(
        &self,
        undos: &Undos,
        medium: &(dyn Fn(File) -> Box<dyn Medium> + Sync),
    ) -> Result<Swept> {
        let mut swept = Swept::default();
        let Some(dir) = LedgerDir::open(&self.dir)?.map(Arc::new) else { return Ok(swept) };
        let names = dir.names()?;
        let mut holds = Holds::default();
        let mut waiting = names.runs;
        match self.only {
            None => swept.kept = lookalikes(&dir, &names.lookalikes),
            Some(only) => {
                let others;
                (waiting, others) = waiting.into_iter().partition(|run| *run == only);
                holds.add_in_use(&look(&dir, others, Access::Look, 0).in_use);
            }
        }
        while !waiting.is_empty() {
            let look = look(&dir, waiting, Access::Change, HELD);
            waiting = look.waiting;
            holds.add_in_use(&look.in_use);
            swept.live.extend(look.live);
            swept.kept.extend(look.kept);
            let (strikes, jobs) = adopt(&dir, look.dead, medium, &mut swept);
            self.batch(strikes, jobs, undos, &mut holds, &mut swept).await;
        }
        Ok(swept)
    }

    /// What [`run`](Sweep::run) would do; changes nothing. A sweep at the same moment may take a file that is being
    /// looked at for live.
    ///
    /// # Errors
    /// As [`run`](Sweep::run).
    pub fn survey(&self, undos: &Undos) -> Result<Survey> {
        let mut survey = Survey::default();
        let Some(dir) = LedgerDir::open(&self.dir)? else { return Ok(survey) };
        let names = dir.names()?;
        let mut waiting = names.runs;
        match self.only {
            None => survey.kept = lookalikes(&dir, &names.lookalikes),
            Some(only) => waiting.retain(|run| *run == only),
        }
        let mut found = Vec::new();
        while !waiting.is_empty() {
            let look = look(&dir, waiting, Access::Look, HELD);
            waiting = look.waiting;
            survey.live.extend(look.live);
            survey.kept.extend(look.kept);
            found.extend(look.dead.into_iter().flat_map(|dead| dead.open));
        }
        newest_first(&mut found, |found| found);
        (survey.open, survey.unknown) =
            found.into_iter().partition(|found| undos.knows(found.entry().kind()));
        Ok(survey)
    }

    async fn batch(
        &self,
        mut strikes: Strikes,
        jobs: Vec<(usize, Found)>,
        undos: &Undos,
        holds: &mut Holds,
        swept: &mut Swept,
    ) {
        for (held, found) in jobs {
            if !undos.knows(found.entry().kind()) {
                swept.unknown.push(found);
                continue;
            }
            let done = match holds.check(&found) {
                Ok(()) => strikes.during(undos.put_back(found.entry(), self.limit)).await,
                Err(held_back) => Err(held_back),
            };
            match done {
                Ok(()) => {
                    strikes.add(held, &found);
                    swept.reverted.push(found);
                }
                Err(error) => {
                    holds.add_failed(&found);
                    swept.failed.push(Failed { found, error });
                }
            }
        }
        strikes.finish(swept);
    }
}

/// Takes over the files of the dead runs; what is to be reverted, newest first, each with the number of its file.
fn adopt(
    dir: &Arc<LedgerDir>,
    dead: Vec<Dead>,
    medium: &(dyn Fn(File) -> Box<dyn Medium> + Sync),
    swept: &mut Swept,
) -> (Strikes, Vec<(usize, Found)>) {
    let mut files = Vec::with_capacity(dead.len());
    let mut jobs = Vec::new();
    for Dead { run, lock, open, end, damaged } in dead {
        match RunFile::adopt(dir.clone(), run, lock, end, medium) {
            Ok(file) => {
                let held = Held::new(file, open.len(), damaged);
                jobs.extend(open.into_iter().map(|found| (files.len(), found)));
                files.push(held);
            }
            Err(err) => swept.kept.push(Kept { path: dir.path_of(run), line: None, why: err.chain() }),
        }
    }
    newest_first(&mut jobs, |(_, found)| found);
    (Strikes::new(files), jobs)
}

/// Entries that must wait, because a newer change of the same kind to the same target is still in force: reverted out
/// of order, the newer undo would later bring back what the older one took away.
#[derive(Debug, Default)]
struct Holds {
    /// By kind and target: up to which time of recording, and why.
    until: HashMap<(String, String), (u64, String)>,
}

impl Holds {
    fn add_in_use(&mut self, in_use: &[Found]) {
        for found in in_use {
            self.add(found, found.at_ns(), format!("the live run {} has changed it since", found.id().run()));
        }
    }

    fn add_failed(&mut self, found: &Found) {
        self.add(found, u64::MAX, format!("{} must be reverted first", found.id()));
    }

    fn add(&mut self, found: &Found, until: u64, why: String) {
        let hold = self.until.entry(key(found)).or_default();
        if until > hold.0 {
            *hold = (until, why);
        }
    }

    fn check(&self, found: &Found) -> Result<()> {
        match self.until.get(&key(found)) {
            Some((until, why)) if found.at_ns() <= *until => {
                let (unit, target) = (found.entry().unit(), found.entry().target());
                Err(Error::refused(format!("{unit} {target} waits: {why}; sweep again then")))
            }
            _ => Ok(()),
        }
    }
}

fn key(found: &Found) -> (String, String) {
    (found.entry().kind().to_owned(), found.entry().target().to_owned())
}

fn newest_first<T>(items: &mut [T], found: impl Fn(&T) -> &Found) {
    items.sort_by_key(|item| std::cmp::Reverse((found(item).at_ns(), found(item).id())));
}

fn lookalikes(dir: &LedgerDir, names: &[String]) -> Vec<Kept> {
    let why = "is named like a ledger but not by a run id: it is not touched, move it away";
    let kept = |name: &String| Kept { path: dir.path_of_lookalike(name), line: None, why: why.to_owned() };
    names.iter().map(kept).collect()
}
