//! The suite judged: a good fault passes, and each bad one fails on the check it breaks.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::{Conformance, Finding, conformance};
use crate::chaos::Chaos;
use crate::delay::Delay;
use crate::error::{Error, Result};
use crate::fault::{Fault, NoUndo, Observed, Plan, Undo};
use crate::point::{Point, Rule, Step, step};
use crate::target::{Approved, Target};
use crate::units::ms;

/// A directory with a configuration file.
#[derive(Debug, Clone)]
struct Config(PathBuf);

impl Target for Config {
    const UNIT: &'static str = "file";
    fn id(&self) -> String {
        self.0.display().to_string()
    }
}

const FOUND: &str = "timeout=30";
const WRONG: &str = "timeout=1";

/// How a file fault breaks its contract, if it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Flaw {
    None,
    PrepareWrites,
    PrepareFails,
    InjectFails,
    InjectsNothing,
    ObserveAlwaysSees,
    ObserveNeverSees,
    ObserveRemembers,
    RevertOnce,
    RevertNeedsAll,
    RevertLeavesABackup,
    RevertForgets,
    RevertInventsAFile,
    UndoLosesData,
    IsGoneAlways,
    SaysIrreversible,
    TwoLines,
}

/// Puts a wrong value into a file, with a backup beside it, in two steps with a pause between them.
#[derive(Debug)]
struct WrongValue {
    flaw: Flaw,
    injected: AtomicBool,
}

#[derive(Debug, Serialize, Deserialize)]
struct PutBack {
    flaw: Flaw,
    path: PathBuf,
    found: String,
    #[serde(skip)]
    not_data: String,
}

fn backup(path: &std::path::Path) -> PathBuf {
    path.with_extension("bak")
}

impl Fault for WrongValue {
    type Target = Config;
    type Undo = PutBack;

    fn describe(&self) -> String {
        if self.flaw == Flaw::TwoLines { "two\nlines".to_owned() } else { format!("{:?}", self.flaw) }
    }

    fn via<'a>(&'a self, _: &'a Config) -> &'a () {
        &()
    }

    async fn prepare(&self, config: &Config) -> Result<Plan<PutBack>> {
        let path = config.0.clone();
        let found = fs::read_to_string(&path)?;
        match self.flaw {
            Flaw::PrepareWrites => fs::write(backup(&path), &found)?,
            Flaw::PrepareFails => return Err(Error::refused("not today")),
            _ => {}
        }
        let undo = PutBack { flaw: self.flaw, path, not_data: found.clone(), found };
        let mut plan = Plan::reversible("puts timeout=1 into app.conf", undo);
        plan.reversible = self.flaw != Flaw::SaysIrreversible;
        Ok(plan)
    }

    async fn inject(&self, config: &Approved<Config>, undo: &PutBack) -> Result<()> {
        match self.flaw {
            Flaw::InjectFails => return Err(Error::failed("the disk is read-only")),
            Flaw::InjectsNothing => return Ok(()),
            _ => {}
        }
        fs::write(backup(&config.0), &undo.found)?;
        tokio::task::yield_now().await;
        fs::write(&config.0, WRONG)?;
        self.injected.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn observe(&self, config: &Config, _: &PutBack) -> Result<Observed> {
        let now = fs::read_to_string(&config.0)?;
        let sees = match self.flaw {
            Flaw::ObserveAlwaysSees => true,
            Flaw::ObserveNeverSees => false,
            Flaw::ObserveRemembers => self.injected.load(Ordering::Relaxed),
            _ => now == WRONG,
        };
        Ok(if sees { Observed::in_force(now) } else { Observed::absent(now) })
    }
}

impl Undo for PutBack {
    const KIND: &'static str = "example.org/put-back/1";
    type Via = ();

