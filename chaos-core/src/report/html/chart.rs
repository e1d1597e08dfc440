//! The chart: latency percentiles, error rate and calls over one time axis, faults shaded, marks numbered.

use std::fmt::Display;

use super::labels::{clock_of, seconds, tick_of_number, tick_of_seconds, tick_of_share};
use super::markup::Markup;
use super::panel::{Panel, px};
use super::scale::Scale;
use super::series::{Point, Series};
use super::shades::Shades;
use crate::report::form::words;
use crate::report::{Mark, Timeline};

const WIDTH: f64 = 960.0;
pub(super) const LEFT: f64 = 72.0;
pub(super) const RIGHT: f64 = 916.0;
/// Height of one row of fault names, and of the row of mark numbers.
pub(super) const ROW: f64 = 20.0;
/// Room for a panel's title above it.
const GAP: f64 = 40.0;
const LATENCY: f64 = 240.0;
const ERRORS: f64 = 80.0;
const CALLS: f64 = 60.0;
const PERCENTILES: [&str; 3] = ["p50", "p90", "p99"];
/// About what a character of a label takes.
pub(super) const CHARACTER: f64 = 6.8;

pub(super) fn draw(main: &mut Markup, timeline: &Timeline, marks: &[Mark]) {
    let series = Series::of(timeline);
    main.element("section", &[], |section| {
        section.element("h2", &[], |head| {
            head.text("What ");
            head.outside(&timeline.meter);
            head.text(" saw");
        });
        if series.points.is_empty() {
            section.leaf("p", &[("class", &"none")], "Nothing was recorded.");
            return;
        }
        let chart = Chart::lay_out(timeline, marks, &series);
        section.element("figure", &[], |figure| {
            legend(figure, &chart);
            figure.element("div", &[("class", &"wide")], |wide| chart.svg(wide));
            figure.leaf("figcaption", &[], caption(timeline, &series));
        });
        numbers(section, &series);
    });
}

struct Chart<'a> {
    series: &'a Series,
    shades: Shades<'a>,
    marks: &'a [Mark],
    summary: String,
    x: Scale,
    /// The top of the first panel: below the names of the faults and the numbers of the marks.
    top: f64,
    height: f64,
}

impl<'a> Chart<'a> {
    fn lay_out(timeline: &'a Timeline, marks: &'a [Mark], series: &'a Series) -> Self {
        let last_point = series.points.last().map_or(0.0, |point| point.until);
        let ends = timeline.windows.iter().map(|window| window.until).chain(marks.iter().map(|mark| mark.at));
        let end = ends.map(|end| end.as_secs_f64()).fold(last_point, f64::max);
        let x = Scale::exact(0.0, end, LEFT, RIGHT);
        let shades = Shades::lay_out(&timeline.windows, x);
        let marked = if marks.is_empty() { 0.0 } else { ROW };
        let top = shades.height() + marked + 28.0;
        Self {
            series,
            shades,
            marks,
            summary: caption(timeline, series),
            x,
            top,
            height: top + LATENCY + GAP + ERRORS + GAP + CALLS + 44.0,
        }
    }

    fn svg(&self, wide: &mut Markup) {
        let size: [(&str, &dyn Display); 4] = [
            ("viewBox", &format!("0 0 {WIDTH} {}", self.height)),
            ("class", &"chart"),
            ("role", &"img"),
            ("aria-labelledby", &"chart-title chart-summary"),
        ];
        wide.element("svg", &size, |svg| {
            svg.leaf("title", &[("id", &"chart-title")], "Latency, errors and calls over time");
            svg.leaf("desc", &[("id", &"chart-summary")], &self.summary);
            self.shades.draw(svg, self.bottom());
            let latency = self.latency();
            if let Some(panel) = &latency {
                panel.frame(svg, tick_of_seconds);
                for (index, name) in PERCENTILES.into_iter().enumerate() {
                    panel.line(svg, name, &self.series.points, |point| point.latency[index]);
                }
                self.end_labels(svg, panel);
            } else {
                let (x, y) = (px(f64::midpoint(LEFT, RIGHT)), px(self.top + LATENCY / 2.0));
                svg.leaf(
                    "text",
                    &[("class", &"tick middle"), ("x", &x), ("y", &y)],
                    "no call ended, so no latency",
                );
            }
            self.errors(svg);
            self.calls(svg);
            self.time_axis(svg);
            self.mark_lines(svg);
            self.hover(svg);
        });
    }

