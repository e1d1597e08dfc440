//! [`Reading`]: what one look of a probe found.

/// What one look of a probe found.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    pub(crate) finding: Finding,
    pub(crate) text: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Finding {
    Value(f64),
    Pass,
    Fail,
    NoData,
}

impl Reading {
    /// A number, to be judged by the probe's tolerance.
    pub fn value(number: f64) -> Self {
        Self { finding: Finding::Value(number), text: short(number) }
    }

    /// A number and how to write it: `Reading::value_as(0.012, "1.2 %")`.
    pub fn value_as(number: f64, text: impl Into<String>) -> Self {
        Self { finding: Finding::Value(number), text: text.into() }
    }

    /// It holds.
    pub fn pass(text: impl Into<String>) -> Self {
        Self { finding: Finding::Pass, text: text.into() }
    }

    /// It does not hold.
    pub fn fail(text: impl Into<String>) -> Self {
        Self { finding: Finding::Fail, text: text.into() }
    }

    /// There was nothing to measure, so there is no verdict: no calls in the window. Never counts as holding.
    pub fn no_data(why: impl Into<String>) -> Self {
        Self { finding: Finding::NoData, text: why.into() }
    }
}

/// At most three digits after the point, none where there are none.
pub(crate) fn short(number: f64) -> String {
    let text = format!("{number:.3}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}
