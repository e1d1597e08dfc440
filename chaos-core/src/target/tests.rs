//! Blast radius over targets: subset, never over the cap at any moment, monotone, seed-stable, protected never hit.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::dice::Dice;

#[derive(Debug, Clone)]
struct Pod {
    uid: u32,
    protected: bool,
}

impl Target for Pod {
    const UNIT: &'static str = "pod";
    fn id(&self) -> String {
        format!("uid-{}", self.uid)
    }
    fn protected(&self) -> Option<String> {
        self.protected.then(|| "control plane".to_owned())
    }
}

fn pods(n: u32, every_protected: u32) -> Vec<Pod> {
    (0..n).map(|uid| Pod { uid, protected: every_protected > 0 && uid % every_protected == 0 }).collect()
}

fn modes() -> impl Strategy<Value = Mode> {
    prop_oneof![
        Just(Mode::ONE),
        Just(Mode::ALL),
        (1u64..12_000).prop_map(|n| Mode::fixed(n).unwrap()),
        (1u32..=100).prop_map(|p| Mode::percent(p).unwrap()),
        (1u32..=100).prop_map(|p| Mode::up_to_percent(p).unwrap()),
    ]
}

fn radius(percent: u32, count: u32) -> BlastRadius {
    BlastRadius::percent(percent).unwrap().and_count(count).unwrap()
}

fn ids(targets: &[impl std::ops::Deref<Target = Pod>]) -> HashSet<u32> {
    targets.iter().map(|pod| pod.uid).collect()
}

