//! JUnit: the form that CI servers read, by the `quick-junit` crate.

use quick_junit::{NonSuccessKind, Property, TestCase, TestCaseStatus, TestSuite, XmlString};

use super::words;
use crate::report::{Outcome, ProbeReport, Report};

impl Report {
    /// The report as JUnit XML: one test case for the experiment and one per probe.
    ///
    /// | | test case |
    /// |---|---|
    /// | held | passes |
    /// | broken, inconclusive | fails: an experiment that proved nothing never passes |
    /// | refused, aborted, cleanup failed | is in error |
    /// | a probe that was never read | is skipped, beside an experiment that did not pass |
    pub fn to_junit(&self) -> String {
        let mut suite = TestSuite::new(self.title.as_str());
        // As an attribute of its own, which spares a second library of dates.
        suite.extra.insert("timestamp".into(), self.started.to_string().into());
        suite.set_time(self.elapsed);
        for (name, value) in
            [("seed", &self.seed.to_string()), ("replay", &self.replay), ("blast radius", &self.blast_radius)]
        {
            suite.add_property(Property::new(name, value.as_str()));
        }
        suite.add_test_case(self.experiment());
        // Two probes may share a name; CI servers take cases of one name for reruns.
        let mut names = std::collections::HashMap::<&str, u32>::new();
        for probe in &self.probes {
            let nth = names.entry(&probe.name).and_modify(|nth| *nth += 1).or_insert(1);
            suite.add_test_case(self.probe(probe, *nth));
        }
        let mut report = quick_junit::Report::new("chaos");
        report.set_time(self.elapsed);
        report.add_test_suite(suite);
        #[expect(
            clippy::expect_used,
            reason = "writing to memory, with invalid characters filtered by the crate"
        )]
        report.to_string().expect("JUnit is written to memory")
    }

    fn experiment(&self) -> TestCase {
        let kind = match self.outcome {
            Outcome::Held => None,
            Outcome::Broken | Outcome::Inconclusive => Some(NonSuccessKind::Failure),
            Outcome::Refused | Outcome::Aborted | Outcome::CleanupFailed => Some(NonSuccessKind::Error),
        };
        let status = kind.map_or_else(TestCaseStatus::success, |kind| {
            let reason = self.reason.as_deref().unwrap_or_else(|| self.outcome.verdict());
            let mut status = TestCaseStatus::non_success(kind);
            status.set_type(self.outcome.to_string()).set_message(format!("{}: {reason}", self.outcome));
            status
        });
        let mut case = TestCase::new("experiment", status);
        case.set_classname(self.title.as_str()).set_time(self.elapsed).set_system_out(self.to_string());
        case
    }

    fn probe(&self, probe: &ProbeReport, nth: u32) -> TestCase {
        let status = match (probe.taken, probe.held) {
            (0, _) => {
                let mut status = TestCaseStatus::skipped();
                status.set_message("never read");
                status
            }
            (_, true) => TestCaseStatus::success(),
            (_, false) => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                let tolerance = format!("{}: {}", probe.tolerance, words::readings(probe));
                status.set_type("out of tolerance").set_message(tolerance).set_description(failures(probe));
                status
            }
        };
        let suffix = if nth > 1 { format!(" ({nth})") } else { String::new() };
        let mut case = TestCase::new(format!("probe: {}{suffix}", probe.name), status);
        case.set_classname(self.title.as_str());
        case
    }
}

fn failures(probe: &ProbeReport) -> XmlString {
    let failed = probe.readings.iter().filter(|reading| !reading.ok);
    let lines: Vec<_> = failed
        .map(|reading| {
            let at = words::duration(reading.at);
            format!("{at} {}: {} {}", reading.phase, reading.text, reading.detail).trim_end().to_owned()
        })
        .collect();
    lines.join("\n").into()
}
