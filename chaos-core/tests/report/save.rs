//! `save`: the extension says the form.

use super::fixture;

#[test]
fn the_extension_says_the_form_and_folders_are_made() {
    let folder = tempfile::tempdir().unwrap();
    let report = fixture::leftover();
    for (name, form) in [
        ("a/b/report.html", report.to_html()),
        ("report.json", report.to_json()),
        ("report.MD", report.to_markdown()),
        ("report.txt", report.to_string()),
        #[cfg(feature = "junit")]
        ("report.xml", report.to_junit()),
    ] {
        let path = folder.path().join(name);
        report.save(&path).unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), form, "{name}");
    }
}

#[test]
fn an_unknown_form_is_an_error_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["sub/report.pdf", "sub/report"] {
        let error = fixture::held().save(folder.path().join(name)).unwrap_err();
        assert!(error.is_invalid(), "{error}");
        assert!(error.to_string().contains(".html"), "{error}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_written_says_where() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("taken"), "").unwrap();
    let error = fixture::held().save(folder.path().join("taken/report.txt")).unwrap_err();
    assert!(error.is_failed() && error.to_string().contains("taken"), "{error}");
}
