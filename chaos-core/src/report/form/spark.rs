//! Sparklines: a row of readings in as many characters as there is room for.

use crate::report::Reading;

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One character per group of values, from zero (or the lowest, if that is below) to the highest; a blank where there
/// is none. Beginning at the lowest would turn noise into mountains.
///
/// When there are more values than `width`, a character stands for the highest of its group: peaks are what is looked
/// for.
pub(super) fn of_values(values: &[Option<f64>], width: usize) -> String {
    let finite = || values.iter().flatten().copied().filter(|value| value.is_finite());
    let Some(high) = finite().reduce(f64::max) else { return String::new() };
    let low = finite().fold(0.0, f64::min);
    groups(values, width)
        .map(|group| {
            let peak = group.iter().flatten().copied().filter(|value| value.is_finite()).reduce(f64::max);
            peak.map_or(' ', |peak| {
                let share = if high > low { (peak - low) / (high - low) } else { 0.0 };
                BLOCKS[((share * 7.0).round() as usize).min(7)]
            })
        })
        .collect()
}

/// The numbers of the readings as blocks; readings without numbers as `·` (within tolerance) and `×` (not).
pub(super) fn of_readings(readings: &[Reading], width: usize) -> String {
    let values: Vec<_> = readings.iter().map(|reading| reading.value).collect();
    if values.iter().any(Option::is_some) {
        return of_values(&values, width);
    }
    groups(readings, width)
        .map(|group| if group.iter().all(|reading| reading.ok) { '·' } else { '×' })
        .collect()
}

fn groups<T>(all: &[T], width: usize) -> impl Iterator<Item = &[T]> {
    let columns = all.len().min(width);
    (0..columns).map(move |column| &all[column * all.len() / columns..(column + 1) * all.len() / columns])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::report::Phase;

    #[test]
    fn values_go_from_zero_to_the_highest_block() {
        assert_eq!(of_values(&[Some(0.0), None, Some(7.0), Some(4.0)], 40), "▁ █▅");
        assert_eq!(of_values(&[Some(5.0), Some(5.0)], 40), "██");
        assert_eq!(of_values(&[Some(-7.0), Some(0.0)], 40), "▁█");
        assert_eq!(of_values(&[Some(0.0)], 40), "▁");
        assert_eq!(of_values(&[None, Some(f64::NAN)], 40), "");
        assert_eq!(of_values(&[], 40), "");
    }

    #[test]
    fn a_peak_survives_a_narrow_row() {
        let mut values = vec![Some(0.0); 10_000];
        values[6_321] = Some(9.0);
        let row = of_values(&values, 50);
        assert_eq!(row.chars().count(), 50);
        assert_eq!(row.chars().position(|c| c == '█'), Some(31));
    }

    #[test]
    fn readings_without_numbers_show_whether_they_are_ok() {
        let reading = |ok| Reading::new(Duration::ZERO, Phase::During, ok, "200");
        assert_eq!(of_readings(&[reading(true), reading(false), reading(true)], 40), "·×·");
    }
}
