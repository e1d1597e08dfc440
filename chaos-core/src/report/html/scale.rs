//! Axes: from a quantity to a place on the page, and the round numbers to label it with.

/// A range of values laid over a range of places.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    log: bool,
    from: f64,
    to: f64,
}

/// From this ratio of highest to lowest on, a linear axis hides the low values.
const LOG_RATIO: f64 = 30.0;

impl Scale {
    /// `low..=high` over `from..=to`, as it is.
    pub(super) fn exact(low: f64, high: f64, from: f64, to: f64) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        Self { low, high, log: false, from, to }
    }

    /// 0 to a round number at or above `high`.
    pub(super) fn from_zero(high: f64, from: f64, to: f64) -> Self {
        let high = if high > 0.0 { high } else { 1.0 };
        let step = round_step(high / intervals(from, to));
        Self::exact(0.0, (high / step).ceil() * step, from, to)
    }

    /// Logarithmic where the values span more than a factor of 30, linear from 0 otherwise. Values are positive.
    pub(super) fn fitting(low: f64, high: f64, from: f64, to: f64) -> Self {
        if low <= 0.0 || high / low <= LOG_RATIO {
            return Self::from_zero(high, from, to);
        }
        Self { low: round_down(low), high: round_up(high), log: true, from, to }
    }

    pub(super) fn is_log(&self) -> bool {
        self.log
    }

    /// The place of a value; what lies outside sits on the edge.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = if self.log {
            (value.max(self.low).ln() - self.low.ln()) / (self.high.ln() - self.low.ln())
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// A handful of round numbers, fewer where there is little room.
    pub(super) fn ticks(&self) -> Vec<f64> {
        if !self.log {
            return multiples(
                self.low,
                self.high,
                round_step((self.high - self.low) / intervals(self.from, self.to)),
            );
        }
        let fine = self.log_ticks(&[1.0, 2.0, 5.0]);
        if fine.len() <= 8 { fine } else { self.log_ticks(&[1.0]) }
    }

    fn log_ticks(&self, digits: &[f64]) -> Vec<f64> {
        let decades = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
        decades
            .flat_map(|decade| digits.iter().map(move |digit| digit * 10f64.powi(decade)))
            .filter(|tick| (self.low * 0.999..=self.high * 1.001).contains(tick))
            .collect()
    }

    /// Round moments of an axis in seconds, about eight.
    pub(super) fn time_ticks(&self) -> Vec<f64> {
        const STEPS: [f64; 14] =
            [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0];
        let rough = (self.high - self.low) / 8.0;
        let step = if (0.75..=7_200.0).contains(&rough) {
            STEPS.into_iter().find(|step| *step >= rough * 0.75).unwrap_or(7_200.0)
        } else {
            round_step(rough)
        };
        multiples(self.low, self.high, step)
    }
}

/// How many steps fit: a label takes a line, and needs air.
fn intervals(from: f64, to: f64) -> f64 {
    ((to - from).abs() / 36.0).floor().clamp(1.0, 4.0)
}

/// 1, 2 or 5 times a power of ten, at or above `rough`.
fn round_step(rough: f64) -> f64 {
    let decade = 10f64.powf(rough.max(f64::MIN_POSITIVE).log10().floor());
    let digit = rough / decade;
    decade * [1.0, 2.0, 5.0].into_iter().find(|round| *round >= digit * 0.999_999).unwrap_or(10.0)
}

fn round_up(value: f64) -> f64 {
    round_step(value)
}

fn round_down(value: f64) -> f64 {
    let decade = 10f64.powf(value.log10().floor());
    let digit = value / decade;
    decade * [5.0, 2.0].into_iter().find(|round| *round <= digit * 1.000_001).unwrap_or(1.0)
}

fn multiples(low: f64, high: f64, step: f64) -> Vec<f64> {
    let first = (low / step).ceil() as i64;
    let last = (high / step * 1.000_001).floor() as i64;
    (first..=last.min(first + 20)).map(|index| index as f64 * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_axes_end_on_round_numbers() {
        let scale = Scale::from_zero(413.0, 200.0, 0.0);
        assert_eq!(scale.ticks(), [0.0, 200.0, 400.0, 600.0]);
        assert_eq!(scale.at(0.0), 200.0);
        assert_eq!(scale.at(600.0), 0.0);
        assert_eq!(scale.at(9_999.0), 0.0);
        assert_eq!(Scale::from_zero(413.0, 60.0, 0.0).ticks(), [0.0, 500.0]);
    }

    #[test]
    fn a_wide_span_is_logarithmic() {
        let scale = Scale::fitting(0.003, 2.5, 0.0, 100.0);
        assert!(scale.is_log());
        assert!(scale.ticks().windows(2).all(|pair| pair[0] < pair[1]));
        assert!((2..=10).contains(&scale.ticks().len()), "{:?}", scale.ticks());
        assert!(!Scale::fitting(0.1, 2.5, 0.0, 100.0).is_log());
        assert!(!Scale::fitting(0.0, 2.5, 0.0, 100.0).is_log());
    }

    #[test]
    fn ticks_are_few_whatever_the_span() {
        for span in [1e-9, 0.003, 0.7, 1.0, 42.0, 90.0, 4_000.0, 86_400.0, 1e15] {
            let scale = Scale::exact(0.0, span, 0.0, 960.0);
            for ticks in [scale.ticks(), scale.time_ticks()] {
                assert!((2..=12).contains(&ticks.len()), "{span}: {ticks:?}");
            }
        }
        assert!(Scale::exact(0.0, 0.0, 0.0, 1.0).at(0.0).is_finite());
    }
}
