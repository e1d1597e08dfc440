//! What is done to packets here and by the kernel's own netem, on a kernel that has it: the same shares.

use std::collections::BTreeSet;
use std::time::Duration;

use chaos_core::units::ms;
use chaos_k8s::node::net::{LossModel, Netem, Odds, Reorder};

use super::scene::{Scene, TARGET, in_batches, odds, percent, tc};
use super::support::{Need, Test};

pub(crate) const TESTS: &[Test] =
    &[("the_kernels_netem_does_the_same", &[Need::Root, Need::Nft, Need::Tun, Need::Netem], same)];

/// Where packets are lost in bursts, which are fewer, more are sent.
const MANY: u32 = 3_000;
const MANY_IN_BURSTS: u32 = 5_000;
/// How long packets wait that others overtake: so much longer than it takes to send a batch that who overtakes whom is the dice's
/// alone, also on a busy machine.
const WAIT: Duration = ms(200);

/// The shares of packets that are lost, lost after a lost one, come twice, come after a later one.
fn shares(came: &[u32], count: u32) -> [f64; 4] {
    let distinct: BTreeSet<_> = came.iter().copied().collect();
    let is_lost = |number: &u32| !distinct.contains(number);
    let lost = (0..count).filter(is_lost).count() as f64;
    let together = (1..count).filter(|number| is_lost(number) && is_lost(&(number - 1))).count() as f64;
    let mut highest = 0;
    let late = came.iter().filter(|number| {
        let is_late = **number < highest;
        highest = highest.max(**number);
        is_late
    });
    let late = late.count() as f64;
    let many = f64::from(count);
    [lost / many, together / lost.max(1.0), (came.len() - distinct.len()) as f64 / many, late / many]
}

fn same() {
    let loss = |model| Netem { loss: Some(model), ..Netem::default() };
    let reorder = |gap| Some(Reorder { odds: percent(25.0).into(), gap });
    let elliott = LossModel::GilbertElliott {
        p: percent(2.0),
        r: percent(20.0),
        bad: percent(70.0),
        good: percent(0.5),
    };
    let four = LossModel::FourState {
        p13: percent(2.0),
        p31: percent(20.0),
        p32: percent(10.0),
        p23: percent(30.0),
        p14: percent(1.0),
    };
    let cases = [
        ("loss 30%", loss(LossModel::Random(percent(30.0).into()))),
        ("loss 30% 50%", loss(LossModel::Random(Odds::of(percent(30.0)).correlated(percent(50.0))))),
        ("loss gemodel 2% 20% 70% 0.5%", loss(elliott)),
        ("loss state 2% 20% 10% 30% 1%", loss(four)),
        ("duplicate 20%", Netem { duplicate: odds(20.0), ..Netem::default() }),
        ("corrupt 20%", Netem { corrupt: odds(20.0), ..Netem::default() }),
        ("delay 200ms reorder 25%", Netem { delay: WAIT, reorder: reorder(1), ..Netem::default() }),
        ("delay 200ms reorder 25% gap 5", Netem { delay: WAIT, reorder: reorder(5), ..Netem::default() }),
    ];
    let mut wrong = Vec::new();
    for (said, netem) in cases {
        let scene = Scene::new();
        let (sender, receiver) = (scene.sender(), scene.receiver(TARGET));
        let is_in_bursts = said.contains("gemodel") || said.contains("state");
        let count = if is_in_bursts { MANY_IN_BURSTS } else { MANY };
        let (batch, pause) = if netem.delay.is_zero() { (250, ms(30)) } else { (750, WAIT + ms(30)) };
        let sent = || shares(&in_batches(&sender, &receiver, (count, batch), 100, pause), count);
        let siding = scene.netem(netem);
        let ours = sent();
        assert!(!siding.counters().broken, "{said}");
        scene.unsteer();
        drop(siding);
        // Losses in bursts stray most. A formula that does otherwise is further off.
        let bound = if is_in_bursts { 0.1 } else { 0.05 };
        // The kernel's draws are its own: once in a hundred times they are as far off by chance, twice in a row they are not.
        let agrees = (0..2).any(|_| {
            scene.here.inside(|| tc(&format!("qdisc add dev v0 root netem limit 100000 {said}")));
            let kernels = sent();
            scene.here.inside(|| tc("qdisc del dev v0 root"));
            let show = |shares: [f64; 4]| shares.map(|share| format!("{share:.3}")).join(" ");
            println!(
                "{said}: lost, after a lost one, twice, late: {}, the kernel {}",
                show(ours),
                show(kernels)
            );
            ours.iter().zip(kernels).all(|(ours, kernels)| (ours - kernels).abs() <= bound)
        });
        if !agrees {
            wrong.push(said);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
