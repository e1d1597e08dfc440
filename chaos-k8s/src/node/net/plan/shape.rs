//! The shapes of jitter as tables, as netem takes them and iproute2 makes them.
//!
//! Entry i of n is the value below which lies the share i / n, in units of 1/8192 of the jitter (`NETEM_DIST_SCALE`,
//! include/uapi/linux/pkt_sched.h). The formulas are those of iproute2's netem/normal.c, pareto.c and paretonormal.c.

use crate::node::net::rule::Distribution;

const SCALE: f64 = 8192.0;
const ENTRIES: usize = 4096;
/// Pareto's exponent; its mean is then 3/2, its standard deviation close to 3/4 (iproute2, netem/pareto.c).
const EXPONENT: f64 = 3.0;

/// The table of a shape; empty for the uniform one, which needs none.
pub(crate) fn table(distribution: &Distribution) -> Vec<i16> {
    let entries = |shape: fn(f64) -> f64| {
        // The middle of each step: neither end has a finite value.
        (0..ENTRIES).map(|i| scaled(shape((i as f64 + 0.5) / ENTRIES as f64))).collect()
    };
    match distribution {
        Distribution::Uniform => Vec::new(),
        Distribution::Normal => entries(normal),
        Distribution::Pareto => entries(pareto),
        Distribution::ParetoNormal => entries(|share| 0.25 * normal(share) + 0.75 * pareto(share)),
        Distribution::Table(table) => table.clone(),
    }
}

fn scaled(value: f64) -> i16 {
    // Saturates, as iproute2 does.
    (value * SCALE).round() as i16
}

/// The score below which lies this share of the standard normal distribution, to 4.5 parts in 10,000: eight times finer than
/// a step of the table is not seen. Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.2.23.
fn normal(share: f64) -> f64 {
    let tail = if share < 0.5 { share } else { 1.0 - share };
    let t = (-2.0 * tail.ln()).sqrt();
    let score = t
        - (2.515_517 + t * (0.802_853 + t * 0.010_328))
            / (1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308)));
    if share < 0.5 { -score } else { score }
}

fn pareto(share: f64) -> f64 {
    ((1.0 - share).powf(-1.0 / EXPONENT) - 1.5) * (4.0 / 3.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(distribution: &Distribution) -> (f64, f64) {
        let table = table(distribution);
        let values: Vec<f64> = table.iter().map(|entry| f64::from(*entry) / SCALE).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64;
        (mean, variance.sqrt())
    }

    #[test]
    fn shapes_have_their_mean_and_deviation() {
        let (mean, deviation) = moments(&Distribution::Normal);
        assert!(mean.abs() < 0.001 && (deviation - 1.0).abs() < 0.01, "{mean} {deviation}");
        // Cut at 4 jitters, as a 16 bit number cuts it.
        let (mean, deviation) = moments(&Distribution::Pareto);
        assert!(mean.abs() < 0.05 && (0.75..1.0).contains(&deviation), "{mean} {deviation}");
        assert!(table(&Distribution::ParetoNormal).is_sorted());
        assert!(table(&Distribution::Uniform).is_empty());
    }
}
