//! [`Panel`]: one plot of the chart, with its axis on the left and a grid; the time axis is shared.

use std::fmt::Display;

use super::markup::Markup;
use super::scale::Scale;
use super::series::Point;

/// A place on the page, to a tenth of a pixel.
pub(super) fn px(place: f64) -> String {
    format!("{place:.1}")
}

pub(super) struct Panel<'a> {
    pub(super) title: &'a str,
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
    pub(super) x: Scale,
    pub(super) y: Scale,
}

impl Panel<'_> {
    /// Title, grid lines and their labels.
    pub(super) fn frame(&self, svg: &mut Markup, label: impl Fn(f64) -> String) {
        let (left, top) = (px(self.left), px(self.top - 8.0));
        svg.leaf("text", &[("class", &"panel"), ("x", &left), ("y", &top)], self.title);
        for tick in self.y.ticks() {
            let y = self.y.at(tick);
            self.rule(svg, "grid", y);
            let (x, y) = (px(self.left - 8.0), px(y + 4.0));
            svg.leaf("text", &[("class", &"tick end"), ("x", &x), ("y", &y)], label(tick));
        }
        self.rule(svg, "axis", self.bottom);
    }

    fn rule(&self, svg: &mut Markup, class: &str, y: f64) {
        let place: [(&str, &dyn Display); 5] = [
            ("class", &class),
            ("x1", &px(self.left)),
            ("x2", &px(self.right)),
            ("y1", &px(y)),
            ("y2", &px(y)),
        ];
        svg.void("line", &place);
    }

    /// A line through the values, broken where there is none; a value alone between two gaps is a dot.
    pub(super) fn line(
        &self,
        svg: &mut Markup,
        class: &str,
        points: &[Point],
        of: impl Fn(&Point) -> Option<f64>,
    ) {
        let places: Vec<_> = points
            .iter()
            .map(|point| of(point).map(|value| (self.x.at(point.middle()), self.y.at(value))))
            .collect();
        let mut path = String::new();
        for run in places.split(Option::is_none) {
            let mut run = run.iter().flatten();
            let (first, second) = (run.next(), run.next());
            match (first, second) {
                (Some((x, y)), None) => {
                    let class = format!("point {class}");
                    svg.void("circle", &[("class", &class), ("cx", &px(*x)), ("cy", &px(*y)), ("r", &"2.5")]);
                }
                (Some(first), Some(second)) => {
                    path += &format!("M{} {}", px(first.0), px(first.1));
                    for (x, y) in [second].into_iter().chain(run) {
                        path += &format!("L{} {}", px(*x), px(*y));
                    }
                }
                (None, _) => {}
            }
        }
        if !path.is_empty() {
            svg.void("path", &[("class", &format!("line {class}")), ("d", &path)]);
        }
    }

    /// A bar from the axis to each value.
    pub(super) fn bars(
        &self,
        svg: &mut Markup,
        class: &str,
        points: &[Point],
        of: impl Fn(&Point) -> Option<f64>,
    ) {
        for point in points {
            if let Some(value) = of(point).filter(|value| *value > 0.0) {
                // A single error among thousands is still to be seen.
                let top = self.y.at(value).min(self.bottom - 1.0);
                self.column(svg, class, point.from, point.until, top, None);
            }
        }
    }

    /// A column of the panel between two moments, from `top` down to the axis.
    pub(super) fn column(
        &self,
        svg: &mut Markup,
        class: &str,
        from: f64,
        until: f64,
        top: f64,
        title: Option<&str>,
    ) {
        let (left, right) = (self.x.at(from), self.x.at(until));
        let place: [(&str, &dyn Display); 5] = [
            ("class", &class),
            ("x", &px(left)),
            ("y", &px(top)),
            ("width", &px((right - left).max(1.0))),
            ("height", &px(self.bottom - top)),
        ];
        match title {
            None => svg.void("rect", &place),
            Some(title) => svg.element("rect", &place, |rect| rect.leaf("title", &[], title)),
        }
    }
}
