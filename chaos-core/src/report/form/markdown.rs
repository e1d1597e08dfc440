//! Markdown: the form for a comment on a pull request, in GitHub's dialect.

use std::fmt::Write;

use super::words;
use crate::report::{Outcome, Phase, ProbeReport, Report, StepReport};

impl Report {
    /// The report as Markdown in GitHub's dialect: the outcome, a table of faults, a table of probes, and the details
    /// folded.
    ///
    /// Text from outside is escaped: no markup, no mention of a user and no reference to an issue comes out of a title
    /// or a target's name.
    pub fn to_markdown(&self) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = self.write_markdown(&mut out);
        out
    }

    fn write_markdown(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "### {} {}: {}\n",
            sign(self.outcome),
            capital(&self.outcome.to_string()),
            text(&self.title)
        )?;
        if let Some(reason) = &self.reason {
            writeln!(out, "**{}**\n", text(reason))?;
        }
        writeln!(out, "{}\n", self.outcome.verdict())?;
        if !self.steps.is_empty() {
            writeln!(out, "| fault | asked | allowed | achieved | hits | in force | if the process dies |")?;
            writeln!(out, "|---|---|---|---|---|---|---|")?;
            self.steps.iter().try_for_each(|step| step_row(out, step))?;
            writeln!(out)?;
        }
        if !self.probes.is_empty() {
            writeln!(out, "| probe | tolerance | | before | during | after |")?;
            writeln!(out, "|---|---|---|---|---|---|")?;
            self.probes.iter().try_for_each(|probe| probe_row(out, probe))?;
            writeln!(out)?;
        }
        for note in &self.notes {
            writeln!(out, "> ⚠️ {}\n", text(note))?;
        }
        self.steps.iter().filter(|step| !step.targets.is_empty()).try_for_each(|step| targets(out, step))?;
        if !self.marks.is_empty() {
            writeln!(out, "<details><summary>What happened</summary>\n")?;
            writeln!(out, "| at | |\n|---:|---|")?;
            for mark in &self.marks {
                writeln!(out, "| {} | {} |", words::duration(mark.at), text(&mark.text))?;
            }
            writeln!(out, "\n</details>\n")?;
        }
        let radius = if self.blast_radius.is_empty() {
            String::new()
        } else {
            format!(" · blast radius: {}", text(&self.blast_radius))
        };
        let took = words::duration(self.elapsed);
        writeln!(out, "Started {}, took {took}{radius} · seed {}", self.started, self.seed)?;
        if !self.replay.is_empty() {
            writeln!(out, "\nReplay: {}", code(&self.replay))?;
        }
        Ok(())
    }
}

fn sign(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Held => "✅",
        Outcome::Broken => "❌",
        Outcome::Inconclusive => "❔",
        Outcome::Aborted => "🛑",
        Outcome::Refused => "🚫",
        Outcome::CleanupFailed => "🚨",
    }
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn step_row(out: &mut String, step: &StepReport) -> std::fmt::Result {
    let mut hits = vec![words::hits(step)];
    hits.extend(words::hit_details(step));
    writeln!(
        out,
        "| {} | {} | {} | {} | {} | {} | {} |",
        text(&words::step_title(step)),
        text(&step.asked),
        text(&step.allowed),
        text(&step.achieved),
        hits.iter().map(|hit| text(hit)).collect::<Vec<_>>().join("<br>"),
        words::in_force(step),
        words::if_it_dies(step),
    )
}

fn probe_row(out: &mut String, probe: &ProbeReport) -> std::fmt::Result {
    let word = match words::probe_word(probe) {
        "FAILED" => format!("**failed** ({} of {})", words::count(probe.failed), words::count(probe.taken)),
        word => word.to_owned(),
    };
    write!(out, "| {} | {} | {word} |", text(&probe.name), text(&probe.tolerance))?;
    for phase in Phase::ALL {
        let span = words::span(words::of_phase(probe, phase)).unwrap_or_else(|| "–".to_owned());
        write!(out, " {} |", text(&span))?;
    }
    writeln!(out)
}

fn targets(out: &mut String, step: &StepReport) -> std::fmt::Result {
    let summary = format!("{}: {}", words::counted(step.targets.len() as u64, &step.unit), step.name);
    writeln!(out, "<details><summary>{}</summary>\n", inside_html(&summary))?;
    writeln!(out, "| {} | state | change | seen |\n|---|---|---|---|", text(&step.unit))?;
    for target in &step.targets {
        let (name, change, detail) = (text(&target.name), text(&target.change), text(&target.detail));
        writeln!(out, "| {name} | {} | {change} | {detail} |", target.state)?;
    }
    for protected in &step.protected {
        writeln!(out, "| {} | protected | | {} |", text(&protected.name), text(&protected.reason))?;
    }
    writeln!(out, "\n</details>\n")
}

/// Text from outside, on one line and without meaning to Markdown.
fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in words::one_line(text).chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' | '$') {
            out.push('\\');
        }
        push_inert(&mut out, c);
    }
    without_addresses(&out)
}

/// The same between HTML tags, where Markdown's backslashes would be shown.
fn inside_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    words::one_line(text).chars().for_each(|c| push_inert(&mut out, c));
    without_addresses(&out)
}

/// A zero-width space keeps bare addresses from becoming links.
fn without_addresses(text: &str) -> String {
    text.replace("://", ":&#8203;//").replace("www.", "www&#8203;.")
}

/// A zero-width space keeps GitHub from mentioning users and linking issues.
fn push_inert(out: &mut String, c: char) {
    match c {
        '@' | '#' => {
            out.push(c);
            out.push_str("&#8203;");
        }
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        c => out.push(c),
    }
}

/// A code span whose fence is longer than any run of backticks in it (CommonMark 0.31, 6.1).
fn code(text: &str) -> String {
    let text = words::one_line(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    if longest > 0 { format!("{fence} {text} {fence}") } else { format!("{fence}{text}{fence}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_has_no_markup() {
        assert_eq!(text("<b>a|b</b>\n*c* `d`"), "&lt;b&gt;a\\|b&lt;/b&gt; \\*c\\* \\`d\\`");
        assert_eq!(text("@team #12"), "@&#8203;team #&#8203;12");
        assert_eq!(inside_html("@team #12 <a_b>"), "@&#8203;team #&#8203;12 &lt;a_b&gt;");
        assert_eq!(text("[x](javascript:y)"), "\\[x\\](javascript:y)");
    }

    #[test]
    fn code_spans_survive_backticks() {
        assert_eq!(code("cargo test"), "`cargo test`");
        assert_eq!(code("a ``b` c"), "``` a ``b` c ```");
    }
}
