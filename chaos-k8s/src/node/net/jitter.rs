//! The tables of deviations that iproute2 gives to netem, made by its formulas (netem/normal.c, pareto.c and
//! paretonormal.c there): for the kernel's netem and for the one of this process.

use std::f64::consts::FRAC_1_SQRT_2;

use super::Distribution;

/// `NETEM_DIST_SCALE` (include/uapi/linux/pkt_sched.h): this much is one standard deviation.
pub(crate) const SCALE: i64 = 8192;

const SIZE: u32 = 4096;

/// The steps in which iproute2 looks for a score.
const GRID: f64 = 0.000_05;

/// Deviations in ascending order, each as likely as the others; none for an even distribution, which has no table.
pub(crate) fn table(distribution: &Distribution) -> Option<Vec<i16>> {
    match distribution {
        Distribution::Uniform => None,
        Distribution::Normal => Some(normal().map(rounded).collect()),
        Distribution::Pareto => Some(pareto().map(rounded).collect()),
        Distribution::ParetoNormal => {
            let parts = normal().zip(pareto());
            Some(parts.map(|(normal, pareto)| rounded((normal + 3.0 * pareto) / 4.0)).collect())
        }
        Distribution::Table(table) => Some(table.clone()),
    }
}

fn rounded(deviation: f64) -> i16 {
    // The cast saturates, as iproute2 does.
    deviation.round() as i16
}

/// The score below which lies (4i + 0.5) / 16384 of the normal distribution, for each i.
fn normal() -> impl Iterator<Item = f64> {
    let mut score = -4.0_f64;
    (0..SIZE).map(move |i| {
        let wanted = (4.0 * f64::from(i) + 0.5) / 16_384.0;
        // By Newton's method from the score before, to what rounding hides.
        for _ in 0..50 {
            let have = 0.5 * libm::erfc(-score * FRAC_1_SQRT_2);
            let density = libm::exp(-score * score / 2.0) * FRAC_1_SQRT_2 / std::f64::consts::PI.sqrt();
            let step = (wanted - have) / density;
            score += step.clamp(-0.5, 0.5);
            if step.abs() < 1e-9 {
                break;
            }
        }
        (score / GRID).floor() * GRID * SCALE as f64
    })
}

/// Of shape 3, whose mean is 1.5 and whose deviation is 3/4 of its scale; cut at the largest number of 16 bits.
fn pareto() -> impl Iterator<Item = f64> {
    (0..SIZE).map(|i| {
        let tail = f64::from(65_536 - 16 * i) / 65_536.0;
        ((libm::pow(tail, -1.0 / 3.0) - 1.5) * (4.0 / 3.0) * SCALE as f64).min(32_767.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first lines of iproute2's normal.dist, pareto.dist and paretonormal.dist begin so.
    #[test]
    fn the_tables_are_those_of_iproute2() {
        let normal = table(&Distribution::Normal).unwrap();
        assert_eq!(normal[..6], [-32_768, -28_307, -26_871, -25_967, -25_298, -24_765]);
        let pareto = table(&Distribution::Pareto).unwrap();
        assert_eq!(pareto[..4], [-5461, -5460, -5460, -5459]);
        let both = table(&Distribution::ParetoNormal).unwrap();
        assert_eq!(both[1], ((f64::from(normal[1]) + 3.0 * f64::from(pareto[1])) / 4.0).round() as i16);
    }

    #[test]
    fn each_is_sorted_and_of_about_mean_0_and_deviation_1() {
        // A Pareto distribution that is cut lacks some of its mean and of its deviation.
        let expected = [
            (Distribution::Normal, 0.0, 1.0),
            (Distribution::Pareto, -0.03, 0.82),
            (Distribution::ParetoNormal, -0.03, 0.84),
        ];
        for (distribution, middle, deviation) in expected {
            let table = table(&distribution).unwrap();
            assert!(table.is_sorted() && table.len() == 4096);
            let mean = table.iter().map(|d| f64::from(*d)).sum::<f64>() / 4096.0 / SCALE as f64;
            let square =
                table.iter().map(|d| (f64::from(*d) / SCALE as f64 - mean).powi(2)).sum::<f64>() / 4096.0;
            println!("{distribution}: mean {mean:.4}, deviation {:.4}", square.sqrt());
            assert!(
                (mean - middle).abs() < 0.01 && (square.sqrt() - deviation).abs() < 0.02,
                "{distribution}"
            );
        }
    }
}