    fn panel(
        &self,
        title: &'static str,
        top: f64,
        height: f64,
        y: impl FnOnce(f64, f64) -> Scale,
    ) -> Panel<'static> {
        let bottom = top + height;
        Panel { title, left: LEFT, right: RIGHT, top, bottom, x: self.x, y: y(bottom, top) }
    }

    fn latency(&self) -> Option<Panel<'static>> {
        let values = || self.series.points.iter().flat_map(|point| point.latency).flatten();
        // Logarithms begin at the finest latency that is recorded.
        let low = values().reduce(f64::min)?.max(1e-6);
        let high = values().reduce(f64::max)?.max(1e-6);
        let mut panel =
            self.panel("latency", self.top, LATENCY, |bottom, top| Scale::fitting(low, high, bottom, top));
        if panel.y.is_log() {
            panel.title = "latency (logarithmic)";
        }
        Some(panel)
    }

    /// The names of the lines where they end, moved apart where they meet.
    fn end_labels(&self, svg: &mut Markup, panel: &Panel<'_>) {
        let ends = (0..PERCENTILES.len()).filter_map(|index| {
            let last = self.series.points.iter().rev().find_map(|point| point.latency[index])?;
            Some((panel.y.at(last), PERCENTILES[index]))
        });
        let mut ends: Vec<_> = ends.collect();
        ends.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut ceiling = panel.bottom + 8.0;
        for (y, name) in ends {
            let y = (y + 4.0).min(ceiling);
            ceiling = y - 14.0;
            let class = format!("label {name}");
            svg.leaf("text", &[("class", &class), ("x", &px(RIGHT + 6.0)), ("y", &px(y))], name);
        }
    }

    fn errors_top(&self) -> f64 {
        self.top + LATENCY + GAP
    }

    fn errors(&self, svg: &mut Markup) {
        let points = &self.series.points;
        let highest = points.iter().filter_map(Point::error_rate).fold(0.0, f64::max);
        // An axis that ends at a tenth of a percent would make one error look like an outage.
        let panel = self.panel("errors, share of calls", self.errors_top(), ERRORS, |bottom, top| {
            if highest > 0.5 {
                Scale::exact(0.0, 1.0, bottom, top)
            } else {
                Scale::from_zero(highest.max(0.05), bottom, top)
            }
        });
        panel.frame(svg, tick_of_share);
        for silent in points.chunk_by(|a, b| (a.calls == 0) == (b.calls == 0)).filter(|run| run[0].calls == 0)
        {
            if let (Some(first), Some(last)) = (silent.first(), silent.last()) {
                panel.column(
                    svg,
                    "silent",
                    first.from,
                    last.until,
                    panel.top,
                    Some("no calls: no error rate"),
                );
            }
        }
        panel.bars(svg, "errors", points, Point::error_rate);
    }

    fn calls(&self, svg: &mut Markup) {
        let points = &self.series.points;
        let highest = points.iter().map(Point::calls_per_second).fold(0.0, f64::max);
        let top = self.errors_top() + ERRORS + GAP;
        let panel =
            self.panel("calls per second", top, CALLS, |bottom, top| Scale::from_zero(highest, bottom, top));
        panel.frame(svg, tick_of_number);
        panel.bars(svg, "calls", points, |point| Some(point.calls_per_second()));
    }

    fn bottom(&self) -> f64 {
        self.errors_top() + ERRORS + GAP + CALLS
    }

    fn time_axis(&self, svg: &mut Markup) {
        let ticks = self.x.time_ticks();
        let last = ticks.last().copied().unwrap_or(0.0);
        let clock = last > 120.0;
        for tick in ticks {
            let x = px(self.x.at(tick));
            let place: [(&str, &dyn Display); 5] = [
                ("class", &"axis"),
                ("x1", &x),
                ("x2", &x),
                ("y1", &px(self.bottom())),
                ("y2", &px(self.bottom() + 5.0)),
            ];
            svg.void("line", &place);
            let label = if clock { clock_of(tick) } else { tick_of_seconds(tick) };
            svg.leaf(
                "text",
                &[("class", &"tick middle"), ("x", &x), ("y", &px(self.bottom() + 18.0))],
                label,
            );
        }
        let title = match (clock, last >= 3_600.0) {
            (false, _) => "time since the start",
            (true, false) => "time since the start, minutes:seconds",
            (true, true) => "time since the start, hours:minutes:seconds",
        };
        let (x, y) = (px(f64::midpoint(LEFT, RIGHT)), px(self.bottom() + 36.0));
        svg.leaf("text", &[("class", &"tick middle"), ("x", &x), ("y", &y)], title);
    }

    fn mark_lines(&self, svg: &mut Markup) {
        let y = self.top - 30.0;
        let mut free = f64::NEG_INFINITY;
        for (index, mark) in self.marks.iter().enumerate() {
            let x = self.x.at(mark.at.as_secs_f64());
            let place: [(&str, &dyn Display); 5] = [
                ("class", &"mark"),
                ("x1", &px(x)),
                ("x2", &px(x)),
                ("y1", &px(y + 4.0)),
                ("y2", &px(self.bottom())),
            ];
            let title =
                format!("{}. {}: {}", index + 1, words::duration(mark.at), words::one_line(&mark.text));
            svg.element("line", &place, |line| line.leaf("title", &[], &title));
            // Numbers that would cover each other: the later one goes, the list below has all.
            if x >= free {
                let number = (index + 1).to_string();
                free = x + 10.0 + CHARACTER * number.len() as f64;
                svg.leaf("text", &[("class", &"number"), ("x", &px(x)), ("y", &px(y))], number);
            }
        }
    }

    /// Invisible columns that say the numbers under the pointer.
    fn hover(&self, svg: &mut Markup) {
        let over = self
            .panel("", self.top, self.bottom() - self.top, |bottom, top| Scale::exact(0.0, 1.0, bottom, top));
        for point in &self.series.points {
            over.column(svg, "hover", point.from, point.until, over.top, Some(&described(point)));
        }
    }
}

