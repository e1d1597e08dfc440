//! `Display`: the report as it is read in a terminal, 100 columns wide, outcome first and replay last.

use std::fmt;

use super::{spark, words};
use crate::report::{ProbeReport, Report, StepReport, TargetReport, Timeline};

const COLUMNS: usize = 100;
const LABEL: usize = 12;
const SPARK: usize = 48;
/// Targets listed in full; a report of thousands of pods has them in its JSON.
const MOST_TARGETS: usize = 20;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut page = Page { f };
        page.head(self)?;
        for step in &self.steps {
            page.step(step)?;
        }
        if !self.probes.is_empty() {
            page.heading("probes")?;
            self.probes.iter().try_for_each(|probe| page.probe(probe))?;
        }
        if let Some(timeline) = self.timeline.as_ref().filter(|timeline| !timeline.points.is_empty()) {
            page.timeline(timeline)?;
        }
        if !self.marks.is_empty() {
            page.heading("what happened")?;
            for mark in &self.marks {
                page.field(2, &words::duration(mark.at), &mark.text)?;
            }
        }
        if !self.notes.is_empty() {
            page.heading("notes")?;
            self.notes.iter().try_for_each(|note| page.hanging("  ! ", note))?;
        }
        page.blank()?;
        let replay = words::one_line(&self.replay);
        // Never wrapped: a line to be copied stays one line.
        write!(page.f, "seed {}", self.seed)?;
        if !replay.is_empty() {
            write!(page.f, " · replay: {replay}")?;
        }
        writeln!(page.f)
    }
}

struct Page<'a, 'f> {
    f: &'a mut fmt::Formatter<'f>,
}

impl Page<'_, '_> {
    fn head(&mut self, report: &Report) -> fmt::Result {
        let outcome = report.outcome.to_string().to_uppercase();
        self.hanging(&format!("{outcome}  "), &report.title)?;
        if let Some(reason) = &report.reason {
            self.hanging("  ", reason)?;
        }
        self.hanging("  ", report.outcome.verdict())?;
        self.blank()?;
        self.field(2, "started", &format!("{}, took {}", report.started, words::duration(report.elapsed)))?;
        if !report.blast_radius.is_empty() {
            self.field(2, "blast radius", &report.blast_radius)?;
        }
        Ok(())
    }

    fn step(&mut self, step: &StepReport) -> fmt::Result {
        self.blank()?;
        self.hanging("fault  ", &words::step_title(step))?;
        for (label, text) in
            [("asked", &step.asked), ("allowed", &step.allowed), ("achieved", &step.achieved)]
        {
            if !text.is_empty() {
                self.field(2, label, text)?;
            }
        }
        self.field(2, "hits", &words::hits(step))?;
        words::hit_details(step).iter().try_for_each(|detail| self.field(2, "", detail))?;
        self.field(2, "in force", &words::in_force(step))?;
        self.field(2, "if killed", words::if_it_dies(step))?;
        let width = column(step.targets.iter().map(|target| target.name.as_str()));
        for target in step.targets.iter().take(MOST_TARGETS) {
            self.target(target, width)?;
        }
        if step.targets.len() > MOST_TARGETS {
            let more = words::counted((step.targets.len() - MOST_TARGETS) as u64, &step.unit);
            self.hanging("    ", &format!("and {more} more"))?;
        }
        for protected in &step.protected {
            let name = words::one_line(&protected.name);
            self.field(2, "protected", &format!("{name}: {}", protected.reason))?;
        }
        Ok(())
    }

    fn target(&mut self, target: &TargetReport, width: usize) -> fmt::Result {
        let mut text = vec![target.state.to_string()];
        text.extend([&target.change, &target.detail].into_iter().filter(|text| !text.is_empty()).cloned());
        let name = words::one_line(&target.name);
        self.hanging(&format!("    {name:width$}  "), &text.join(" · "))
    }

    fn probe(&mut self, probe: &ProbeReport) -> fmt::Result {
        let tolerance = format!("{}: {}", words::one_line(&probe.name), words::one_line(&probe.tolerance));
        self.field(2, words::probe_word(probe), &tolerance)?;
        let mut text = words::readings(probe);
        if let Some(span) = words::span(probe.readings.iter()) {
            text = format!("{text} · {span}");
        }
        self.field(2, "", &text)?;
        let row = spark::of_readings(&probe.readings, SPARK);
        if !row.is_empty() {
            writeln!(self.f, "  {:LABEL$}  {}", "", row.trim_end())?;
        }
        let failed = probe.readings.iter().find(|reading| !reading.ok);
        if let Some(failed) = failed {
            let at = words::duration(failed.at);
            let detail =
                if failed.detail.is_empty() { String::new() } else { format!(" ({})", failed.detail) };
            self.field(2, "", &format!("first at {at}, {}: {}{detail}", failed.phase, failed.text))?;
        }
        Ok(())
    }

    fn timeline(&mut self, timeline: &Timeline) -> fmt::Result {
        self.heading(&format!("timeline of {}", words::one_line(&timeline.meter)))?;
        let calls: u64 = timeline.points.iter().map(|point| point.calls).sum();
        let errors: u64 = timeline.points.iter().map(|point| point.errors).sum();
        let share = words::share(errors, calls).unwrap_or_else(|| "no calls".to_owned());
        let totals =
            format!("{}, {} ({share})", words::counted(calls, "call"), words::counted(errors, "error"));
        self.field(2, "calls", &totals)?;
        for (label, of) in [("p50", 0), ("p90", 1), ("p99", 2)] {
            let latency: Vec<_> =
                timeline.points.iter().map(|point| [point.p50, point.p90, point.p99][of]).collect();
            let (Some(low), Some(high)) = (latency.iter().flatten().min(), latency.iter().flatten().max())
            else {
                continue;
            };
            let values: Vec<_> = latency.iter().map(|value| value.map(|value| value.as_secs_f64())).collect();
            let row = spark::of_values(&values, SPARK);
            let span = format!("{} to {}", words::duration(*low), words::duration(*high));
            writeln!(self.f, "  {label:LABEL$}  {row}  {span}")?;
        }
        Ok(())
    }

    fn heading(&mut self, text: &str) -> fmt::Result {
        self.blank()?;
        writeln!(self.f, "{text}")
    }

    fn blank(&mut self) -> fmt::Result {
        writeln!(self.f)
    }

    /// A label, and a text that wraps beside it.
    fn field(&mut self, indent: usize, label: &str, text: &str) -> fmt::Result {
        self.hanging(&format!("{:indent$}{label:LABEL$}  ", ""), text)
    }

    /// A first line that begins with `lead`, further lines below its end.
    fn hanging(&mut self, lead: &str, text: &str) -> fmt::Result {
        let indent = lead.chars().count();
        let lines = wrap(&words::one_line(text), COLUMNS.saturating_sub(indent).max(40));
        for (index, line) in lines.iter().enumerate() {
            if index == 0 {
                writeln!(self.f, "{}", format!("{lead}{line}").trim_end())?;
            } else {
                writeln!(self.f, "{:indent$}{line}", "")?;
            }
        }
        Ok(())
    }
}

fn column<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names.map(|name| words::one_line(name).chars().count()).max().unwrap_or(0).clamp(LABEL, 40)
}

/// Breaks between words; a word longer than a line stands alone, because paths and commands are copied whole.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            lines.push(String::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut() {
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += length;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_between_words_and_keeps_long_ones_whole() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("a /very/long/path b", 6), ["a", "/very/long/path", "b"]);
        assert_eq!(wrap("", 6), [""]);
    }
}
