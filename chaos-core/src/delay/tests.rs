use std::time::Duration;

use super::{Delay, normal};
use crate::dice::{Dice, Stream};
use crate::units::{ms, secs, us};

const DRAWS: u64 = 10_000;

fn stream(seed: u64) -> Stream {
    Dice::seeded(seed).stream(&["point", "rule"])
}

fn in_ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Kolmogorov-Smirnov of every `stride`-th of [`DRAWS`] draws against a continuous distribution function over
/// milliseconds, at alpha 0.001 (two-sided, large n).
fn assert_fits(delay: &Delay, stride: u64, cdf: impl Fn(f64) -> f64) {
    for seed in [1, 2, 3] {
        let mut drawn: Vec<f64> = (0..DRAWS).map(|n| in_ms(delay.sample(stream(seed), n * stride))).collect();
        drawn.sort_unstable_by(f64::total_cmp);
        let n = drawn.len() as f64;
        let worst = drawn.iter().enumerate().fold(0.0_f64, |worst, (i, x)| {
            let p = cdf(*x);
            worst.max((p - i as f64 / n).abs()).max(((i + 1) as f64 / n - p).abs())
        });
        assert!(worst * n.sqrt() < 1.9495, "{delay}, seed {seed}: distance {worst}");
    }
}

fn uniform_cdf(from: f64, to: f64) -> impl Fn(f64) -> f64 {
    move |x| ((x - from) / (to - from)).clamp(0.0, 1.0)
}

#[test]
fn the_test_of_fit_can_fail() {
    let delay = Delay::normal(ms(50), ms(10)).unwrap();
    let wrong = || assert_fits(&delay, 1, |x| normal::probability((x - 51.0) / 10.0));
    assert!(std::panic::catch_unwind(wrong).is_err());
}

#[test]
fn draws_follow_their_distribution() {
    assert_fits(&Delay::uniform(ms(10), ms(30)).unwrap(), 1, uniform_cdf(10.0, 30.0));
    assert_fits(&Delay::normal(ms(50), ms(10)).unwrap(), 1, |x| normal::probability((x - 50.0) / 10.0));
    assert_fits(&Delay::log_normal(ms(20), 0.5).unwrap(), 1, |x| normal::probability((x / 20.0).ln() / 0.5));
    assert_fits(&Delay::exponential(ms(20)).unwrap(), 1, |x| 1.0 - (-x / 20.0).exp());
    assert_fits(&Delay::pareto(ms(5), 1.5).unwrap(), 1, |x| 1.0 - (5.0 / x).powf(1.5));
    let spikes =
        Delay::spikes(Delay::uniform(ms(1), ms(2)).unwrap(), Delay::uniform(ms(100), ms(300)).unwrap(), 0.25);
    let (low, high) = (uniform_cdf(1.0, 2.0), uniform_cdf(100.0, 300.0));
    assert_fits(&spikes.unwrap(), 1, move |x| 0.75 * low(x) + 0.25 * high(x));
    // Three samples, unordered: half of the draws evenly in each of the two gaps.
    let empirical = Delay::empirical([ms(30), ms(10), ms(14)]).unwrap();
    let (low, high) = (uniform_cdf(10.0, 14.0), uniform_cdf(14.0, 30.0));
    assert_fits(&empirical, 1, move |x| 0.5 * low(x) + 0.5 * high(x));
}

#[test]
fn correlation_keeps_the_distribution() {
    for rho in [0.3, 0.9] {
        // Draws as far apart as the span share no innovation and are independent, as the test of fit assumes.
        let normal = Delay::normal(ms(50), ms(10)).unwrap().correlated(rho).unwrap();
        let stride = normal.serial.unwrap().span();
        assert_fits(&normal, stride, |x| normal::probability((x - 50.0) / 10.0));
        let tail = Delay::pareto(ms(5), 1.5).unwrap().correlated(rho).unwrap();
        assert_fits(&tail, stride, |x| 1.0 - (5.0 / x).powf(1.5));
    }
}