fn legend(figure: &mut Markup, chart: &Chart<'_>) {
    figure.element("p", &[("class", &"legend")], |legend| {
        for name in PERCENTILES {
            legend.element("span", &[], |item| {
                item.element("svg", &[("width", &26), ("height", &10), ("aria-hidden", &"true")], |svg| {
                    svg.void("path", &[("class", &format!("line {name}")), ("d", &"M1 5L25 5")]);
                });
                item.text(name);
            });
        }
        let keys = [
            ("errors", "errors", true),
            ("window w0", "fault in force", !chart.shades.is_empty()),
            ("silent", "no calls", chart.series.points.iter().any(|point| point.calls == 0)),
        ];
        for (class, name, _) in keys.into_iter().filter(|(_, _, shown)| *shown) {
            legend.element("span", &[], |item| {
                item.element("svg", &[("width", &14), ("height", &10), ("aria-hidden", &"true")], |svg| {
                    svg.void("rect", &[("class", &class), ("width", &14), ("height", &10)]);
                });
                item.text(name);
            });
        }
    });
}

fn caption(timeline: &Timeline, series: &Series) -> String {
    let (calls, errors) = (series.calls(), series.errors());
    let mut text = match words::share(errors, calls) {
        Some(share) => {
            format!("{}, of which {} failed ({share}).", words::counted(calls, "call"), words::count(errors))
        }
        None => "No call ended.".to_owned(),
    };
    if let Some((peak, at)) = series.peak(2) {
        text += &format!(" p99 was highest at {}: {}.", seconds(at.from), seconds(peak));
    }
    let width = timeline.bucket.saturating_mul(u32::try_from(series.grouped).unwrap_or(u32::MAX));
    text += &format!(" One point is {}", words::duration(width));
    if series.grouped > 1 {
        text += &format!(", with the highest percentiles of its {} buckets", series.grouped);
    }
    text + "."
}

fn described(point: &Point) -> String {
    let mut text = format!(
        "{} to {}: {}",
        seconds(point.from),
        seconds(point.until),
        words::counted(point.calls, "call")
    );
    if point.calls > 0 {
        text += &format!(", {}", words::counted(point.errors, "error"));
    }
    for (name, value) in PERCENTILES.into_iter().zip(point.latency) {
        if let Some(value) = value {
            text += &format!(", {name} {}", seconds(value));
        }
    }
    text
}

/// The same as a table, for whoever cannot see the chart; at most about sixty rows.
fn numbers(section: &mut Markup, series: &Series) {
    let step = series.points.len().div_ceil(60).max(1);
    section.element("details", &[], |details| {
        let title =
            if step > 1 { format!("The numbers (one point in {step})") } else { "The numbers".to_owned() };
        details.leaf("summary", &[], title);
        details.element("div", &[("class", &"wide")], |wide| {
            wide.element("table", &[("class", &"numbers")], |table| {
                super::faults::heading(table, &["From", "Calls", "Errors", "p50", "p90", "p99"]);
                table.element("tbody", &[], |body| {
                    for point in series.points.iter().step_by(step) {
                        body.element("tr", &[], |row| {
                            row.leaf("th", &[("scope", &"row")], seconds(point.from));
                            row.leaf("td", &[], words::count(point.calls));
                            row.leaf("td", &[], words::count(point.errors));
                            for value in point.latency {
                                row.leaf("td", &[], value.map_or_else(|| "–".to_owned(), seconds));
                            }
                        });
                    }
                });
            });
        });
    });
}
