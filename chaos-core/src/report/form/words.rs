//! The wording that every form of a report shares: quantities, hits, spans, and text from outside made safe for one
//! line.

use std::fmt::Write;
use std::time::Duration;

use crate::fault::Owner;
#[cfg(feature = "report")]
use crate::report::Phase;
use crate::report::{ProbeReport, Reading, StepReport};

/// Three significant digits and the unit that fits: `850 µs`, `1.24 ms`, `42.0 s`, `2 min 30 s`, `2 h 05 min`.
pub(crate) fn duration(duration: Duration) -> String {
    let secs = duration.as_secs_f64();
    // The bounds are where three digits would round up to the next unit.
    match secs {
        _ if duration.is_zero() => "0 ms".to_owned(),
        s if s < 0.999_5e-6 => format!("{} ns", duration.as_nanos()),
        s if s < 0.999_5e-3 => format!("{} µs", significant(s * 1e6)),
        s if s < 0.999_5 => format!("{} ms", significant(s * 1e3)),
        s if s < 99.95 => format!("{} s", significant(s)),
        s if s < 3_599.5 => {
            let whole = s.round() as u64;
            format!("{} min {:02} s", whole / 60, whole % 60)
        }
        s => {
            let whole = (s / 60.0).round() as u64;
            format!("{} h {:02} min", whole / 60, whole % 60)
        }
    }
}

/// Three significant digits of a number below a thousand.
fn significant(number: f64) -> String {
    match number {
        n if n < 9.995 => format!("{n:.2}"),
        n if n < 99.95 => format!("{n:.1}"),
        n => format!("{n:.0}"),
    }
}

/// `1234567` as `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 file`, `9 files`, `2 processes`, `3 proxies`.
pub(crate) fn counted(number: u64, unit: &str) -> String {
    if number == 1 {
        return format!("1 {unit}");
    }
    let number = count(number);
    if unit.ends_with(['s', 'x']) || unit.ends_with("ch") {
        format!("{number} {unit}es")
    } else if let Some(stem) = unit.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u'])) {
        format!("{number} {stem}ies")
    } else {
        format!("{number} {unit}s")
    }
}

/// A share in percent: `9.8 %`, `0.04 %`, `100 %`.
pub(crate) fn share(part: u64, whole: u64) -> Option<String> {
    if whole == 0 {
        return None;
    }
    let percent = part as f64 / whole as f64 * 100.0;
    Some(match percent {
        0.0 => "0 %".to_owned(),
        p if p < 0.01 => "under 0.01 %".to_owned(),
        p if p.fract() < 1e-9 => format!("{p:.0} %"),
        p if p < 9.995 => format!("{p:.2} %"),
        // 99.96 % is not all of it.
        p if (99.95..100.0).contains(&p) => "over 99.9 %".to_owned(),
        p => format!("{p:.1} %"),
    })
}

/// Text from outside on one line: line ends become blanks; controls and marks that reorder text are written out, so
/// that a target's name cannot repaint a terminal or turn a line around.
pub(crate) fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.trim().chars() {
        match c {
            '\n' | '\t' | '\u{2028}' | '\u{2029}' => out.push(' '),
            '\r' => {}
            c if c.is_control() || reorders(c) => {
                let _ = write!(out, "{}", c.escape_unicode());
            }
            c => out.push(c),
        }
    }
    out
}

/// Unicode's explicit directional formatting characters (UAX #9, section 2).
fn reorders(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The step's name and where it acted: "latency 300 ms at payments".
pub(crate) fn step_title(step: &StepReport) -> String {
    if step.target.is_empty() { step.name.clone() } else { format!("{} · {}", step.name, step.target) }
}

/// "118 of 1,204 matching operations (9.8 %)" or "4 of 9 pods (44.4 %)".
pub(crate) fn hits(step: &StepReport) -> String {
    let (whole, what) = match (step.matching, step.population) {
        (0, 0) => return format!("{}, nothing matched", count(step.hits)),
        (0, population) => (population, counted(population, &step.unit)),
        (matching, _) => (matching, {
            let units = counted(matching, &step.unit);
            let (number, unit) = units.split_once(' ').unwrap_or((&units, ""));
            format!("{number} matching {unit}")
        }),
    };
    let share = share(step.hits, whole).map(|share| format!(" ({share})")).unwrap_or_default();
    format!("{} of {what}{share}", count(step.hits))
}

/// What else is to say of the hits: let pass, held back by the cap, delay added.
pub(crate) fn hit_details(step: &StepReport) -> Vec<String> {
    let mut details = Vec::new();
    if step.capped > 0 {
        details.push(format!("{} held back by the cap", count(step.capped)));
    }
    if step.misses > 0 {
        details.push(format!("{} let pass by the occurrence", count(step.misses)));
    }
    if !step.added_delay.is_zero() {
        details.push(format!("{} of delay added in all", duration(step.added_delay)));
    }
    details
}

/// When a fault was in force: "10.0 s to 40.0 s".
pub(crate) fn in_force(step: &StepReport) -> String {
    match (step.in_force_from, step.in_force_until) {
        (None, _) => "never seen in force".to_owned(),
        (Some(from), None) => format!("from {}, never seen gone", duration(from)),
        (Some(from), Some(until)) => format!("{} to {}", duration(from), duration(until)),
    }
}

/// Who takes it back if the process dies, as a sentence.
pub(crate) fn if_it_dies(step: &StepReport) -> &'static str {
    match step.owner {
        _ if !step.reversible => "it cannot be undone",
        Owner::Process => "it ends with the process",
        Owner::Kernel => "the kernel takes it back",
        Owner::Guardian => "the guardian takes it back, or the next sweep if its container is killed whole",
        Owner::Deadline => "the agent's deadline takes it back",
        Owner::Platform => "the platform's limit takes it back",
        Owner::Sweep => "the next sweep takes it back",
        Owner::Nobody => "nobody takes it back",
    }
}