#[test]
fn correlation_is_what_was_asked() {
    for rho in [0.0, 0.3, 0.75, 0.95] {
        let delay = Delay::normal(ms(50), ms(5)).unwrap().correlated(rho).unwrap();
        let score: Vec<f64> = (0..20_000).map(|n| (in_ms(delay.sample(stream(5), n)) - 50.0) / 5.0).collect();
        for lag in [1, 2, 5] {
            let pairs = score.len() - lag;
            let measured = (0..pairs).map(|n| score[n] * score[n + lag]).sum::<f64>() / pairs as f64;
            let asked = rho.powi(lag as i32);
            // The standard error of a correlated series grows with (1 + rho^2) / (1 - rho^2) (Bartlett).
            let error = ((1.0 + rho * rho) / (1.0 - rho * rho) * 2.0 / pairs as f64).sqrt();
            assert!((measured - asked).abs() < 4.0 * error, "rho {rho} lag {lag}: {measured}");
        }
    }
}

#[test]
fn correlated_spikes_come_in_bursts_and_as_often() {
    let spikes = Delay::spikes(Delay::fixed(ms(1)), Delay::fixed(secs(1)), 0.1).unwrap();
    let bursts = spikes.clone().correlated(0.9).unwrap();
    let count = |delay: &Delay| {
        let slow: Vec<bool> = (0..50_000).map(|n| delay.sample(stream(3), n) == secs(1)).collect();
        let all = slow.iter().filter(|slow| **slow).count();
        (all, slow.windows(2).filter(|two| two[0] && two[1]).count())
    };
    let ((alone, alone_pairs), (burst, burst_pairs)) = (count(&spikes), count(&bursts));
    assert!((4_700..5_300).contains(&alone), "{alone}");
    assert!((4_200..5_800).contains(&burst), "{burst}");
    assert!(burst_pairs > 3 * alone_pairs, "{burst_pairs} and {alone_pairs}");
}

#[test]
fn a_draw_depends_on_stream_and_ordinal_alone() {
    for delay in
        [Delay::exponential(ms(20)).unwrap(), Delay::normal(ms(50), ms(10)).unwrap().correlated(0.8).unwrap()]
    {
        let all = |delay: Delay| (0..500).map(|n| delay.sample(stream(9), n)).collect::<Vec<_>>();
        let forward = all(delay.clone());
        let mut backward: Vec<_> = (0..500).rev().map(|n| delay.sample(stream(9), n)).collect();
        backward.reverse();
        assert_eq!(forward, backward);
        let other = delay.clone();
        assert_eq!(forward, std::thread::spawn(move || all(other)).join().unwrap());
        assert_ne!(forward[0], delay.sample(stream(10), 0), "another seed");
    }
}

#[test]
fn whether_a_rule_hits_says_nothing_of_its_delay() {
    let delay = Delay::uniform(Duration::ZERO, secs(1)).unwrap();
    let products =
        (0..DRAWS).map(|n| (stream(4).unit(n) - 0.5) * (delay.sample(stream(4), n).as_secs_f64() - 0.5));
    let r = products.sum::<f64>() * 12.0 / DRAWS as f64;
    assert!(r.abs() < 0.04, "correlation {r}");
}

#[test]
fn floor_and_ceiling_hold() {
    let delay = Delay::normal(ms(50), ms(30)).unwrap().floor(ms(20)).unwrap().ceiling(ms(80)).unwrap();
    let drawn: Vec<_> = (0..DRAWS).map(|n| delay.sample(stream(1), n)).collect();
    assert_eq!(drawn.iter().min(), Some(&ms(20)));
    assert_eq!(drawn.iter().max(), Some(&ms(80)));
    assert!(drawn.iter().any(|delay| ms(20) < *delay && *delay < ms(80)));
    assert_eq!(Delay::fixed(ms(5)).floor(ms(7)).unwrap().sample(stream(1), 0), ms(7));
    assert_eq!(Delay::fixed(ms(5)).ceiling(ms(3)).unwrap().sample(stream(1), 0), ms(3));
    let inside = Delay::fixed(ms(1)).floor(ms(2)).unwrap();
    let spikes = Delay::spikes(inside, Delay::fixed(secs(1)), 0.0).unwrap();
    assert_eq!(spikes.sample(stream(1), 0), ms(2));
}

