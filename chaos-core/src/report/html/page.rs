//! The frame of the page: head, outcome, what happened, how to replay.

use super::markup::Markup;
use super::{chart, faults, probes};
use crate::report::form::words;
use crate::report::{Mark, Outcome, Report};

const STYLE: &str = include_str!("style.css");
/// Whatever slips through, the page fetches nothing and runs nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

impl Report {
    /// The report as one HTML page, complete in itself: no script, nothing fetched, light and dark, printable.
    ///
    /// The page is well-formed XML too. Text from outside is escaped and keeps to its own direction of writing.
    pub fn to_html(&self) -> String {
        let mut page = Markup::default();
        page.verbatim("<!DOCTYPE html>\n");
        page.element("html", &[("lang", &"en")], |html| {
            html.element("head", &[], |head| self.head(head));
            html.element("body", &[], |body| {
                body.element("main", &[], |main| self.body(main));
            });
        });
        page.finish() + "\n"
    }

    fn head(&self, head: &mut Markup) {
        head.void("meta", &[("charset", &"utf-8")]);
        head.void("meta", &[("http-equiv", &"Content-Security-Policy"), ("content", &POLICY)]);
        head.void("meta", &[("name", &"viewport"), ("content", &"width=device-width, initial-scale=1")]);
        head.void("meta", &[("name", &"color-scheme"), ("content", &"light dark")]);
        head.leaf("title", &[], format!("{}: {}", self.outcome, words::one_line(&self.title)));
        head.element("style", &[], |style| style.verbatim(STYLE));
    }

    fn body(&self, main: &mut Markup) {
        main.element("header", &[], |header| self.header(header));
        if !self.notes.is_empty() {
            main.element("section", &[("class", &"notes"), ("aria-label", &"Notes")], |section| {
                section.leaf("h2", &[], "Before you trust this");
                section.element("ul", &[], |list| {
                    self.notes.iter().for_each(|note| list.quoted("li", &[], note));
                });
            });
        }
        if let Some(timeline) = &self.timeline {
            chart::draw(main, timeline, &self.marks);
        }
        faults::draw(main, &self.steps);
        probes::draw(main, &self.probes);
        if !self.marks.is_empty() {
            self.marks(main);
        }
        self.footer(main);
    }

    fn header(&self, header: &mut Markup) {
        header.leaf("p", &[("class", &format!("badge {}", class(self.outcome)))], self.outcome);
        header.quoted("h1", &[], &self.title);
        if let Some(reason) = &self.reason {
            header.quoted("p", &[("class", &"reason")], reason);
        }
        header.leaf("p", &[("class", &"verdict")], self.outcome.verdict());
        header.element("dl", &[("class", &"facts")], |facts| {
            fact(facts, "Started", |dd| {
                dd.leaf("time", &[("datetime", &self.started)], readable(&self.started.to_string()));
            });
            fact(facts, "Took", |dd| dd.text(words::duration(self.elapsed)));
            if !self.blast_radius.is_empty() {
                fact(facts, "Blast radius", |dd| dd.outside(&self.blast_radius));
            }
            fact(facts, "Seed", |dd| dd.text(self.seed));
        });
    }

    fn marks(&self, main: &mut Markup) {
        main.element("section", &[], |section| {
            section.leaf("h2", &[], "What happened");
            section.element("ol", &[("class", &"marks")], |list| {
                for Mark { at, text } in &self.marks {
                    list.element("li", &[], |item| {
                        item.leaf("span", &[("class", &"at")], words::duration(*at));
                        item.text(" ");
                        item.outside(text);
                    });
                }
            });
        });
    }

    fn footer(&self, main: &mut Markup) {
        main.element("section", &[], |section| {
            section.leaf("h2", &[], "Run it again");
            section.element("p", &[], |p| {
                p.text("Every random draw came from seed ");
                p.leaf("code", &[], self.seed);
                p.text(". The same seed makes the same decisions for the same operations in the same order.");
            });
            if !self.replay.is_empty() {
                section.element("pre", &[], |pre| pre.leaf("code", &[], words::one_line(&self.replay)));
            }
        });
    }
}

fn fact(facts: &mut Markup, name: &str, value: impl FnOnce(&mut Markup)) {
    facts.element("div", &[], |row| {
        row.leaf("dt", &[], name);
        row.element("dd", &[], value);
    });
}

/// `2026-03-04T10:11:12.345Z` as `2026-03-04 10:11:12 UTC`.
fn readable(rfc3339: &str) -> String {
    let seconds = rfc3339.split('.').next().unwrap_or(rfc3339);
    format!("{} UTC", seconds.replace('T', " "))
}

fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Held => "good",
        Outcome::Broken | Outcome::CleanupFailed => "bad",
        Outcome::Inconclusive | Outcome::Aborted | Outcome::Refused => "unsure",
    }
}
