//! What stands at the axes: round numbers in their unit.

use std::time::Duration;

use crate::report::form::words;

pub(super) fn seconds(seconds: f64) -> String {
    words::duration(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

/// A round number of seconds in its unit, without decimals that say nothing: `0`, `200 µs`, `1.5 s`.
pub(super) fn tick_of_seconds(seconds: f64) -> String {
    let (value, unit) = match seconds {
        0.0 => return "0".to_owned(),
        s if s < 0.999e-3 => (s * 1e6, "µs"),
        s if s < 0.999 => (s * 1e3, "ms"),
        s => (s, "s"),
    };
    format!("{} {unit}", tick_of_number(value))
}

pub(super) fn tick_of_share(share: f64) -> String {
    format!("{} %", tick_of_number(share * 100.0))
}

pub(super) fn tick_of_number(value: f64) -> String {
    if value >= 1000.0 {
        return words::count(value.round() as u64);
    }
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `h:mm:ss`, or `m:ss` within the first hour.
pub(super) fn clock_of(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_have_no_empty_decimals() {
        assert_eq!(tick_of_seconds(0.0), "0");
        assert_eq!(tick_of_seconds(0.000_2), "200 µs");
        assert_eq!(tick_of_seconds(1.5), "1.5 s");
        assert_eq!(tick_of_share(0.05), "5 %");
        assert_eq!(clock_of(90.0), "1:30");
        assert_eq!(clock_of(7_265.0), "2:01:05");
    }
}