/// The figures in the documentation of [`Delay::normal`].
#[test]
fn normal_draws_below_zero_are_zero_and_lift_the_mean() {
    for (mean, lifted) in [(0, 3.989), (10, 10.833), (20, 20.085), (30, 30.004)] {
        let delay = Delay::normal(ms(mean), ms(10)).unwrap();
        let sum: f64 = (0..100_000).map(|n| in_ms(delay.sample(stream(2), n))).sum();
        assert!((sum / 1e5 - lifted).abs() < 0.12, "mean {mean} became {}", sum / 1e5);
    }
}

#[test]
fn the_heaviest_tail_ends_at_the_maximum() {
    let delay = Delay::pareto(secs(1), 0.001).unwrap();
    let most = (0..100).map(|n| delay.sample(stream(1), n)).max();
    assert_eq!(most, Some(Delay::MAX));
    let delay = Delay::log_normal(secs(1), 1e300).unwrap();
    let drawn: Vec<_> = (0..100).map(|n| delay.sample(stream(1), n)).collect();
    assert!(drawn.contains(&Delay::MAX) && drawn.contains(&Duration::ZERO));
    assert_eq!(Delay::fixed(Duration::MAX).sample(stream(1), 0), Delay::MAX);
    assert_eq!(Delay::fixed(us(200)).sample(stream(1), u64::MAX), us(200));
}

