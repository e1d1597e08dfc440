//! [`Kept`]: how far an agent got, in a directory that outlives its process. The undos are not here, but in the ledger
//! beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chaos_core::ledger::RunId;
use chaos_core::{Error, Result};
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::agent::spec::{FaultData, Spec};
use crate::agent::status::Ending;

const FILE: &str = "agent.json";
const NEW_FILE: &str = "agent.json.new";
const LEDGER: &str = "ledger";
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The node's clock that nobody sets and that goes on over the starts of a process (clock_gettime(2), `CLOCK_MONOTONIC`).
pub(super) fn monotonic() -> Result<Duration> {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map_err(io::Error::from)?;
    Ok(now.into())
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    run: RunId,
    boot: String,
    /// When the first start began; this and what follows on the monotonic clock of that boot.
    begun: Duration,
    /// From when on the faults' time counts, once that is known.
    in_force: Option<Duration>,
    until: Duration,
    /// Whether an order has said until when.
    is_told: bool,
    starts: u32,
    /// Items that happen once, and have begun to.
    once: BTreeSet<u32>,
    /// Faults in place of the spec's.
    faults: BTreeMap<String, FaultData>,
    /// The number of the last order from the file that was heeded.
    heeded: u64,
    ended: Option<Ending>,
}

/// How far it got.
#[derive(Debug)]
pub(super) struct Kept {
    dir: Option<PathBuf>,
    /// When this start began.
    started: Duration,
    written: Written,
    is_other_boot: bool,
}

impl Kept {
    /// Reads what the start before has left, and notes this one.
    ///
    /// # Errors
    /// The directory cannot be used, or belongs to another run.
    pub(super) fn open(spec: &Spec) -> Result<Self> {
        let now = monotonic()?;
        let boot = fs::read_to_string(BOOT_ID).unwrap_or_default().trim().to_owned();
        let fresh = Written {
            run: spec.run,
            boot,
            begun: now,
            in_force: None,
            until: now + spec.starting + spec.lasting,
            is_told: false,
            starts: 0,
            once: BTreeSet::new(),
            faults: BTreeMap::new(),
            heeded: 0,
            ended: None,
        };
        let dir = spec.kept_in.clone();
        let before = dir.as_deref().map(read).transpose()?.flatten();
        let mut kept = match before {
            None => Self { dir, started: now, written: fresh, is_other_boot: false },
            Some(before) if before.run != spec.run => {
                return Err(Error::refused(format!(
                    "{} is of run {}: give each run a directory of its own",
                    dir.unwrap_or_default().join(FILE).display(),
                    before.run
                )));
            }
            Some(before) => {
                let is_other_boot = before.boot != fresh.boot || before.boot.is_empty();
                Self { dir, started: now, written: before, is_other_boot }
            }
        };
        kept.written.starts += 1;
        kept.write()?;
        Ok(kept)
    }

    /// Where the ledger is.
    pub(super) fn ledger(&self) -> Option<PathBuf> {
        self.dir.as_ref().map(|dir| dir.join(LEDGER))
    }

    pub(super) fn restarts(&self) -> u32 {
        self.written.starts - 1
    }

    /// How a start before has ended: then there is nothing more to do.
    pub(super) fn ended(&self) -> Option<Ending> {
        self.written.ended
    }

    /// Whether the node was started anew since: then its clock began anew as well, and nobody knows what is left.
    pub(super) fn is_other_boot(&self) -> bool {
        self.is_other_boot
    }

    /// When this start began, on the monotonic clock.
    pub(super) fn started(&self) -> Duration {
        self.started
    }

    /// When its time is over, on the monotonic clock; before it is known from when on that counts, at the latest.
    pub(super) fn until(&self) -> Duration {
        self.written.until
    }

    /// Until when an order of this moment may extend it.
    pub(super) fn until_at_most(&self, spec: &Spec, now: Duration) -> Duration {
        let from = self.written.in_force.unwrap_or(now).min(self.latest(spec));
        from + spec.most()
    }

