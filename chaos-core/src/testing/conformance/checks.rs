//! The checks, one promise each.

use std::fmt::Debug;

use super::report::Conformance;
use super::steps::{Found, Steps, expect};
use crate::error::Result;
use crate::fault::{Fault, NoUndo, Undo};

const PREPARE: &str = "prepare has no effect";
const WORDS: &str = "description, change and kind are fit for a report and a ledger";
const NAMED: &str = "what cannot be undone is named as such";
const ROUND_TRIP: &str = "observe sees the fault come and go";
const IN_FORCE: &str = "observe sees the fault come";
const RESTORED: &str = "revert restores what was found";
const IS_GONE: &str = "is_gone reads the world";
const TWICE: &str = "revert twice is fine";
const HALF: &str = "a half inject is reverted";
const NEVER: &str = "revert without an inject changes nothing";
const SERDE: &str = "the undo survives serde";

/// An inject that is still pending after so many polls has no end that dropping at each could find.
const MOST_POLLS: usize = 1_000;

pub(super) async fn run<F, T, W, S>(steps: &Steps<'_, F, T, W>, report: &mut Conformance)
where
    F: Fault,
    T: AsyncFn() -> Result<F::Target>,
    W: AsyncFn(&F::Target) -> S,
    S: PartialEq + Debug,
{
    report.add(PREPARE, prepare_has_no_effect(steps).await);
    report.add(WORDS, words(steps).await);
    report.add(NAMED, irreversible_is_named(steps).await);
    if F::Undo::KIND == NoUndo::KIND {
        report.add(IN_FORCE, comes(steps).await);
        for check in [ROUND_TRIP, RESTORED, IS_GONE, TWICE, HALF, NEVER, SERDE] {
            report.not_run(check, "the fault cannot be undone");
        }
        return;
    }
    report.add(ROUND_TRIP, comes_and_goes(steps).await);
    report.add(RESTORED, restores(steps).await);
    report.add(IS_GONE, is_gone_reads(steps).await);
    report.add(TWICE, revert_twice(steps).await);
    report.add(HALF, half_inject(steps).await);
    report.add(NEVER, revert_without_inject(steps).await);
    report.add(SERDE, undo_survives_serde(steps).await);
}

macro_rules! check {
    ($(#[$doc:meta])* async fn $name:ident($steps:ident) $body:block) => {
        $(#[$doc])*
        async fn $name<F, T, W, S>($steps: &Steps<'_, F, T, W>) -> Found
        where
            F: Fault,
            T: AsyncFn() -> Result<F::Target>,
            W: AsyncFn(&F::Target) -> S,
            S: PartialEq + Debug,
        $body
    };
}

check! {
    async fn prepare_has_no_effect(steps) {
        let target = steps.target().await?;
        let found = steps.world(&target).await?;
        let _plan = steps.prepare(&target).await?;
        steps.expect_world(&target, &found, "prepare").await
    }
}

check! {
    async fn words(steps) {
        let target = steps.target().await?;
        let plan = steps.prepare(&target).await?;
        for (what, text) in [("describe", steps.fault.describe()), ("the change of the plan", plan.change().to_owned())] {
            let one_line = !text.trim().is_empty() && !text.contains(['\n', '\r']);
            expect(one_line, format!("{what} is {text:?}, not one line"))?;
        }
        let kind = F::Undo::KIND;
        let version = kind.rsplit_once('/').and_then(|(name, version)| {
            (!name.is_empty()).then(|| version.parse::<u32>().ok()).flatten()
        });
        expect(version.is_some(), format!("KIND {kind:?} does not end in a version, as in \"example.org/file-away/1\""))
    }
}

check! {
    /// An undo that does nothing must not pass for one.
    async fn irreversible_is_named(steps) {
        let target = steps.target().await?;
        let plan = steps.prepare(&target).await?;
        let has_undo = F::Undo::KIND != NoUndo::KIND;
        expect(plan.is_reversible() == has_undo, if has_undo {
            "the plan says irreversible and carries an undo"
        } else {
            "the plan says reversible and carries no undo: make it with Plan::irreversible"
        })
    }
}

check! {
    async fn comes(steps) {
        let target = steps.target().await?;
        let plan = steps.prepare(&target).await?;
        expect(!steps.is_in_force(&target, plan.undo()).await?, "observe sees it before the inject")?;
        steps.inject(&target, plan.undo()).await?;
        expect(steps.is_in_force(&target, plan.undo()).await?, "observe does not see it after the inject")
    }
}

check! {
    async fn comes_and_goes(steps) {
        let target = steps.target().await?;
        let plan = steps.prepare(&target).await?;
        let undo = plan.undo();
        expect(!steps.is_in_force(&target, undo).await?, "observe sees it before the inject")?;
        steps.inject(&target, undo).await?;
        expect(steps.is_in_force(&target, undo).await?, "observe does not see it after the inject")?;
        steps.revert(&target, undo).await?;
        expect(!steps.is_in_force(&target, undo).await?, "observe still sees it after the revert")
    }
}

check! {
    async fn restores(steps) {
        let target = steps.target().await?;
        let found = steps.world(&target).await?;
        let plan = steps.prepare(&target).await?;
        steps.inject(&target, plan.undo()).await?;
        let harmed = steps.world(&target).await?;
        expect(harmed != found, "the inject changed nothing that `world` looks at: the check cannot see a revert")?;
        steps.revert(&target, plan.undo()).await?;
        steps.expect_world(&target, &found, "the revert").await
    }
}

check! {
    async fn is_gone_reads(steps) {
        let target = steps.target().await?;
        let plan = steps.prepare(&target).await?;
        let undo = plan.undo();
        expect(steps.is_gone(&target, undo).await?, "is_gone says false before the inject")?;
        steps.inject(&target, undo).await?;
        expect(!steps.is_gone(&target, undo).await?, "is_gone says true while the fault is in force")?;
        steps.revert(&target, undo).await?;
        expect(steps.is_gone(&target, undo).await?, "is_gone says false after the revert")
    }
}

check! {
    async fn revert_twice(steps) {
        let target = steps.target().await?;
        let found = steps.world(&target).await?;
        let plan = steps.prepare(&target).await?;
        steps.inject(&target, plan.undo()).await?;
        steps.revert(&target, plan.undo()).await?;
        steps.revert(&target, plan.undo()).await.map_err(|why| format!("the second {why}"))?;
        steps.expect_restored(&target, plan.undo(), &found, "the second revert").await
    }
}

check! {
    /// Drops the inject at each of its await points: after no poll, one poll, two, until it runs to its end.
    async fn half_inject(steps) {
        for polls in 0..=MOST_POLLS {
            let cut = format!("an inject cut off after {polls} polls");
            let target = steps.target().await?;
            let found = steps.world(&target).await?;
            let plan = steps.prepare(&target).await?;
            let ended = steps.inject_in_part(&target, plan.undo(), polls).await?;
            steps.revert(&target, plan.undo()).await.map_err(|why| format!("after {cut}: {why}"))?;
            steps.expect_restored(&target, plan.undo(), &found, &format!("the revert of {cut}")).await?;
            if ended {
                return Ok(());
            }
        }
        Err(format!("inject did not end within {MOST_POLLS} polls"))
    }
}

check! {
    async fn revert_without_inject(steps) {
        let target = steps.target().await?;
        let found = steps.world(&target).await?;
        let plan = steps.prepare(&target).await?;
        steps.revert(&target, plan.undo()).await?;
        steps.expect_restored(&target, plan.undo(), &found, "the revert").await
    }
}

check! {
    /// As after SIGKILL: all that is left is the JSON.
    async fn undo_survives_serde(steps) {
        let target = steps.target().await?;
        let found = steps.world(&target).await?;
        let plan = steps.prepare(&target).await?;
        let json = serde_json::to_string(plan.undo()).map_err(|err| format!("the undo cannot be written: {err}"))?;
        steps.inject(&target, plan.undo()).await?;
        drop(plan);
        let copy: F::Undo = serde_json::from_str(&json).map_err(|err| format!("{json} cannot be read back: {err}"))?;
        steps.revert(&target, &copy).await?;
        steps.expect_restored(&target, &copy, &found, "the revert by the copy").await
    }
}
