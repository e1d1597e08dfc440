use rand::{Rng, RngExt};
use rand_distr::{Distribution, Normal};

use super::{Dice, Stream, open_unit};

/// Kolmogorov-Smirnov against the uniform distribution, at alpha 0.001 (two-sided, large n).
fn assert_uniform(mut units: Vec<f64>) {
    units.sort_unstable_by(f64::total_cmp);
    let n = units.len() as f64;
    let worst = units.iter().enumerate().fold(0.0_f64, |worst, (i, u)| {
        worst.max((u - i as f64 / n).abs()).max(((i + 1) as f64 / n - u).abs())
    });
    assert!(worst * n.sqrt() < 1.9495, "distance {worst} over {n} draws");
}

/// The correlation of two series of uniform numbers; 4 standard errors are allowed.
fn assert_uncorrelated(a: impl Iterator<Item = f64>, b: impl Iterator<Item = f64>) {
    let products: Vec<f64> = a.zip(b).map(|(a, b)| (a - 0.5) * (b - 0.5) * 12.0).collect();
    let r = products.iter().sum::<f64>() / products.len() as f64;
    assert!(r.abs() * (products.len() as f64).sqrt() < 4.0, "correlation {r}");
}

/// A changed value here breaks the replay of every seed in every old report.
#[test]
fn golden_values() {
    let golden: [(u64, &[&str], u64, u64); 8] = GOLDEN;
    for (seed, purpose, ordinal, bits) in golden {
        let drawn = Dice::seeded(seed).stream(purpose).draw(ordinal);
        assert_eq!(drawn, bits, "{seed} {purpose:?} {ordinal}: {drawn:#018x}");
    }
    let stream = Dice::seeded(7).stream(&["payments", "slow"]);
    assert_eq!(stream.lane(1).draw(0), LANE_ONE, "{:#018x}", stream.lane(1).draw(0));
    assert_eq!(stream.rng(3).next_u64(), ROLL_THREE, "{:#018x}", stream.rng(3).next_u64());
    assert_eq!(stream.unit(0).to_bits(), UNIT_ZERO, "{:#018x}", stream.unit(0).to_bits());
}

/// The published vectors of SplitMix64 for seed 1234567 (Vigna, "splitmix64.c").
#[test]
fn the_generator_is_splitmix64() {
    let stream = Stream { key: 1_234_567 };
    let drawn: Vec<u64> = (0..5).map(|n| stream.draw(n)).collect();
    assert_eq!(
        drawn,
        [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821
        ]
    );
}

#[test]
fn units_are_uniform() {
    for seed in 0..5 {
        let stream = Dice::seeded(seed).stream(&["point", "rule"]);
        assert_uniform((0..10_000).map(|n| stream.unit(n)).collect());
    }
}

#[test]
fn a_unit_is_never_zero_and_never_one() {
    for bits in [0, 1, 0xfff, 1 << 63, u64::MAX - 0xfff, u64::MAX] {
        let unit = open_unit(bits);
        assert!(0.0 < unit && unit < 1.0, "{bits:#x} gave {unit}");
    }
    assert!(open_unit(u64::MAX) > open_unit(u64::MAX - 0x1000), "the last two are apart");
}

#[test]
fn streams_are_independent() {
    let dice = Dice::seeded(7);
    let one = dice.stream(&["payments", "slow"]);
    let others = [
        dice.stream(&["payments", "slow2"]),
        dice.stream(&["slow", "payments"]),
        dice.stream(&["payments"]),
        dice.stream(&["payments", "slow", ""]),
        Dice::seeded(8).stream(&["payments", "slow"]),
        one.lane(0),
        one.lane(1),
    ];
    for other in others {
        for lag in [0, 1, 2] {
            assert_uncorrelated((0..10_000).map(|n| one.unit(n)), (0..10_000).map(|n| other.unit(n + lag)));
        }
    }
    assert_uncorrelated((0..10_000).map(|n| one.unit(n)), (0..10_000).map(|n| one.unit(n + 1)));
    // The draws of one ordinal for many seeds, or for many rules, are as good as those of one stream.
    assert_uniform((0..10_000).map(|seed| Dice::seeded(seed).stream(&["p", "r"]).unit(0)).collect());
    assert_uniform((0..10_000).map(|n| dice.stream(&["p", &n.to_string()]).unit(0)).collect());
    assert_uniform((0..10_000).map(|lane| one.lane(lane).unit(0)).collect());
}