/// The probe's word: "ok", "FAILED", "not read".
pub(crate) fn probe_word(probe: &ProbeReport) -> &'static str {
    match (probe.taken, probe.held) {
        (0, _) => "not read",
        (_, true) => "held",
        (_, false) => "FAILED",
    }
}

/// "32 readings, all within tolerance" or "32 readings, 5 out of tolerance".
pub(crate) fn readings(probe: &ProbeReport) -> String {
    let taken = counted(probe.taken, "reading");
    match (probe.taken, probe.failed) {
        (0, _) => "never read".to_owned(),
        (1, 0) => format!("{taken}, within tolerance"),
        (_, 0) => format!("{taken}, all within tolerance"),
        (_, failed) => format!("{taken}, {} out of tolerance", count(failed)),
    }
}

/// "84 ms to 412 ms", or what was read if there are no numbers.
pub(crate) fn span<'a>(readings: impl Iterator<Item = &'a Reading> + Clone) -> Option<String> {
    let value = |reading: &&Reading| reading.value.filter(|value| value.is_finite());
    let by_value =
        |a: &&Reading, b: &&Reading| a.value.partial_cmp(&b.value).unwrap_or(std::cmp::Ordering::Equal);
    let measured = || readings.clone().filter(|reading| value(reading).is_some());
    if let (Some(low), Some(high)) = (measured().min_by(by_value), measured().max_by(by_value)) {
        let (low, high) = (one_line(&low.text), one_line(&high.text));
        return Some(if low == high { low } else { format!("{low} to {high}") });
    }
    let mut texts: Vec<_> = readings.map(|reading| one_line(&reading.text)).collect();
    texts.dedup();
    let more = texts.len().saturating_sub(3);
    texts.truncate(3);
    let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!texts.is_empty()).then(|| texts.join(", ") + &tail)
}

/// The readings of one phase.
#[cfg(feature = "report")]
pub(crate) fn of_phase(probe: &ProbeReport, phase: Phase) -> impl Iterator<Item = &Reading> + Clone {
    probe.readings.iter().filter(move |reading| reading.phase == phase)
}

/// What to say when readings were thinned.
#[cfg(feature = "report")]
pub(crate) fn thinned(probe: &ProbeReport) -> Option<String> {
    let kept = probe.readings.len() as u64;
    (kept < probe.taken).then(|| format!("{} of {} are kept", count(kept), counted(probe.taken, "reading")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{ms, secs, us};

    #[test]
    fn durations_have_three_digits_and_a_fitting_unit() {
        for (from, text) in [
            (Duration::ZERO, "0 ms"),
            (Duration::from_nanos(120), "120 ns"),
            (us(1), "1.00 µs"),
            (us(850), "850 µs"),
            (Duration::from_nanos(999_900), "1.00 ms"),
            (us(1_240), "1.24 ms"),
            (us(9_996), "10.0 ms"),
            (us(999_700), "1.00 s"),
            (ms(42_040), "42.0 s"),
            (ms(99_960), "1 min 40 s"),
            (secs(90), "90.0 s"),
            (secs(150), "2 min 30 s"),
            (ms(3_599_700), "1 h 00 min"),
            (secs(7_500), "2 h 05 min"),
        ] {
            assert_eq!(duration(from), text);
        }
    }

    #[test]
    fn counts_are_grouped_and_units_are_plural() {
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        for (number, unit, text) in [
            (1, "pod", "1 pod"),
            (2, "process", "2 processes"),
            (3, "proxy", "3 proxies"),
            (0, "key", "0 keys"),
            (1_204, "operation", "1,204 operations"),
        ] {
            assert_eq!(counted(number, unit), text);
        }
    }

    #[test]
    fn shares_never_round_to_nothing_or_to_all() {
        assert_eq!(share(1, 0), None);
        for (part, whole, text) in [
            (0, 5, "0 %"),
            (1, 1_000_000, "under 0.01 %"),
            (4, 9, "44.4 %"),
            (1, 2, "50 %"),
            (120, 1_204, "9.97 %"),
            (1, 8, "12.5 %"),
            (9_999, 10_000, "over 99.9 %"),
            (5, 5, "100 %"),
        ] {
            assert_eq!(share(part, whole).as_deref(), Some(text));
        }
    }

    #[test]
    fn text_from_outside_cannot_repaint_the_terminal() {
        assert_eq!(one_line(" a\r\nb\u{1b}[2Jc\u{202e}d "), "a b\\u{1b}[2Jc\\u{202e}d");
        assert_eq!(one_line("naïve 測試 🙂"), "naïve 測試 🙂");
    }
}