    async fn revert(&self, (): &()) -> Result<()> {
        let backup = backup(&self.path);
        let found = if self.flaw == Flaw::UndoLosesData { &self.not_data } else { &self.found };
        match self.flaw {
            Flaw::RevertOnce => {
                fs::rename(&backup, &self.path)?;
                return Ok(());
            }
            Flaw::RevertNeedsAll if backup.exists() && fs::read_to_string(&self.path)? != WRONG => {
                return Err(Error::failed("the wrong value is not there"));
            }
            Flaw::RevertForgets => return Ok(()),
            Flaw::RevertInventsAFile if !backup.exists() => fs::write(self.path.with_extension("new"), "")?,
            _ => {}
        }
        fs::write(&self.path, found)?;
        if backup.exists() && self.flaw != Flaw::RevertLeavesABackup {
            fs::remove_file(backup)?;
        }
        Ok(())
    }

    async fn is_gone(&self, (): &()) -> Result<bool> {
        Ok(self.flaw == Flaw::IsGoneAlways || fs::read_to_string(&self.path)? != WRONG)
    }
}

/// The names and contents of all files beside the configuration.
fn files(config: &Config) -> Vec<(String, String)> {
    let dir = fs::read_dir(config.0.parent().unwrap()).unwrap();
    let mut files: Vec<_> = dir
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

async fn judge(flaw: Flaw) -> Conformance {
    let dir = TempDir::new().unwrap();
    let fresh = std::cell::Cell::new(0);
    let target = async || {
        let dir = dir.path().join(fresh.replace(fresh.get() + 1).to_string());
        fs::create_dir(&dir)?;
        fs::write(dir.join("app.conf"), FOUND)?;
        Ok(Config(dir.join("app.conf")))
    };
    let fault = WrongValue { flaw, injected: AtomicBool::new(false) };
    conformance(fault, target, async |config: &Config| files(config)).await
}

fn why<'a>(report: &'a Conformance, check: &str) -> &'a str {
    let (_, finding) = report.checks().find(|(name, _)| *name == check).unwrap();
    match finding {
        Finding::Failed(why) => why,
        other => panic!("{check}: {other:?}"),
    }
}

#[tokio::test]
async fn a_good_fault_passes_every_check() {
    let report = judge(Flaw::None).await;
    report.assert_passed();
    assert_eq!(report.checks().count(), 10);
    assert!(report.checks().all(|(_, finding)| *finding == Finding::Passed), "{report}");
    assert!(
        report.to_string().starts_with("conformance of None: passed\n  passed   prepare has no effect\n")
    );
}

/// Each bad fault fails on these checks and on no other.
#[tokio::test]
async fn each_bad_fault_fails_where_it_is_bad() {
    const ROUND_TRIP: &str = "observe sees the fault come and go";
    const RESTORED: &str = "revert restores what was found";
    const IS_GONE: &str = "is_gone reads the world";
    const TWICE: &str = "revert twice is fine";
    const HALF: &str = "a half inject is reverted";
    const NEVER: &str = "revert without an inject changes nothing";
    const SERDE: &str = "the undo survives serde";
    let bad: [(Flaw, &[&str]); 13] = [
        (Flaw::PrepareWrites, &["prepare has no effect"]),
        (Flaw::TwoLines, &["description, change and kind are fit for a report and a ledger"]),
        (Flaw::SaysIrreversible, &["what cannot be undone is named as such"]),
        (Flaw::ObserveAlwaysSees, &[ROUND_TRIP]),
        (Flaw::ObserveNeverSees, &[ROUND_TRIP]),
        (Flaw::ObserveRemembers, &[ROUND_TRIP]),
        (Flaw::RevertLeavesABackup, &[RESTORED, TWICE, HALF, SERDE]),
        (Flaw::RevertOnce, &[TWICE, HALF, NEVER]),
        (Flaw::RevertNeedsAll, &[HALF]),
        (Flaw::RevertForgets, &[ROUND_TRIP, RESTORED, IS_GONE, TWICE, HALF, SERDE]),
        (Flaw::RevertInventsAFile, &[TWICE, HALF, NEVER]),
        (Flaw::UndoLosesData, &[SERDE]),
        (Flaw::IsGoneAlways, &[IS_GONE]),
    ];
    for (flaw, expected) in bad {
        let report = judge(flaw).await;
        assert_eq!(report.failed(), expected, "{report}");
        assert!(!report.passed());
        let shown = report.to_string();
        assert!(expected.iter().all(|check| shown.contains(&format!("FAILED   {check}: "))), "{shown}");
    }
}

