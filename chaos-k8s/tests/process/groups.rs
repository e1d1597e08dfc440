//! Faults on all processes of a cgroup at once: frozen, and killed.

use std::time::Instant;

use chaos_core::testing::conformance;
use chaos_core::units::{ms, secs};
use chaos_core::{BlastRadius, Chaos, Fault, Injection, Ledger, Mode, Owner, Targets};
use chaos_k8s::Node;
use chaos_k8s::node::Cgroup;
use chaos_k8s::node::process;

use crate::deaths::rounds;
use crate::group::{Group, is_v2};
use crate::injector::Injector;
use crate::support::{Need, Test};
use crate::victim::{Victim, block_on, wait_until};

pub(crate) const TESTS: &[Test] = &[
    ("a_freeze_keeps_its_contract", &[Need::Root], conforms),
    ("nothing_in_a_frozen_cgroup_makes_progress", &[Need::Root], no_progress),
    ("what_is_forked_and_what_is_below_is_frozen_too", &[Need::Root], below),
    ("a_freeze_that_would_do_nothing_or_harm_us_is_refused", &[Need::Root], refused),
    ("somebody_else_s_thaw_is_seen_and_a_successor_is_left_alone", &[Need::Root], others),
    ("a_killed_injector_s_freeze_is_taken_back_by_its_guardian", &[Need::Root], killed_injector),
    ("a_stopped_injector_s_freeze_ends_at_the_guardian_s_deadline", &[Need::Root], stopped_injector),
    ("all_of_a_cgroup_are_killed_and_nobody_else", &[Need::Root], killed),
];

/// A process in a cgroup.
fn contained(group: &Group) -> Victim {
    let victim = Victim::counts();
    group.take(victim.pid());
    victim
}

fn cgroup(chaos: &Chaos, group: &Group) -> (Node, Cgroup) {
    let node = Node::new(chaos);
    let cgroup = node.cgroup_at(group.main()).unwrap();
    (node, cgroup)
}

async fn frozen(group: &Group) -> Injection {
    let chaos = Chaos::seeded(1);
    let (node, cgroup) = cgroup(&chaos, group);
    let ledger = Ledger::in_memory(node.undos().unwrap());
    let step = process::freeze().on(Targets::one(cgroup), Mode::ALL).lasting(secs(600));
    let guardian = crate::guardian();
    let inject = chaos.inject(step, BlastRadius::count(1).unwrap()).ledger(ledger);
    inject.guardian(guardian, secs(600)).begin().await.unwrap()
}

fn conforms() {
    let group = Group::new();
    let victim = contained(&group);
    let world = async |_: &Cgroup| group.is_frozen();
    block_on(async {
        conformance(process::freeze(), async || Ok(cgroup(&Chaos::seeded(1), &group).1), world)
            .await
            .assert_passed();
    });
    victim.goes_on_after(Instant::now());
    drop(victim);
}

fn no_progress() {
    let group = Group::new();
    let (victim, other) = (contained(&group), Victim::counts());
    block_on(async {
        let injection = frozen(&group).await;
        let (_, seen) = injection.observe().await.remove(0);
        assert!(seen.unwrap().is_in_force());
        let before = victim.progress();
        std::thread::sleep(secs(1));
        assert_eq!(victim.progress(), before);
        other.goes_on_after(Instant::now());
        let reverted = Instant::now();
        injection.revert().await.unwrap();
        println!("after a freeze every thread goes on in {:?}", victim.goes_on_after(reverted));
    });
    assert!(!group.is_frozen());
    drop(victim);
}

fn below() {
    let pod = Group::new();
    let container = pod.child("container");
    // Without a pause it makes threads.
    let victim = Victim::makes_threads();
    container.take(victim.pid());
    block_on(async {
        let injection = frozen(&pod).await;
        let before = victim.progress();
        std::thread::sleep(ms(200));
        assert_eq!(victim.progress(), before);
        // Whoever comes in stands still as well.
        let late = Victim::counts();
        container.take(late.pid());
        wait_until("the late one stands still", || {
            let before = late.progress();
            std::thread::sleep(ms(50));
            late.progress() == before
        });
        injection.revert().await.unwrap();
        late.goes_on_after(Instant::now());
        drop(late);
    });
    victim.goes_on_after(Instant::now());
    drop(victim);
}