    /// From when on the faults' time counts at the latest.
    fn latest(&self, spec: &Spec) -> Duration {
        self.written.begun + spec.starting
    }

    /// All items have come to their turn: the first time that this is so, the faults' time counts from here, unless an
    /// order has said until when.
    pub(super) fn in_force(&mut self, spec: &Spec) -> Result<()> {
        if self.written.in_force.is_some() {
            return Ok(());
        }
        let from = monotonic()?.min(self.latest(spec));
        self.written.in_force = Some(from);
        if !self.written.is_told {
            self.written.until = from + spec.lasting;
        }
        self.write()
    }

    /// An order says until when.
    pub(super) fn extend(&mut self, until: Duration) -> Result<()> {
        (self.written.until, self.written.is_told) = (until, true);
        self.write()
    }

    pub(super) fn is_told(&self) -> bool {
        self.written.is_told
    }

    /// The spec, with the faults that are in place of its own.
    pub(super) fn as_replaced(&self, spec: &Spec) -> Spec {
        let mut spec = spec.clone();
        spec.faults.extend(self.written.faults.clone());
        spec
    }

    /// The fault that is to be in place of the spec's.
    pub(super) fn replaced(&self, name: &str) -> Option<&FaultData> {
        self.written.faults.get(name)
    }

    /// This fault is to be in place of the spec's.
    pub(super) fn replace(&mut self, name: &str, with: FaultData) -> Result<()> {
        let before = self.written.faults.insert(name.to_owned(), with);
        let written = self.write();
        if written.is_err() {
            match before {
                Some(before) => drop(self.written.faults.insert(name.to_owned(), before)),
                None => drop(self.written.faults.remove(name)),
            }
        }
        written
    }

    pub(super) fn heeded(&self) -> u64 {
        self.written.heeded
    }

    /// This order from the file is being heeded; to be written with what it changes.
    pub(super) fn heeding(&mut self, n: u64) {
        self.written.heeded = n;
    }

    pub(super) fn was_done(&self, item: u32) -> bool {
        self.written.once.contains(&item)
    }

    /// To be called before an item is done that happens once.
    pub(super) fn done(&mut self, item: u32) -> Result<()> {
        self.written.once.insert(item);
        self.write()
    }

    /// A start after this one has nothing to do.
    pub(super) fn end(&mut self, why: Ending) -> Result<()> {
        self.written.ended = Some(why);
        self.write()
    }

    pub(super) fn write(&self) -> Result<()> {
        let Some(dir) = &self.dir else { return Ok(()) };
        let text = serde_json::to_vec(&self.written).map_err(io::Error::from)?;
        replace(dir, &text).map_err(|source| {
            Error::failed(format!(
                "{} cannot be written: give a directory that can",
                dir.join(FILE).display()
            ))
            .with_source(source)
        })
    }
}

fn read(dir: &Path) -> Result<Option<Written>> {
    let path = dir.join(FILE);
    let unread =
        |source: io::Error| Error::failed(format!("{} cannot be read", path.display())).with_source(source);
    match fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|source| unread(source.into())),
        Err(source) if source.kind() == io::ErrorKind::NotFound && dir.is_dir() => Ok(None),
        Err(source) => Err(unread(source)),
    }
}

