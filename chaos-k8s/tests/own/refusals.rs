//! What is refused, before anything is made.

use chaos_core::Chaos;
use chaos_core::units::ms;
use chaos_k8s::node::net::own::{NetemFault, Runner};
use chaos_k8s::node::net::{IfName, Netem};

use super::scene::{NEEDS, Scene};
use super::support::Test;

pub(crate) const TESTS: &[Test] = &[
    ("an_unknown_device_is_refused", NEEDS, unknown),
    ("a_name_that_is_taken_is_refused", NEEDS, taken),
    ("a_paused_clock_is_refused", &[], paused),
];

fn fault() -> NetemFault {
    NetemFault::try_new(Netem { delay: ms(1), ..Netem::default() }).unwrap()
}

fn unknown() {
    let scene = Scene::new();
    let mut place = scene.place("tap7");
    place.device = IfName::try_new("nowhere0").unwrap();
    let error = scene.runner.open(&place, fault()).unwrap_err();
    assert!(error.is_invalid() && error.to_string().contains("nowhere0"), "{error}");
    assert!(!scene.has_tap());
}

fn taken() {
    let scene = Scene::new();
    let error = scene.runner.open(&scene.place("v0"), fault()).unwrap_err();
    assert!(error.is_conflict() && error.to_string().contains("v0 is taken"), "{error}");
    let _first = scene.runner.open(&scene.place("tap7"), fault()).unwrap();
    assert!(scene.runner.open(&scene.place("tap7"), fault()).unwrap_err().is_conflict());
}

fn paused() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let error = runtime.block_on(async { Runner::start(&Chaos::seeded(1)).unwrap_err() });
    assert!(error.is_clock(), "{error}");
}
