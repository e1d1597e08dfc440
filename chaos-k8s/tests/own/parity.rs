//! What is done to packets here and by the kernel's own netem, on a kernel that has it: the same shares.

use std::collections::BTreeSet;

use chaos_core::units::ms;
use chaos_k8s::node::net::{LossModel, Netem, Odds, Reorder};

use super::scene::{Scene, TARGET, numbers, odds, percent, tc};
use super::support::{Need, Test};

pub(crate) const TESTS: &[Test] =
    &[("the_kernels_netem_does_the_same", &[Need::Root, Need::Nft, Need::Tun, Need::Netem], same)];

const MANY: u32 = 8_000;

/// The shares of packets that are lost, lost after a lost one, come twice, come after a later one.
fn shares(came: &[u32]) -> [f64; 4] {
    let distinct: BTreeSet<_> = came.iter().copied().collect();
    let is_lost = |number: &u32| !distinct.contains(number);
    let lost = (0..MANY).filter(is_lost).count() as f64;
    let together = (1..MANY).filter(|number| is_lost(number) && is_lost(&(number - 1))).count() as f64;
    let mut highest = 0;
    let late = came.iter().filter(|number| {
        let is_late = **number < highest;
        highest = highest.max(**number);
        is_late
    });
    let late = late.count() as f64;
    let many = f64::from(MANY);
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
        ("delay 5ms reorder 25%", Netem { delay: ms(5), reorder: reorder(1), ..Netem::default() }),
        ("delay 5ms reorder 25% gap 5", Netem { delay: ms(5), reorder: reorder(5), ..Netem::default() }),
    ];
    let mut wrong = Vec::new();
    for (said, netem) in cases {
        let scene = Scene::new();
        let (sender, receiver) = (scene.sender(), scene.receiver(TARGET));
        scene.here.inside(|| tc(&format!("qdisc add dev v0 root netem limit 100000 {said}")));
        let kernels = shares(&numbers(&sender, &receiver, MANY, 100));
        scene.here.inside(|| tc("qdisc del dev v0 root"));
        let siding = scene.netem(netem);
        let ours = shares(&numbers(&sender, &receiver, MANY, 100));
        let show = |shares: [f64; 4]| shares.map(|share| format!("{share:.3}")).join(" ");
        println!("{said}: lost, after a lost one, twice, late: {}, the kernel {}", show(ours), show(kernels));
        // Losses in bursts stray most; a formula that does otherwise is further off. Who is late depends on when a slow kernel wakes, and
        // what such a kernel releases at once may be too much for the other device: there only the late are compared.
        let strays = if said.contains("reorder") {
            (ours[3] - kernels[3]).abs() > 0.1
        } else {
            let bound = if said.contains("gemodel") || said.contains("state") { 0.1 } else { 0.05 };
            ours.iter().zip(kernels).any(|(ours, kernels)| (ours - kernels).abs() > bound)
        };
        if strays || siding.counters().broken {
            wrong.push(said);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