/// All of it or nothing, durably.
fn replace(dir: &Path, text: &[u8]) -> io::Result<()> {
    let new = dir.join(NEW_FILE);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&new, dir.join(FILE))?;
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use chaos_core::units::{ms, secs};

    use super::*;
    use crate::agent::spec::Restart;
    use crate::node::net::{self, Flow};

    fn spec(dir: &Path) -> Spec {
        Spec::lasting(secs(60)).kept_in(dir, Restart::Resume)
    }

    #[test]
    fn a_later_start_goes_on_where_the_first_began() {
        let home = tempfile::tempdir().unwrap();
        let spec = spec(home.path());
        let mut first = Kept::open(&spec).unwrap();
        assert_eq!((first.restarts(), first.ended(), first.is_other_boot()), (0, None, false));
        assert!(first.until() - first.started() == secs(90) && !first.was_done(3));
        first.done(3).unwrap();
        first.in_force(&spec).unwrap();
        let until = first.until();
        let took = until - first.started() - secs(60);
        assert!(took < secs(30), "counted from the start: {took:?}");
        let mut second = Kept::open(&spec).unwrap();
        assert_eq!((second.restarts(), second.until()), (1, until));
        assert!(second.started() > first.started());
        // One that goes on does not count anew.
        second.in_force(&spec).unwrap();
        assert_eq!(second.until(), until);
        assert_eq!(second.until_at_most(&spec, second.started()), until, "no order may extend it");
        second.extend(until - secs(5)).unwrap();
        let mut second = Kept::open(&spec).unwrap();
        assert_eq!(second.until(), until - secs(5));
        assert!(second.was_done(3) && !second.was_done(2));
        second.end(Ending::Order).unwrap();
        assert_eq!(Kept::open(&spec).unwrap().ended(), Some(Ending::Order));
    }

    #[test]
    fn time_that_was_told_before_all_was_in_force_holds() {
        let home = tempfile::tempdir().unwrap();
        let spec = spec(home.path()).at_most(secs(100));
        let mut kept = Kept::open(&spec).unwrap();
        let now = kept.started();
        assert_eq!(kept.until_at_most(&spec, now), now + secs(100));
        assert_eq!(kept.until_at_most(&spec, now + secs(500)), now + spec.longest());
        kept.extend(now + secs(70)).unwrap();
        kept.in_force(&spec).unwrap();
        assert_eq!(kept.until(), now + secs(70));
    }

    #[test]
    fn time_counts_from_the_end_of_starting_at_the_latest() {
        let home = tempfile::tempdir().unwrap();
        let spec = spec(home.path());
        let mut first = Kept::open(&spec).unwrap();
        // Killed while it was starting, and started again much later.
        first.written.begun -= secs(40);
        first.written.until -= secs(40);
        first.write().unwrap();
        let mut second = Kept::open(&spec).unwrap();
        second.in_force(&spec).unwrap();
        assert_eq!(second.until(), first.until());
    }

    #[test]
    fn orders_outlive_a_start() {
        let home = tempfile::tempdir().unwrap();
        let of = |millis| FaultData::from(net::delay(ms(millis)).to(Flow::all()));
        let spec = spec(home.path()).fault("slow", of(1));
        let mut kept = Kept::open(&spec).unwrap();
        kept.heeding(7);
        assert_eq!(kept.replaced("slow"), None);
        kept.replace("slow", of(2)).unwrap();
        let mut kept = Kept::open(&spec).unwrap();
        assert_eq!((kept.heeded(), &kept.as_replaced(&spec).faults["slow"]), (7, &of(2)));
        kept.replace("slow", of(3)).unwrap();
        assert_eq!(Kept::open(&spec).unwrap().replaced("slow"), Some(&of(3)));
        fs::remove_dir_all(home.path()).unwrap();
        assert!(kept.replace("slow", of(4)).unwrap_err().is_failed());
        assert_eq!(kept.replaced("slow"), Some(&of(3)), "what is not written does not hold");
    }

    #[test]
    fn another_boot_another_run_and_no_directory_are_seen() {
        let home = tempfile::tempdir().unwrap();
        let one = spec(home.path());
        let mut first = Kept::open(&one).unwrap();
        first.written.boot = "another".to_owned();
        first.write().unwrap();
        assert!(Kept::open(&one).unwrap().is_other_boot());
        let error = Kept::open(&spec(home.path())).unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("of its own"), "{error}");
        fs::write(home.path().join(FILE), "{").unwrap();
        assert!(Kept::open(&one).unwrap_err().is_failed());
        assert!(Kept::open(&spec(Path::new("/nowhere/at/all"))).unwrap_err().is_failed());
        let nowhere = Kept::open(&Spec::lasting(secs(60))).unwrap();
        assert!(nowhere.ledger().is_none() && nowhere.restarts() == 0);
    }
}