fn approve(seed: u64, pods: Vec<Pod>, mode: Mode, radius: BlastRadius) -> Option<HashSet<u32>> {
    let occupancy = Occupancy::new(radius, Dice::seeded(seed));
    let selection = occupancy.choose(pods, mode).ok()?;
    Some(ids(&occupancy.approve(selection)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn a_cap_holds_picks_a_subset_and_spares_the_protected(
        n in 0u32..10_000, every in 0u32..9, mode in modes(),
        percent in 1u32..=100, count in 1u32..12_000, seed: u64,
    ) {
        let all = pods(n, every);
        let eligible: HashSet<u32> = all.iter().filter(|pod| !pod.protected).map(|pod| pod.uid).collect();
        let radius = radius(percent, count);
        let allowed = radius.allows(eligible.len() as u64);
        match approve(seed, all.clone(), mode, radius.clone()) {
            Some(hit) => {
                prop_assert!(hit.is_subset(&eligible));
                prop_assert!(!hit.is_empty());
                prop_assert!(hit.len() as u64 <= allowed);
                prop_assert!(hit.len() as u64 <= mode.asks(eligible.len() as u64, Dice::seeded(seed)));
                // Seed-stable, whatever the order and repetition of the list.
                let mut shuffled: Vec<Pod> = all.iter().rev().cloned().collect();
                shuffled.extend(all.iter().take(7).cloned());
                prop_assert_eq!(approve(seed, shuffled, mode, radius), Some(hit));
            }
            None => prop_assert!(allowed == 0 || mode.asks(eligible.len() as u64, Dice::seeded(seed)) == 0),
        }
    }

    #[test]
    fn a_tighter_cap_picks_a_subset(
        n in 1u32..3_000, wide in 1u32..=100, tight in 1u32..=100, wide_count in 1u32..3_000, tight_count in 1u32..3_000,
        seed: u64,
    ) {
        let (tight, wide) = (tight.min(wide), tight.max(wide));
        let (tight_count, wide_count) = (tight_count.min(wide_count), tight_count.max(wide_count));
        let few = approve(seed, pods(n, 0), Mode::ALL, radius(tight, tight_count)).unwrap_or_default();
        let many = approve(seed, pods(n, 0), Mode::ALL, radius(wide, wide_count)).unwrap_or_default();
        prop_assert!(few.is_subset(&many));
    }

    #[test]
    fn overlapping_faults_stay_under_one_cap_at_every_moment(
        steps in prop::collection::vec((0u32..60, 1u32..60, modes(), any::<bool>()), 1..40),
        percent in 1u32..=100, count in 1u32..40, seed: u64,
    ) {
        let radius = radius(percent, count);
        let occupancy = Occupancy::new(radius.clone(), Dice::seeded(seed));
        let mut in_force: Vec<(HashSet<u32>, HashSet<u32>)> = Vec::new();
        for (from, len, mode, end_one) in steps {
            if end_one && !in_force.is_empty() {
                let (_, hit) = in_force.remove(0);
                hit.iter().for_each(|uid| occupancy.release("pod", &format!("uid-{uid}")));
            }
            let population: Vec<Pod> = (from..from + len).map(|uid| Pod { uid, protected: false }).collect();
            let everyone: HashSet<u32> = population.iter().map(|pod| pod.uid).collect();
            if let Ok(selection) = occupancy.choose(population, mode) {
                in_force.push((everyone, ids(&occupancy.approve(selection))));
            }
            let active: HashSet<u32> = in_force.iter().flat_map(|(_, hit)| hit).copied().collect();
            prop_assert!(active.len() as u64 <= u64::from(count));
            for (population, _) in &in_force {
                let under = population.intersection(&active).count() as u64;
                prop_assert!(under <= radius.allows(population.len() as u64));
            }
        }
    }
}

#[test]
fn a_selection_that_leaves_nobody_is_refused_with_the_reason() {
    let refusal = |pods, mode, radius| {
        let err = Occupancy::new(radius, Dice::seeded(1)).choose::<Pod>(pods, mode).unwrap_err();
        assert!(err.is_refused());
        err.to_string()
    };
    let half = BlastRadius::percent(50).unwrap();
    assert_eq!(refusal(vec![], Mode::ALL, half.clone()), "the selection has no pod in it");
    let protected = refusal(pods(1, 1), Mode::ALL, half.clone());
    assert!(
        protected.starts_with("the one selected pod, ") && protected.contains(", is protected: "),
        "{protected}"
    );
    assert_eq!(
        refusal(pods(1, 0), Mode::ALL, half.clone()),
        "the blast radius (at most 50 % at once) of 1 pods rounds down to nobody: widen it or select more"
    );
    assert_eq!(
        refusal(pods(3, 0), Mode::percent(30).unwrap(), half),
        "mode 30 % of 3 pods rounds down to nobody: ask for more"
    );
}

#[test]
fn what_cannot_be_said_is_an_error_and_never_clamped() {
    let messages = [
        BlastRadius::percent(140).unwrap_err().to_string(),
        BlastRadius::percent(f64::NAN).unwrap_err().to_string(),
        BlastRadius::percent(0).unwrap_err().to_string(),
        BlastRadius::percent(-3).unwrap_err().to_string(),
        BlastRadius::count(0).unwrap_err().to_string(),
        BlastRadius::count(1).unwrap().protecting([""]).unwrap_err().to_string(),
        Mode::fixed(0).unwrap_err().to_string(),
        Mode::percent(100.001).unwrap_err().to_string(),
        Mode::percent(0.00001).unwrap_err().to_string(),
        Selector::<Pod>::named(Vec::<String>::new()).unwrap_err().to_string(),
        Selector::<Pod>::named([""]).unwrap_err().to_string(),
        Selector::<Pod>::label("", "x").unwrap_err().to_string(),
        Targets::<Pod>::these([]).unwrap_err().to_string(),
    ];
    assert_eq!(
        messages,
        [
            "percent 140 is not in 0..=100",
            "percent NaN is not in 0..=100",
            "a blast radius of 0 % leaves nobody: use more than 0",
            "percent -3 is not in 0..=100",
            "a blast radius of 0 targets is not in 1..=4194303",
            "a protected target needs a name that is not empty",
            "a mode of 0 targets asks for nobody: use 1 or more",
            "percent 100.001 is not in 0..=100",
            "percent 0.00001 is finer than 0.0001 %",
            "a selector by name needs at least one name",
            "a selector by name needs names that are not empty",
            "a selector by label needs a key that is not empty",
            "the list of pods is empty: name at least one",
        ]
    );
}

#[test]
fn the_blast_radius_protects_by_name_and_identity() {
    let radius = BlastRadius::percent(100).unwrap().protecting(["uid-2"]).unwrap();
    let hit = approve(1, pods(4, 0), Mode::ALL, radius).unwrap();
    assert_eq!(hit, HashSet::from([0, 1, 3]));
}