#[test]
fn names_do_not_run_into_each_other() {
    let dice = Dice::seeded(7);
    let purposes: [&[&str]; 7] =
        [&["ab", "c"], &["a", "bc"], &["abc"], &["abc", ""], &["", "abc"], &[], &[""]];
    for (i, a) in purposes.iter().enumerate() {
        for b in &purposes[i + 1..] {
            assert_ne!(dice.stream(a), dice.stream(b), "{a:?} {b:?}");
        }
    }
}

#[test]
fn draws_depend_on_nothing_but_seed_purpose_and_ordinal() {
    let draw = |n| Dice::seeded(7).stream(&["p", "r"]).draw(n);
    let forward: Vec<u64> = (0..1_000).map(draw).collect();
    let mut backward: Vec<u64> = (0..1_000).rev().map(draw).collect();
    backward.reverse();
    assert_eq!(forward, backward);
    let elsewhere = std::thread::spawn(move || (0..1_000).map(draw).collect::<Vec<_>>()).join().unwrap();
    assert_eq!(forward, elsewhere);
}

#[test]
fn rolls_serve_the_traits_of_rand() {
    let stream = Dice::seeded(7).stream(&["p", "r"]);
    assert_uniform((0..10_000).map(|n| stream.rng(n).random::<f64>().max(f64::MIN_POSITIVE)).collect());
    let mut rolls = stream.rng(0);
    assert_uniform((0..10_000).map(|_| rolls.random::<f64>()).collect());
    assert!((0..1_000).all(|n| (3..9).contains(&stream.rng(n).random_range(3..9))));

    let normal = Normal::new(50.0, 10.0).unwrap();
    let mean = (0..10_000).map(|n| normal.sample(&mut stream.rng(n))).sum::<f64>() / 10_000.0;
    assert!((mean - 50.0).abs() < 0.5, "mean {mean}");
}

#[test]
fn bytes_and_words_are_the_same_draws() {
    let rolls = Dice::seeded(7).stream(&["p", "r"]).rng(0);
    let (mut words, mut bytes) = (rolls.clone(), rolls.clone());
    let mut filled = [0; 20];
    bytes.fill_bytes(&mut filled);
    let expected: Vec<u8> = (0..3).flat_map(|_| words.next_u64().to_le_bytes()).take(20).collect();
    assert_eq!(filled.as_slice(), expected);
    assert_eq!(u64::from(rolls.clone().next_u32()), rolls.clone().next_u64() >> 32);
}

/// Seed, purpose, ordinal, draw.
const GOLDEN: [(u64, &[&str], u64, u64); 8] = [
    (0, &[], 0, 0xa706_dd2f_4d19_7e6f),
    (0, &["payments", "slow"], 0, 0x44ca_5812_6e2e_75b0),
    (7, &["payments", "slow"], 0, 0x93d5_c54d_2bea_cc0c),
    (7, &["payments", "slow"], 1, 0xd577_5589_7d14_9b3b),
    (7, &["payments", "slow"], u64::MAX, 0x71cb_2a77_ddb0_bad6),
    (7, &["payments", "other"], 12, 0x6835_af79_7620_ed8b),
    (u64::MAX, &["wal"], 1_000_000, 0xadaa_7231_da91_ab6c),
    (0xdead_beef, &["a", "b", "c"], 42, 0x872d_ac9c_6a9f_17c8),
];
const LANE_ONE: u64 = 0xa544_1ec1_906d_1698;
const ROLL_THREE: u64 = 0x963e_ad14_9ff2_fc8f;
const UNIT_ZERO: u64 = 0x3fe2_7ab8_a9a5_7d59;