fn refused() {
    let chaos = Chaos::seeded(1);
    let node = Node::new(&chaos);
    let refusal = |cgroup: Cgroup| {
        let frozen = block_on(process::freeze().prepare(&cgroup)).unwrap_err();
        let killed = block_on(process::kill_all().prepare(&cgroup)).err();
        assert!(frozen.is_refused() && killed.is_none_or(|error| error.is_refused()));
        frozen.to_string()
    };
    // Whether by name or because it holds all.
    for ours in [node.own_cgroup().unwrap(), node.host().unwrap()] {
        assert!(refusal(ours).contains("this program is in"));
    }
    let pod = Group::new();
    let group = pod.child("container");
    let (_, empty) = cgroup(&chaos, &group);
    assert!(refusal(empty).contains("no process is in"));
    let victim = contained(&group);
    // By itself, and by a cgroup above it.
    for frozen_one in [&group, &pod] {
        block_on(async {
            let injection = frozen(frozen_one).await;
            let (_, again) = cgroup(&chaos, &group);
            let error = process::freeze().prepare(&again).await.unwrap_err();
            assert!(error.is_refused() && error.to_string().contains("stands still already"), "{error}");
            injection.revert().await.unwrap();
        });
    }
    // Without a guardian it would stay.
    let targets = Targets::one(cgroup(&chaos, &group).1);
    let ledger = Ledger::in_memory(node.undos().unwrap());
    let radius = BlastRadius::count(1).unwrap();
    let begun = chaos.inject(process::freeze().on(targets, Mode::ALL), radius).ledger(ledger);
    let error = block_on(begun.begin()).unwrap_err();
    assert!(error.is_refused() && error.to_string().contains("guardian"), "{error}");
    drop(victim);
}

fn others() {
    let group = Group::new();
    let victim = contained(&group);
    block_on(async {
        let injection = frozen(&group).await;
        group.thaw();
        victim.goes_on_after(Instant::now());
        let (_, seen) = injection.observe().await.remove(0);
        let seen = seen.unwrap();
        assert!(!seen.is_in_force() && seen.detail().contains("somebody has thawed it"), "{seen:?}");
        injection.revert().await.unwrap();

        // One of the same name that somebody else froze.
        let injection = frozen(&group).await;
        group.thaw();
        drop(victim);
        group.make_anew();
        let successor = contained(&group);
        group.freeze();
        injection.revert().await.unwrap();
        assert!(group.is_frozen());
        group.thaw();
        successor.goes_on_after(Instant::now());
        drop(successor);
    });
}

fn killed_injector() {
    let group = Group::new();
    let victim = contained(&group);
    rounds("freeze", &victim, || group.is_frozen());
    drop(victim);
}

fn stopped_injector() {
    let group = Group::new();
    let victim = contained(&group);
    let mut injector = Injector::with("freeze for 300 ms", victim.pid());
    injector.stop();
    println!("freeze for 300 ms: it goes on after {:?}", victim.goes_on_after(Instant::now()));
    wait_until("the guardian's deadline", || injector.log().contains("deadline"));
    injector.kill();
    wait_until("the ledger is done", || injector.ledger_is_done());
    drop(victim);
}

fn killed() {
    let pod = Group::new();
    let (one, another) = (pod.child("one"), pod.child("another"));
    let (mut first, mut second, mut other) = (contained(&one), contained(&another), Victim::counts());
    let chaos = Chaos::seeded(1);
    let (_, target) = cgroup(&chaos, &pod);
    block_on(async {
        let plan = process::kill_all().prepare(&target).await.unwrap();
        let how = if is_v2() { "cgroup.kill" } else { "one by one" };
        assert!(plan.owner() == Owner::Nobody && plan.change().contains(how), "{}", plan.change());
        let step = process::kill_all().on(Targets::one(target), Mode::ALL);
        let injection = chaos.inject(step, BlastRadius::count(1).unwrap()).begin().await.unwrap();
        wait_until("both have ended", || first.has_ended() && second.has_ended());
        let (_, seen) = injection.observe().await.remove(0);
        assert!(seen.unwrap().is_in_force());
        injection.revert().await.unwrap();
    });
    assert!(!other.has_ended());
    let (_, empty) = cgroup(&chaos, &pod);
    let error = block_on(process::kill_all().prepare(&empty)).unwrap_err();
    assert!(error.is_refused() && error.to_string().contains("no process is in"), "{error}");
}