#[tokio::test]
async fn a_failed_check_says_what_was_seen() {
    let report = judge(Flaw::PrepareWrites).await;
    assert_eq!(
        why(&report, "prepare has no effect"),
        r#"after prepare the world is [("app.bak", "timeout=30"), ("app.conf", "timeout=30")], it was [("app.conf", "timeout=30")]"#
    );
    let report = judge(Flaw::PrepareFails).await;
    assert_eq!(why(&report, "prepare has no effect"), "prepare failed: not today");
    let report = judge(Flaw::InjectFails).await;
    assert_eq!(why(&report, "observe sees the fault come and go"), "inject failed: the disk is read-only");
    let report = judge(Flaw::RevertNeedsAll).await;
    assert_eq!(
        why(&report, "a half inject is reverted"),
        "after an inject cut off after 1 polls: revert failed: the wrong value is not there"
    );
    // A world in which nothing changes would let a revert that does nothing pass.
    let report = judge(Flaw::InjectsNothing).await;
    assert!(why(&report, "revert restores what was found").starts_with("the inject changed nothing"));
}

#[tokio::test]
async fn assert_passed_fails_the_test() {
    let report = judge(Flaw::IsGoneAlways).await;
    let panic = std::panic::catch_unwind(|| report.assert_passed()).unwrap_err();
    assert!(panic.downcast_ref::<String>().unwrap().contains("FAILED   is_gone reads the world"));
}

/// Deletes the file for good.
#[derive(Debug)]
struct Delete {
    honest: bool,
}

impl Fault for Delete {
    type Target = Config;
    type Undo = NoUndo;

    fn via<'a>(&'a self, _: &'a Config) -> &'a () {
        &()
    }

    async fn prepare(&self, _: &Config) -> Result<Plan<NoUndo>> {
        let change = "deletes the file";
        Ok(if self.honest { Plan::irreversible(change) } else { Plan::reversible(change, NoUndo) })
    }

    async fn inject(&self, config: &Approved<Config>, _: &NoUndo) -> Result<()> {
        Ok(fs::remove_file(&config.0)?)
    }

    async fn observe(&self, config: &Config, _: &NoUndo) -> Result<Observed> {
        Ok(if config.0.exists() { Observed::absent("there") } else { Observed::in_force("not there") })
    }
}

#[tokio::test]
async fn what_cannot_be_undone_must_say_so_and_is_not_reverted() {
    for honest in [true, false] {
        let dir = TempDir::new().unwrap();
        let target = async || {
            fs::write(dir.path().join("app.conf"), FOUND)?;
            Ok(Config(dir.path().join("app.conf")))
        };
        let report = conformance(Delete { honest }, target, async |config: &Config| config.0.exists()).await;
        let expected: &[&str] = if honest { &[] } else { &["what cannot be undone is named as such"] };
        assert_eq!(report.failed(), expected, "{report}");
        let not_run = report.checks().filter(|(_, finding)| matches!(finding, Finding::NotRun(_))).count();
        assert_eq!(not_run, 7);
        assert!(report.to_string().contains("not run: revert twice is fine: the fault cannot be undone"));
    }
}

struct Commit;

impl Step for Commit {
    const NAME: &'static str = "commit";
    type Error = std::io::Error;
}

/// A rule at a point is a fault like any other.
#[tokio::test]
async fn rules_pass() {
    let rules = [
        step::latency::<Commit>(Delay::fixed(ms(5))).named("slow").unwrap(),
        Rule::delay_after(Delay::fixed(ms(5))).finish_delays(),
        step::hang().probability(0.1).unwrap(),
    ];
    for rule in rules {
        let fresh = std::cell::Cell::new(0);
        let target = async || Chaos::seeded(fresh.replace(fresh.get() + 1)).point::<Commit>("orders");
        let report = conformance(rule, target, async |point: &Point<Commit>| point.stats()).await;
        report.assert_passed();
        assert!(report.checks().all(|(_, finding)| *finding == Finding::Passed), "{report}");
    }
}
