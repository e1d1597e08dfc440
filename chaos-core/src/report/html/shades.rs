//! [`Shades`]: when faults were in force, as shaded columns with their names above the panels.

use std::fmt::Display;

use super::chart::{CHARACTER, LEFT, RIGHT, ROW};
use super::markup::Markup;
use super::panel::px;
use super::scale::Scale;
use crate::report::FaultWindow;
use crate::report::form::words;

/// Names beyond these rows are left to the tooltips and the table of faults.
const MOST_ROWS: usize = 6;
const TOP: f64 = 4.0;
const TINTS: usize = 4;

pub(super) struct Shades<'a> {
    shades: Vec<Shade<'a>>,
}

struct Shade<'a> {
    window: &'a FaultWindow,
    left: f64,
    right: f64,
    /// The row of its name; absent when there is no room for it.
    row: Option<usize>,
    label: Label,
}

struct Label {
    text: String,
    x: f64,
    class: &'static str,
    from: f64,
    until: f64,
}

impl<'a> Shades<'a> {
    /// Each window with the first row in which neither its bar nor its name runs into another's.
    pub(super) fn lay_out(windows: &'a [FaultWindow], x: Scale) -> Self {
        let mut sorted: Vec<_> = windows.iter().collect();
        sorted.sort_by_key(|window| window.from);
        let mut taken: Vec<Vec<(f64, f64)>> = vec![Vec::new(); MOST_ROWS];
        let shades = sorted.into_iter().map(|window| {
            let left = x.at(window.from.as_secs_f64());
            let right = x.at(window.until.as_secs_f64()).max(left + 1.0);
            let label = label(&words::one_line(&window.name), left, right);
            let (from, until) = (left.min(label.from), right.max(label.until));
            let row =
                taken.iter().position(|row| row.iter().all(|other| until <= other.0 || other.1 <= from));
            if let Some(row) = row {
                taken[row].push((from, until));
            }
            Shade { window, left, right, row, label }
        });
        Self { shades: shades.collect() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.shades.is_empty()
    }

    /// What the names take above the panels.
    pub(super) fn height(&self) -> f64 {
        TOP + self.shades.iter().filter_map(|shade| shade.row).map(|row| row + 1).max().unwrap_or(0) as f64
            * ROW
    }

    /// All columns first, so that no shade lies over a name.
    pub(super) fn draw(&self, svg: &mut Markup, bottom: f64) {
        for (index, shade) in self.shades.iter().enumerate() {
            shade.columns(svg, index % TINTS, bottom);
        }
        for shade in &self.shades {
            if let Some(row) = shade.row {
                let (x, y) = (px(shade.label.x), px(TOP + row as f64 * ROW + 15.0));
                let place: [(&str, &dyn Display); 3] = [("class", &shade.label.class), ("x", &x), ("y", &y)];
                svg.leaf("text", &place, &shade.label.text);
            }
        }
    }
}

impl Shade<'_> {
    fn columns(&self, svg: &mut Markup, tint: usize, bottom: f64) {
        let name = words::one_line(&self.window.name);
        let (from, until) = (words::duration(self.window.from), words::duration(self.window.until));
        let title = format!("{name}: {from} to {until}");
        let top = TOP + self.row.unwrap_or(MOST_ROWS - 1) as f64 * ROW;
        for (class, height) in [("window", bottom - top), ("bar", 3.0)] {
            let place: [(&str, &dyn Display); 5] = [
                ("class", &format!("{class} w{tint}")),
                ("x", &px(self.left)),
                ("y", &px(top)),
                ("width", &px(self.right - self.left)),
                ("height", &px(height)),
            ];
            svg.element("rect", &place, |rect| rect.leaf("title", &[], &title));
        }
    }
}

/// The name beside the left edge of its shade, or before its right edge where there is no room; cut where neither has.
fn label(name: &str, left: f64, right: f64) -> Label {
    let width = |text: &str| text.chars().count() as f64 * CHARACTER;
    let fits = |room: f64| width(name) <= room;
    let (after, before) = (RIGHT - left - 8.0, right - LEFT - 8.0);
    let leading = fits(after) || (!fits(before) && after >= before);
    let room = if leading { after } else { before };
    let room = (room / CHARACTER).max(2.0) as usize;
    let text = if name.chars().count() > room {
        name.chars().take(room - 1).chain(['…']).collect()
    } else {
        name.to_owned()
    };
    let width = width(&text) + 8.0;
    if leading {
        Label { x: left + 5.0, class: "name", from: left, until: left + width, text }
    } else {
        Label { x: right - 3.0, class: "name end", from: right - width, until: right, text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::secs;

    fn rows(windows: &[FaultWindow], end: f64) -> Vec<Option<usize>> {
        let shades = Shades::lay_out(windows, Scale::exact(0.0, end, LEFT, RIGHT));
        shades.shades.iter().map(|shade| shade.row).collect()
    }

    fn window(from: u64, until: u64) -> FaultWindow {
        FaultWindow::new("slow", secs(from), secs(until))
    }

    #[test]
    fn windows_that_overlap_get_rows_of_their_own() {
        let windows = [window(5, 15), window(0, 10), window(10, 20), window(30, 40)];
        assert_eq!(rows(&windows, 40.0), [Some(0), Some(1), Some(0), Some(0)]);
    }

    #[test]
    fn short_windows_in_a_long_run_keep_their_names_apart() {
        let windows: Vec<_> = (0..12).map(|from| window(from, from + 1)).collect();
        let rows = rows(&windows, 10_000.0);
        assert_eq!(rows.iter().filter(|row| row.is_some()).count(), MOST_ROWS);
    }

    #[test]
    fn long_names_are_cut_within_the_chart() {
        for (left, right) in [(LEFT, LEFT + 1.0), (500.0, 510.0), (RIGHT - 1.0, RIGHT)] {
            let label = label(&"very long ".repeat(100), left, right);
            assert!(label.from >= LEFT - 10.0 && label.until <= RIGHT + 10.0 && label.text.ends_with('…'));
        }
    }
}
