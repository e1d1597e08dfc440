//! What cannot be guarded is refused before anything is touched.

use std::path::Path;

use chaos_core::units::secs;
use chaos_core::{BlastRadius, Chaos, Error, Experiment, Fault, Guardian, Ledger, Mode, Targets, Undos};

use crate::LACKS_THE_LINE;
use crate::Test;
use crate::fault::{File, Held, KNOWS_NOTHING, Wrong};
use crate::place::Place;

pub(crate) const TESTS: &[Test] = &[
    ("a_program_without_the_line_is_refused_and_told_what_to_add", without_the_line),
    ("a_guardian_that_does_not_know_the_kind_is_refused", unknown_kind),
    ("a_fault_that_needs_a_guardian_is_refused_without_one", without_a_guardian),
    ("a_guardian_does_not_start_guardians", no_second_generation),
    ("a_plan_names_what_a_guardian_does_not_cover", planned),
];

fn inject(place: &Place, guardian: Option<Guardian>) -> Error {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let undos = Undos::none().with::<Held>(()).unwrap();
        let ledger = std::sync::Arc::new(Ledger::open(place.ledger(), undos).unwrap());
        let fault = Wrong("wrong").on(Targets::one(File(place.file(0))), Mode::ALL);
        let inject = Chaos::seeded(7).inject(fault, BlastRadius::count(1).unwrap()).ledger(ledger.clone());
        let inject = match guardian {
            Some(guardian) => inject.guardian(guardian, secs(60)),
            None => inject,
        };
        let error = inject.begin().await.unwrap_err();
        assert!(place.is_restored(), "nothing was touched");
        assert!(ledger.open_entries().is_empty(), "and nothing is to sweep");
        error
    })
}

fn without_the_line() {
    let place = Place::new();
    for (program, args, seen) in [
        ("true", vec![], "ended without a word"),
        ("echo", vec!["hello"], "said something else"),
        // Never reads, never writes.
        ("sh", vec!["-c", "exec sleep 60"], "said nothing for 10s"),
    ] {
        let path = Path::new("/bin").join(program);
        let error = inject(&place, Some(Guardian::of_program(path).args(args)));
        assert!(error.is_refused(), "{error}");
        assert!(error.to_string().contains(seen), "{error}");
        assert!(
            error.to_string().contains("let guardian = chaos_core::guardian::run_if_asked(undos);"),
            "{error}"
        );
    }
    let error = inject(&place, Some(Guardian::of_program("/nonexistent/program")));
    assert!(error.is_failed() && error.to_string().contains("/nonexistent/program"), "{error}");
    let log = place.file(0).join("log");
    let error = inject(&place, Some(Guardian::of_program("/bin/true").log(log)));
    assert!(error.is_failed() && error.to_string().contains("log"), "{error}");
}

fn unknown_kind() {
    let place = Place::new();
    let mut injector = place.start("hold", &[(KNOWS_NOTHING, "1")]);
    assert!(!injector.wait().success());
    assert!(place.is_restored() && place.reverted_by().is_empty());
    place.wait_for_no_ledger();
}

fn without_a_guardian() {
    let error = inject(&Place::new(), None);
    assert!(error.is_refused() && error.to_string().contains(".guardian("), "{error}");
}

/// A `main` that lacks the line and arms would otherwise start processes without end.
fn no_second_generation() {
    let place = Place::new();
    let mut injector = place.start("hold", &[(LACKS_THE_LINE, "1")]);
    assert!(!injector.wait().success());
    assert!(place.is_restored() && place.reverted_by().is_empty());
    let generations = std::fs::read_to_string(place.log_of_starts()).unwrap();
    assert_eq!(generations.lines().count(), 2, "the injector, and what it took for a guardian");
}

fn planned() {
    let place = Place::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let plan = runtime.block_on(async {
        let undos = Undos::none().with::<Held>(()).unwrap();
        let experiment = Experiment::new(&Chaos::seeded(7), "somebody takes it back")
            .fault(Wrong("wrong").on(Targets::one(File(place.file(0))), Mode::ALL))
            .blast_radius(BlastRadius::count(1).unwrap())
            .lasting(secs(1))
            .ledger(Ledger::in_memory(undos));
        experiment.plan().await.unwrap().to_string()
    });
    assert!(
        plan.contains("taken back by: guardian; by the next sweep, if its container is killed whole"),
        "{plan}"
    );
}
