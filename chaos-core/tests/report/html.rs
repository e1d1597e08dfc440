//! The page: complete in itself, right for no point, one point and ten thousand, for several faults.

use chaos_core::Report;
use chaos_core::report::{FaultWindow, Timeline, TimelinePoint};
use chaos_core::units::{ms, secs, us};
use quick_xml::Reader;
use quick_xml::events::Event;

use super::fixture;

/// Every element of the page with its attributes; panics when the page is not well-formed.
pub(crate) fn elements(page: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut reader = Reader::from_str(page);
    reader.config_mut().check_end_names = true;
    let (mut found, mut depth) = (Vec::new(), 0i64);
    loop {
        let event = reader.read_event().unwrap_or_else(|error| panic!("{error}\n{page}"));
        match &event {
            Event::Start(tag) | Event::Empty(tag) => {
                depth += i64::from(matches!(event, Event::Start(_)));
                let name = String::from_utf8(tag.name().as_ref().to_vec()).unwrap();
                let attributes = tag.attributes().map(|attribute| {
                    let attribute = attribute.unwrap();
                    let key = String::from_utf8(attribute.key.as_ref().to_vec()).unwrap();
                    (key, String::from_utf8(attribute.value.to_vec()).unwrap())
                });
                found.push((name, attributes.collect()));
            }
            Event::End(_) => depth -= 1,
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(depth, 0, "unclosed elements");
    found
}

fn count(page: &str, element: &str, class: &str) -> usize {
    let has = |attributes: &[(String, String)]| {
        attributes.iter().any(|(name, value)| name == "class" && value.split(' ').any(|word| word == class))
    };
    elements(page).iter().filter(|(name, attributes)| name == element && has(attributes)).count()
}

fn with_timeline(points: u64, windows: u64) -> Report {
    let mut report = fixture::held();
    let mut timeline = Timeline::new("payments", ms(100));
    for index in 0..points {
        let point = TimelinePoint::new(ms(index * 100), 5, index % 3);
        timeline.points.push(point.with_latency(us(900 + index), ms(3), ms(9 + index % 90)));
    }
    for index in 0..windows {
        timeline.windows.push(FaultWindow::new(format!("fault {index}"), secs(index), secs(index + 4)));
    }
    report.timeline = Some(timeline);
    report
}

#[test]
fn the_page_is_complete_in_itself() {
    for (_, report) in fixture::all() {
        let page = report.to_html();
        for (name, attributes) in elements(&page) {
            assert!(
                !["script", "link", "img", "iframe", "object", "base"].contains(&name.as_str()),
                "{name}"
            );
            for (attribute, _) in attributes {
                assert!(!attribute.starts_with("on"), "{name} {attribute}");
                assert!(
                    !["src", "href", "style", "action"].contains(&attribute.as_str()),
                    "{name} {attribute}"
                );
            }
        }
        assert!(!page.contains("url(") && !page.contains("@import"));
        assert!(page.contains("prefers-color-scheme: dark") && page.contains("@media print"));
    }
}

#[test]
fn the_page_shows_what_the_report_holds() {
    let page = fixture::broken().to_html();
    for text in [
        "checkout survives a slow and failing payment service",
        "p99 of payments was 464 ms at 42.0 s, wanted at most 200 ms",
        "probability 0.3",
        "at most 10 % of matching operations",
        "9.97 % of matching operations",
        "120 of 1,204 matching operations",
        "241 held back by the cap",
        "CHAOS_SEED=7 cargo test --test checkout",
        "a misspelt name?",
        "status 200 within 200 ms",
        "injected latency 300 ms at payments",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert_eq!(count(&page, "rect", "bar"), 2, "one per fault window");
    assert_eq!(count(&page, "line", "mark"), 5);
    assert_eq!(count(&page, "rect", "silent"), 2, "the pause and its entry in the legend");
}

#[test]
fn graphics_and_tables_can_be_read_aloud() {
    let page = fixture::broken().to_html();
    for (name, attributes) in elements(&page) {
        let has = |name: &str| attributes.iter().any(|(attribute, _)| attribute == name);
        match name.as_str() {
            "svg" => assert!(has("aria-labelledby") || has("aria-label") || has("aria-hidden")),
            "th" => assert!(has("scope")),
            _ => {}
        }
    }
    assert!(page.contains("<desc id=\"chart-summary\">") && page.contains("lang=\"en\""));
}

#[test]
fn no_point_and_one_point() {
    let page = with_timeline(0, 2).to_html();
    elements(&page);
    assert!(page.contains("Nothing was recorded."));

    let page = with_timeline(1, 1).to_html();
    assert_eq!(count(&page, "circle", "point"), 3, "a value alone is a dot for each percentile");

    let mut silent = with_timeline(3, 0);
    silent.timeline.as_mut().unwrap().points = vec![TimelinePoint::new(ms(0), 0, 0)];
    let page = silent.to_html();
    elements(&page);
    assert!(page.contains("no call ended, so no latency"));
}

#[test]
fn ten_thousand_points_stay_a_page() {
    let report = with_timeline(10_000, 12);
    let page = report.to_html();
    assert!(page.len() < 600_000, "{} bytes", page.len());
    assert!(count(&page, "rect", "hover") <= 480);
    assert!(page.contains("of its 21 buckets"));
    assert!(page.contains("50,000 calls"), "grouping loses no call");
}

#[test]
fn nothing_is_drawn_outside_or_nowhere() {
    for report in [fixture::broken(), with_timeline(1, 3), with_timeline(10_000, 40), with_timeline(2, 0)] {
        for (name, attributes) in elements(&report.to_html()) {
            for (attribute, value) in attributes {
                let geometry = ["x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "width", "height", "d"];
                if geometry.contains(&attribute.as_str()) {
                    assert!(!value.contains("NaN") && !value.contains("inf"), "{name} {attribute}={value}");
                    assert!(!value.starts_with('-'), "{name} {attribute}={value}");
                }
            }
        }
    }
}

/// Pages for people: after a test run they are in `target/tmp/report/`.
#[test]
fn pages_to_look_at() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    let crowded = ("crowded", with_timeline(10_000, 12));
    for (name, report) in fixture::all().into_iter().chain([crowded, ("one-point", with_timeline(1, 1))]) {
        let path = folder.join(format!("{name}.html"));
        report.save(&path).unwrap();
        assert!(std::fs::metadata(path).unwrap().len() > 5_000);
    }
}
