//! The probes: tolerance, what was read before, during and after, and the readings folded below.

use std::fmt::Display;

use super::faults::heading;
use super::markup::Markup;
use super::scale::Scale;
use crate::report::form::words;
use crate::report::{Phase, ProbeReport};

const WIDTH: f64 = 180.0;
const HEIGHT: f64 = 34.0;

pub(super) fn draw(main: &mut Markup, probes: &[ProbeReport]) {
    if probes.is_empty() {
        return;
    }
    main.element("section", &[], |section| {
        section.leaf("h2", &[], "Probes");
        section.element("div", &[("class", &"wide")], |wide| {
            wide.element("table", &[], |table| {
                heading(table, &["Probe", "Verdict", "Before", "During", "After", "Readings"]);
                table.element("tbody", &[], |body| probes.iter().for_each(|probe| row(body, probe)));
            });
        });
        probes.iter().filter(|probe| !probe.readings.is_empty()).for_each(|probe| readings(section, probe));
    });
}

fn row(body: &mut Markup, probe: &ProbeReport) {
    body.element("tr", &[], |row| {
        row.element("th", &[("scope", &"row")], |head| {
            head.outside(&probe.name);
            head.quoted("small", &[], &probe.tolerance);
        });
        let class = match (probe.taken, probe.held) {
            (0, _) => "warn",
            (_, true) => "good",
            (_, false) => "bad",
        };
        row.leaf("td", &[("class", &class)], words::probe_word(probe).to_lowercase());
        for phase in Phase::ALL {
            row.element("td", &[], |cell| match words::span(words::of_phase(probe, phase)) {
                Some(span) => cell.outside(&span),
                None => cell.leaf("span", &[("class", &"none")], "not read"),
            });
        }
        row.element("td", &[], |cell| {
            spark(cell, probe);
            cell.leaf("small", &[], words::readings(probe));
        });
    });
}

/// The numbers as a line, failed readings as dots; without numbers, every reading as a dot.
fn spark(cell: &mut Markup, probe: &ProbeReport) {
    let (Some(first), Some(last)) = (probe.readings.first(), probe.readings.last()) else { return };
    let x = Scale::exact(first.at.as_secs_f64(), last.at.as_secs_f64(), 4.0, WIDTH - 4.0);
    let extremes = probe.extremes().and_then(|(low, high)| low.value.zip(high.value));
    let y = extremes.map(|(low, high)| Scale::exact(low.min(0.0), high, HEIGHT - 4.0, 4.0));
    let place = |value: Option<f64>| y.and_then(|y| value.filter(|v| v.is_finite()).map(|value| y.at(value)));
    let label = format!("{}: {}", words::one_line(&probe.name), words::readings(probe));
    let size: [(&str, &dyn Display); 6] = [
        ("class", &"spark"),
        ("viewBox", &format!("0 0 {WIDTH} {HEIGHT}")),
        ("width", &WIDTH),
        ("height", &HEIGHT),
        ("role", &"img"),
        ("aria-label", &label),
    ];
    cell.element("svg", &size, |svg| {
        let during = || words::of_phase(probe, Phase::During).map(|reading| x.at(reading.at.as_secs_f64()));
        if let (Some(from), Some(until)) = (during().reduce(f64::min), during().reduce(f64::max)) {
            let width = format!("{:.1}", (until - from).max(1.0));
            let from = format!("{from:.1}");
            svg.void(
                "rect",
                &[("class", &"window"), ("x", &from), ("y", &0), ("width", &width), ("height", &HEIGHT)],
            );
        }
        let mut line = String::new();
        for reading in &probe.readings {
            if let Some(y) = place(reading.value) {
                let command = if line.is_empty() { 'M' } else { 'L' };
                line += &format!("{command}{:.1} {y:.1}", x.at(reading.at.as_secs_f64()));
            }
        }
        if !line.is_empty() {
            svg.void("path", &[("class", &"line"), ("d", &line)]);
        }
        for reading in probe.readings.iter().filter(|reading| !reading.ok || y.is_none()) {
            let class = if reading.ok { "dot" } else { "dot failed" };
            let cx = format!("{:.1}", x.at(reading.at.as_secs_f64()));
            let cy = format!("{:.1}", place(reading.value).unwrap_or(HEIGHT / 2.0));
            svg.void("circle", &[("class", &class), ("cx", &cx), ("cy", &cy), ("r", &"2.2")]);
        }
    });
}

fn readings(section: &mut Markup, probe: &ProbeReport) {
    section.element("details", &[], |details| {
        details.element("summary", &[], |line| {
            line.text("Readings of ");
            line.outside(&probe.name);
            if let Some(thinned) = words::thinned(probe) {
                line.text(format!(" ({thinned})"));
            }
        });
        details.element("div", &[("class", &"wide")], |wide| {
            wide.element("table", &[], |table| {
                heading(table, &["At", "Phase", "Read", "Verdict", "Detail"]);
                table.element("tbody", &[], |body| {
                    for reading in &probe.readings {
                        body.element("tr", &[], |row| {
                            row.leaf("td", &[("class", &"at")], words::duration(reading.at));
                            row.leaf("td", &[], reading.phase);
                            row.quoted("td", &[], &reading.text);
                            let (class, word) =
                                if reading.ok { ("good", "ok") } else { ("bad", "out of tolerance") };
                            row.leaf("td", &[("class", &class)], word);
                            row.quoted("td", &[], &reading.detail);
                        });
                    }
                });
            });
        });
    });
}