#[test]
fn one_sample_and_certain_spikes_are_fixed() {
    let one = Delay::empirical([ms(3)]).unwrap();
    let never = Delay::spikes(Delay::fixed(ms(3)), Delay::fixed(secs(1)), 0.0).unwrap();
    let always = Delay::spikes(Delay::fixed(secs(1)), Delay::fixed(ms(3)), 1.0).unwrap();
    for delay in [one, never, always] {
        assert!((0..1_000).all(|n| delay.sample(stream(1), n) == ms(3)), "{delay}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let (zero, far) = (Duration::ZERO, Delay::MAX + Duration::from_nanos(1));
    let fixed = || Delay::fixed(ms(5));
    let correlated = || Delay::exponential(ms(5)).unwrap().correlated(0.5).unwrap();
    for (refused, says) in [
        (Delay::uniform(ms(2), ms(1)), "from must be below to"),
        (Delay::uniform(ms(2), ms(2)), "use a fixed delay"),
        (Delay::uniform(ms(2), far), "delay to 946080000.000000001s is beyond"),
        (Delay::normal(ms(50), zero), "sd is zero"),
        (Delay::normal(far, ms(1)), "mean"),
        (Delay::log_normal(zero, 1.0), "median is zero"),
        (Delay::log_normal(ms(1), 0.0), "sigma 0"),
        (Delay::log_normal(ms(1), -1.0), "sigma -1"),
        (Delay::log_normal(ms(1), f64::NAN), "sigma NaN"),
        (Delay::log_normal(ms(1), f64::INFINITY), "sigma inf"),
        (Delay::exponential(zero), "mean is zero"),
        (Delay::exponential(far), "beyond"),
        (Delay::pareto(zero, 1.5), "scale is zero"),
        (Delay::pareto(ms(1), 0.0), "shape 0"),
        (Delay::pareto(ms(1), f64::NAN), "shape NaN"),
        (Delay::empirical([]), "at least one"),
        (Delay::empirical([ms(1), far]), "a sample"),
        (Delay::spikes(fixed(), fixed(), 1.5), "write 0.015"),
        (Delay::spikes(fixed(), fixed(), f64::NAN), "probability NaN"),
        (Delay::spikes(correlated(), fixed(), 0.5), "correlate the whole"),
        (Delay::spikes(fixed(), correlated(), 0.5), "correlate the whole"),
        (fixed().correlated(-0.1), "correlation -0.1 is not in 0..1"),
        (fixed().correlated(1.0), "correlation 1 is not in 0..1"),
        (fixed().correlated(f64::NAN), "correlation NaN"),
        (fixed().correlated(0.995), "over 0.99"),
        (fixed().floor(ms(2)).unwrap().ceiling(ms(1)), "floor 2ms is above its ceiling 1ms"),
        (fixed().ceiling(ms(1)).unwrap().floor(ms(2)), "floor 2ms is above its ceiling 1ms"),
        (fixed().floor(far), "floor"),
        (fixed().ceiling(far), "ceiling"),
    ] {
        let err = refused.expect_err(says);
        assert!(err.is_invalid() && err.to_string().contains(says), "{says}: {err}");
    }
}

#[test]
fn the_span_of_a_correlation_is_bounded() {
    for (rho, span) in [(0.3, 6), (0.9, 66), (0.99, 688)] {
        let delay = Delay::exponential(ms(5)).unwrap().correlated(rho).unwrap();
        assert_eq!(delay.serial.unwrap().span(), span, "{rho}");
    }
    assert_eq!(Delay::fixed(ms(5)).correlated(0.0).unwrap(), Delay::fixed(ms(5)));
}

fn one_of_each() -> [(Delay, &'static str, u128); 9] {
    let normal = || Delay::normal(ms(50), ms(10)).unwrap();
    let tail = Delay::pareto(secs(1), 2.0).unwrap();
    [
        (Delay::fixed(us(1_500)), "1.5ms", 1_500_000),
        (Delay::uniform(ms(1), ms(5)).unwrap(), "uniform(1ms, 5ms)", 2_687_494),
        (normal(), "normal(50ms, 10ms)", 48_028_970),
        (
            normal().correlated(0.3).unwrap().floor(ms(1)).unwrap().ceiling(secs(2)).unwrap(),
            "normal(50ms, 10ms) correlation 0.3 floor 1ms ceiling 2s",
            43_302_726,
        ),
        (Delay::log_normal(ms(20), 0.5).unwrap(), "log_normal(20ms, 0.5)", 18_122_980),
        (Delay::exponential(ms(20)).unwrap(), "exponential(20ms)", 10_959_250),
        (Delay::pareto(ms(5), 1.5).unwrap(), "pareto(5ms, 1.5)", 7_204_791),
        (
            Delay::spikes(Delay::fixed(ms(5)), tail, 0.5).unwrap(),
            "spikes(5ms, pareto(1s, 2), 0.5)",
            5_000_000,
        ),
        (Delay::empirical([ms(9), ms(3), ms(4)]).unwrap(), "empirical(3 samples, 3ms to 9ms)", 3_843_747),
    ]
}

/// Labels and draws are a contract: both are in old reports.
#[test]
fn golden_labels_and_values() {
    let mut changed = Vec::new();
    for (delay, label, nanos) in one_of_each() {
        assert_eq!(delay.to_string(), label);
        let drawn = delay.sample(stream(7), 12).as_nanos();
        if drawn != nanos {
            changed.push(format!("{label}: {drawn} is not {nanos}"));
        }
    }
    assert!(changed.is_empty(), "{changed:#?}");
}

#[cfg(feature = "rules")]
mod rules {
    use super::*;

    #[test]
    fn every_delay_goes_through_data() {
        for (delay, label, _) in one_of_each() {
            let json = serde_json::to_string(&delay).unwrap();
            assert_eq!(serde_json::from_str::<Delay>(&json).unwrap(), delay, "{label}: {json}");
        }
        assert_eq!(serde_json::to_string(&Delay::fixed(ms(50))).unwrap(), r#""50ms""#);
        let floored = Delay::fixed(ms(50)).floor(ms(60)).unwrap();
        assert_eq!(serde_json::to_string(&floored).unwrap(), r#"{"fixed":"50ms","floor":"60ms"}"#);
    }

    #[test]
    fn the_documented_forms_are_read() {
        for (json, label) in [
            (r#""50ms""#, "50ms"),
            (r#"{"fixed": "50ms"}"#, "50ms"),
            (r#"{"uniform": {"from": "10ms", "to": "20ms"}}"#, "uniform(10ms, 20ms)"),
            (
                r#"{"normal": {"mean": "50ms", "sd": "10ms"}, "correlation": 0.3, "floor": "1ms", "ceiling": "2s"}"#,
                "normal(50ms, 10ms) correlation 0.3 floor 1ms ceiling 2s",
            ),
            (r#"{"log_normal": {"median": "20ms", "sigma": 0.5}}"#, "log_normal(20ms, 0.5)"),
            (r#"{"exponential": {"mean": "20ms"}}"#, "exponential(20ms)"),
            (r#"{"pareto": {"scale": "5ms", "shape": 1.5}}"#, "pareto(5ms, 1.5)"),
            (
                r#"{"spikes": {"mostly": "5ms", "sometimes": {"pareto": {"scale": "1s", "shape": 2}}, "chance": 0.01}}"#,
                "spikes(5ms, pareto(1s, 2), 0.01)",
            ),
            (r#"{"empirical": ["3ms", "4ms", "4.5ms", "20ms"]}"#, "empirical(4 samples, 3ms to 20ms)"),
        ] {
            assert_eq!(serde_json::from_str::<Delay>(json).unwrap().to_string(), label);
        }
    }

    #[test]
    fn wrong_data_is_refused_and_says_why() {
        for (json, says) in [
            ("50", "a duration such as"),
            (r#""50""#, "50"),
            (r#""5M""#, "month or a year"),
            (r#""40000days""#, "beyond"),
            (r#"{"fixed": "40000days"}"#, "beyond"),
            ("{}", "exactly one of"),
            (r#"{"floor": "1ms"}"#, "exactly one of"),
            (r#"{"fixed": "1ms", "exponential": {"mean": "1ms"}}"#, "exactly one of"),
            (r#"{"gaussian": {"mean": "1ms"}}"#, "unknown field `gaussian`"),
            (r#"{"fixed": "1ms", "jitter": "1ms"}"#, "unknown field `jitter`"),
            (r#"{"normal": {"mean": "1ms"}}"#, "missing field `sd`"),
            (r#"{"normal": {"mean": "1ms", "sd": "1ms", "rho": 1}}"#, "unknown field `rho`"),
            (r#"{"normal": {"mean": 50, "sd": "1ms"}}"#, "invalid type: integer"),
            (r#"{"normal": {"mean": "1ms", "sd": "0s"}}"#, "sd is zero"),
            (
                r#"{"normal": {"mean": "1ms", "sd": "1ms"}, "normal": {"mean": "1ms", "sd": "1ms"}}"#,
                "duplicate",
            ),
            (r#"{"exponential": {"mean": "1ms"}, "correlation": 1.0}"#, "not in 0..1"),
            (r#"{"exponential": {"mean": "1ms"}, "floor": "2ms", "ceiling": "1ms"}"#, "above its ceiling"),
            (r#"{"spikes": {"mostly": "1ms", "sometimes": "1s", "chance": 30}}"#, "write 0.3"),
            (r#"{"empirical": []}"#, "at least one"),
        ] {
            let err = serde_json::from_str::<Delay>(json).unwrap_err().to_string();
            assert!(err.contains(says), "{json}: {err}");
        }
    }
}
