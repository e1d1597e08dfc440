//! What must not compile does not, and the compiler says what is missing.

#[test]
fn an_experiment_that_lacks_something_does_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/complete.rs");
    cases.compile_fail("tests/ui/no_*.rs");
    cases.compile_fail("tests/ui/not_*.rs");
}
