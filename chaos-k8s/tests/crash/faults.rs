//! The faults whose ends are tried.

use chaos_core::units::ms;
use chaos_k8s::node::net::{self, Bandwidth, Carrier, Flow};

use crate::group;
use crate::injector::Wanted;
use crate::matrix::{Matrix, Owner};
use crate::scene::PEER;
use crate::support::{Need, Test};
use crate::world::{Names, Packets, Paused, Stressed, World};

pub(crate) const TESTS: &[Test] = &[
    ("drop", &[Need::Root, Need::Ptrace, Need::Nft], dropped),
    ("bandwidth", &[Need::Root, Need::Ptrace, Need::Nft], bandwidth),
    ("delay", &[Need::Root, Need::Ptrace, Need::Nft, Need::Netem], delay),
    ("own", &[Need::Root, Need::Ptrace, Need::Nft, Need::Tun, Need::Tcx], own),
    ("filters", &[Need::Root, Need::Ptrace, Need::Filters], filters),
    ("dns", &[Need::Root, Need::Ptrace, Need::Nft], dns),
    ("pause", &[Need::Root, Need::Ptrace], pause),
    ("stop", &[Need::Root, Need::Ptrace], stop),
];

/// In the version of cgroups that is in use here.
pub(crate) fn of_cgroups() -> Test {
    if group::is_v2() {
        ("stress_v2", &[Need::Root, Need::Ptrace, Need::Cgroup2], stress)
    } else {
        ("stress_v1", &[Need::Root, Need::Ptrace, Need::Cgroup1], stress)
    }
}

fn try_all(fault: &'static str, owner: Owner, mut world: impl World) {
    Matrix { fault, owner, world: &mut world }.try_all();
}

fn dropped() {
    let rule = net::drop().between(Flow::peer(PEER).unwrap()).into_rule();
    try_all("drop", Owner::Kernel, Packets::under(rule));
}

fn bandwidth() {
    // One packet of 50 bytes passes at once; the next waits until its overdraft of 40 is paid back, for 64 ms.
    let rule = net::bandwidth(Bandwidth::kbit(5).unwrap()).burst(10).to(Flow::all()).into_rule();
    try_all("bandwidth", Owner::Kernel, Packets::under(rule));
}

fn delay() {
    let rule = net::delay(ms(80)).between(Flow::all()).into_rule();
    try_all("delay", Owner::Kernel, Packets::under(rule));
}

/// Delayed by the injector itself, through which the packets go.
fn own() {
    let rule = net::delay(ms(80)).between(Flow::all()).carrier(Carrier::Process).into_rule();
    try_all("delay through the injector", Owner::Kernel, Packets::under(rule));
}

fn filters() {
    let rule = net::drop().between(Flow::peer(PEER).unwrap()).into_rule();
    let without = &["owned tables", "nf_tables"];
    try_all("drop by filters", Owner::Kernel, Packets::without(without, rule));
}

fn dns() {
    try_all("dns", Owner::Kernel, Names::new());
}

fn stress() {
    let name = if group::is_v2() { "stress, cgroup v2" } else { "stress, cgroup v1" };
    try_all(name, Owner::Kernel, Stressed::new());
}

fn pause() {
    try_all("pause", Owner::Kernel, Paused::by(|pid| Wanted::Pause { pid }));
}

fn stop() {
    try_all("SIGSTOP", Owner::Guardian, Paused::by(|pid| Wanted::Stop { pid }));
}
