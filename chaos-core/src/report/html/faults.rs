//! The faults: asked next to allowed next to achieved, their hits, and their targets folded below.

use super::markup::Markup;
use crate::report::form::words;
use crate::report::{StepReport, TargetState};

pub(super) fn draw(main: &mut Markup, steps: &[StepReport]) {
    if steps.is_empty() {
        return;
    }
    main.element("section", &[], |section| {
        section.leaf("h2", &[], "Faults");
        section.element("div", &[("class", &"wide")], |wide| {
            wide.element("table", &[], |table| {
                let heads =
                    ["Fault", "Asked", "Allowed", "Achieved", "Hits", "In force", "If the process dies"];
                heading(table, &heads);
                table.element("tbody", &[], |body| steps.iter().for_each(|step| row(body, step)));
            });
        });
        for step in steps.iter().filter(|step| !step.targets.is_empty() || !step.protected.is_empty()) {
            targets(section, step);
        }
    });
}

/// A row of column heads.
pub(super) fn heading(table: &mut Markup, heads: &[&str]) {
    table.element("thead", &[], |head| {
        head.element("tr", &[], |row| {
            heads.iter().for_each(|head| row.leaf("th", &[("scope", &"col")], head));
        });
    });
}

fn row(body: &mut Markup, step: &StepReport) {
    body.element("tr", &[], |row| {
        row.element("th", &[("scope", &"row")], |head| {
            head.outside(&step.name);
            head.quoted("small", &[], &step.target);
        });
        row.quoted("td", &[], &step.asked);
        row.quoted("td", &[], &step.allowed);
        row.quoted("td", &[], &step.achieved);
        let class = if step.hits == 0 { "warn" } else { "" };
        row.element("td", &[("class", &class)], |cell| {
            cell.text(words::hits(step));
            words::hit_details(step).iter().for_each(|detail| cell.leaf("small", &[], detail));
        });
        let class = if step.in_force_from.is_none() { "warn" } else { "" };
        row.leaf("td", &[("class", &class)], words::in_force(step));
        row.leaf("td", &[], words::if_it_dies(step));
    });
}

fn targets(section: &mut Markup, step: &StepReport) {
    // A rule acts on operations and is armed at a point.
    let what = if step.unit == "operation" { "point" } else { &step.unit };
    let summary = words::counted(step.targets.len() as u64, what);
    // What is left behind must not be folded away.
    let open: &[(&str, &dyn std::fmt::Display)] =
        if step.targets.iter().any(|target| target.state == TargetState::Leftover) {
            &[("open", &"open")]
        } else {
            &[]
        };
    section.element("details", open, |details| {
        details.element("summary", &[], |line| {
            line.text(format!("{summary}: "));
            line.outside(&step.name);
        });
        details.element("div", &[("class", &"wide")], |wide| {
            wide.element("table", &[], |table| {
                heading(table, &["Target", "State", "Change", "Last seen", "Identity"]);
                table.element("tbody", &[], |body| {
                    for target in &step.targets {
                        body.element("tr", &[], |row| {
                            row.quoted("th", &[("scope", &"row")], &target.name);
                            row.leaf("td", &[("class", &class(target.state))], target.state);
                            row.quoted("td", &[], &target.change);
                            row.quoted("td", &[], &target.detail);
                            row.quoted("td", &[("class", &"id")], &target.id);
                        });
                    }
                    for protected in &step.protected {
                        body.element("tr", &[], |row| {
                            row.quoted("th", &[("scope", &"row")], &protected.name);
                            row.leaf("td", &[], "protected");
                            row.leaf("td", &[], "none");
                            row.quoted("td", &[], &protected.reason);
                            row.quoted("td", &[("class", &"id")], &protected.id);
                        });
                    }
                });
            });
        });
    });
}

fn class(state: TargetState) -> &'static str {
    match state {
        TargetState::Reverted => "good",
        TargetState::Leftover => "bad",
        TargetState::Unseen | TargetState::Irreversible => "warn",
        TargetState::Untouched => "",
    }
}
