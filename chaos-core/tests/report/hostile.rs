//! Text from outside: a title, a note, a target's name and an error are data in every form.

use chaos_core::Report;
use chaos_core::fault::Owner;
use chaos_core::report::{
    FaultWindow, Mark, Outcome, Phase, ProbeReport, Reading, StepReport, TargetReport, TargetState, Timeline,
    TimelinePoint,
};
use chaos_core::units::{ms, secs};
use proptest::prelude::*;

use super::fixture;
use super::html::elements;

/// The same text in every place that takes one.
fn everywhere(text: &str) -> Report {
    let mut report = Report::new(text, Outcome::Broken, 7, fixture::started());
    report.reason = Some(text.into());
    report.replay = text.into();
    report.blast_radius = text.into();
    let mut step = StepReport::new(text, text, text, Owner::Sweep);
    (step.asked, step.allowed, step.achieved) = (text.into(), text.into(), text.into());
    step.population = 2;
    step.targets.push(TargetReport::new(text, text, text, TargetState::Leftover).with_detail(text));
    step.protected.push(chaos_core::report::Protected::new(text, text, text));
    report.steps.push(step);
    let mut probe = ProbeReport::new(text, text);
    probe.push(Reading::new(secs(1), Phase::Before, false, text).with_value(1.0).with_detail(text));
    probe.push(Reading::new(secs(2), Phase::During, true, text).with_value(f64::NAN).with_detail(text));
    report.probes.push(probe);
    let mut timeline = Timeline::new(text, ms(100));
    timeline.points.push(TimelinePoint::new(ms(0), 1, 1).with_latency(ms(1), ms(2), ms(3)));
    timeline.windows.push(FaultWindow::new(text, secs(0), secs(3)));
    report.timeline = Some(timeline);
    report.marks.push(Mark::new(secs(1), text));
    report.notes.push(text.into());
    report
}

fn check(text: &str) {
    let report = everywhere(text);
    let page = report.to_html();
    let tame = everywhere("tame").to_html();
    let names = |page: &str| elements(page).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(&page), names(&tame), "text made elements");
    assert!(!page.to_lowercase().contains("<script"));

    assert_eq!(Report::from_json(&report.to_json()).expect("JSON of its own"), report);

    for form in [report.to_string(), report.to_markdown()] {
        for c in form.chars().filter(|c| *c != '\n') {
            assert!(!c.is_control(), "{c:?} in {form}");
            assert!(!matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'), "{c:?} in {form}");
        }
    }
    let lines = |report: &Report| report.to_markdown().lines().count();
    assert_eq!(lines(&report), lines(&everywhere("tame")), "text made lines of Markdown");

    #[cfg(feature = "junit")]
    quick_junit::Report::deserialize_from_str(&report.to_junit()).expect("JUnit that parses");
}

#[test]
fn known_tricks() {
    for text in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='alert(1)",
        "</style></title></svg><script>1</script>",
        "]]><!-- & &amp; &#60;script&#62;",
        "two\nlines\r\nand | a | table\n|---|\n# head",
        "\u{202e}drawkcab\u{2066}isolated",
        "\u{1b}[2J\u{1b}]0;owned\u{7}\u{0}\u{8}\u{9b}",
        "@everyone closes #1 https://evil.example `code` ``` ~~~ ![x](y) <details>",
        "\u{fffe}\u{ffff}\u{feff} \u{2028}\u{2029}",
        "عنوان عربي mixed עברית",
        "a\\",
    ] {
        check(text);
    }
    let long = "x".repeat(5_000);
    check(&long);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_text(text in any::<String>()) {
        // An empty text leaves its place out, which is right and another page.
        prop_assume!(!text.trim().is_empty());
        check(&text);
    }

    #[test]
    fn any_markup(text in "[<>&\"'/a-z\n\r\t|`*_@#=!\\[\\]()\\\\-]{1,60}") {
        prop_assume!(!text.trim().is_empty());
        check(&text);
    }
}

#[test]
fn markdown_mentions_nobody_and_refers_to_nothing() {
    let markdown = everywhere("@octocat closes #1, see https://evil.example").to_markdown();
    let outside_code: String = markdown.split('`').step_by(2).collect();
    assert!(
        !outside_code.contains("@octocat")
            && !outside_code.contains("#1")
            && !outside_code.contains("https://")
    );
}
