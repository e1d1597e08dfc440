//! The forms against files that people have looked at. `CHAOS_UPDATE_GOLDEN=1` writes them anew.

use std::fs;
use std::path::PathBuf;

use super::fixture;

fn check(name: &str, form: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/report").join(name);
    if std::env::var_os("CHAOS_UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, form).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(golden == form, "{name} has changed; look, then CHAOS_UPDATE_GOLDEN=1\n--- now\n{form}");
}

#[test]
fn text() {
    for (name, report) in fixture::all() {
        let text = report.to_string();
        for line in text.lines().filter(|line| !line.starts_with("seed ")) {
            assert!(line.chars().count() <= 100, "{name}: {line:?}");
            assert_eq!(line, line.trim_end());
        }
        check(&format!("{name}.txt"), &text);
    }
}

#[test]
fn markdown() {
    for (name, report) in fixture::all() {
        check(&format!("{name}.md"), &report.to_markdown());
    }
}

#[cfg(feature = "junit")]
#[test]
fn junit() {
    for (name, report) in fixture::all() {
        check(&format!("{name}.xml"), &report.to_junit());
    }
}

#[test]
fn json() {
    for (name, report) in [("leftover", fixture::leftover()), ("refused", fixture::refused())] {
        check(&format!("{name}.json"), &report.to_json());
    }
}
