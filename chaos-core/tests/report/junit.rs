//! JUnit as a CI server reads it: only a held experiment passes.

use chaos_core::Report;
use chaos_core::report::Outcome;
use quick_junit::{NonSuccessKind, Report as Junit, TestCaseStatus};

use super::fixture;

fn parsed(report: &Report) -> Junit {
    Junit::deserialize_from_str(&report.to_junit()).expect("JUnit that parses")
}

#[test]
fn one_case_for_the_experiment_and_one_per_probe() {
    let junit = parsed(&fixture::broken());
    let suite = &junit.test_suites[0];
    let names: Vec<_> = suite.test_cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names[0], "experiment");
    assert_eq!(names.len(), 4);
    // Broken experiment, failed probe; the probe that was never read is skipped.
    assert_eq!((suite.tests, suite.failures, suite.errors, suite.skipped), (4, 2, 0, 1));
    assert!(
        suite
            .properties
            .iter()
            .any(|property| property.name.as_str() == "seed" && property.value.as_str() == "7")
    );
}

#[test]
fn no_outcome_but_held_passes() {
    for outcome in [
        Outcome::Held,
        Outcome::Broken,
        Outcome::Inconclusive,
        Outcome::Aborted,
        Outcome::Refused,
        Outcome::CleanupFailed,
    ] {
        let mut report = fixture::held();
        report.outcome = outcome;
        let junit = parsed(&report);
        let status = &junit.test_suites[0].test_cases[0].status;
        let kind = match status {
            TestCaseStatus::NonSuccess { kind, message, .. } => {
                assert!(message.as_ref().unwrap().as_str().starts_with(&outcome.to_string()));
                Some(*kind)
            }
            TestCaseStatus::Success { .. } => None,
            TestCaseStatus::Skipped { .. } => panic!("{outcome}: skipped"),
        };
        let expected = match outcome {
            Outcome::Held => None,
            Outcome::Broken | Outcome::Inconclusive => Some(NonSuccessKind::Failure),
            _ => Some(NonSuccessKind::Error),
        };
        assert_eq!(kind, expected, "{outcome}");
    }
}

#[test]
fn probes_of_one_name_stay_apart() {
    let mut report = fixture::broken();
    report.probes[1].name = report.probes[0].name.clone();
    let junit = parsed(&report);
    let mut names: Vec<_> = junit.test_suites[0].test_cases.iter().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 4);
}
