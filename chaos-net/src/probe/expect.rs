//! [`Expect`]: what a right answer is.

use std::fmt;
use std::ops::{Bound, RangeBounds};

use chaos_core::{Error, Result};

/// What a right answer is.
#[derive(Debug, Clone)]
pub(super) struct Expect {
    /// The lowest and the highest status.
    statuses: (u16, u16),
    texts: Vec<String>,
}

impl Default for Expect {
    fn default() -> Self {
        Self { statuses: (200, 299), texts: Vec::new() }
    }
}

impl Expect {
    pub(super) fn status(&mut self, code: u16) {
        self.statuses = (code, code);
    }

    pub(super) fn status_in(&mut self, codes: impl RangeBounds<u16>) -> Result<()> {
        let low = match codes.start_bound() {
            Bound::Included(&low) => Some(low),
            Bound::Excluded(&low) => low.checked_add(1),
            Bound::Unbounded => Some(0),
        };
        let high = match codes.end_bound() {
            Bound::Included(&high) => Some(high),
            Bound::Excluded(&high) => high.checked_sub(1),
            Bound::Unbounded => Some(u16::MAX),
        };
        match (low, high) {
            (Some(low), Some(high)) if low <= high => self.statuses = (low, high),
            _ => return Err(Error::invalid("a range without a status never holds: write it as 200..300")),
        }
        Ok(())
    }

    pub(super) fn text(&mut self, text: String) {
        self.texts.push(text);
    }

    /// Whether bodies are looked into.
    pub(super) fn reads(&self) -> bool {
        !self.texts.is_empty()
    }

    /// What can never hold, or always.
    pub(super) fn flaw(&self) -> Option<String> {
        let (low, high) = self.statuses;
        if high < 100 || low > 999 {
            return Some(format!("status {} is not in 100..=999", Statuses(self.statuses)));
        }
        self.texts
            .iter()
            .any(String::is_empty)
            .then(|| "an empty text is in every body: leave it out".to_owned())
    }

    /// What is wrong with a status.
    pub(super) fn wrong_status(&self, status: u16) -> Option<String> {
        let (low, high) = self.statuses;
        let is_right = (low..=high).contains(&status);
        (!is_right).then(|| format!("status {status}, not {}", Statuses(self.statuses)))
    }

    /// What is wrong with a body.
    pub(super) fn wrong_body(&self, body: &[u8]) -> Option<String> {
        let missing = self.texts.iter().find(|text| !contains(body, text.as_bytes()))?;
        Some(format!("no {missing:?} in {} bytes of body", body.len()))
    }
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    // A window has a length.
    text.is_empty() || body.windows(text.len()).any(|window| window == text)
}

struct Statuses((u16, u16));

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self((low, high)) = self;
        if low == high { write!(f, "{low}") } else { write!(f, "{low}..={high}") }
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}", Statuses(self.statuses))?;
        self.texts.iter().try_for_each(|text| write!(f, ", body contains {text:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_a_range() {
        let mut expect = Expect::default();
        assert_eq!((expect.wrong_status(200), expect.wrong_status(299)), (None, None));
        assert_eq!(expect.wrong_status(300).unwrap(), "status 300, not 200..=299");
        expect.status_in(200..=204).unwrap();
        assert!(expect.wrong_status(204).is_none() && expect.wrong_status(205).is_some());
        expect.status_in(..400).unwrap();
        assert!(expect.wrong_status(399).is_none() && expect.wrong_status(400).is_some());
        expect.status(418);
        assert_eq!(expect.wrong_status(200).unwrap(), "status 200, not 418");
        #[allow(clippy::reversed_empty_ranges, reason = "what is to be refused")]
        let (reversed, empty) = (300..200, 200..200);
        for none in [reversed, empty, 0..0] {
            assert!(expect.status_in(none).unwrap_err().is_invalid());
        }
        assert_eq!(expect.to_string(), "status 418");
    }

    #[test]
    fn what_never_or_always_holds_is_a_flaw() {
        let mut expect = Expect::default();
        assert_eq!(expect.flaw(), None);
        expect.status(1000);
        assert_eq!(expect.flaw().unwrap(), "status 1000 is not in 100..=999");
        for code in [0, 99, 1000, u16::MAX] {
            expect.status(code);
            assert!(expect.flaw().is_some(), "{code}");
        }
        for code in [100, 999] {
            expect.status(code);
            assert_eq!(expect.flaw(), None, "{code}");
        }
        expect.text(String::new());
        assert_eq!(expect.flaw().unwrap(), "an empty text is in every body: leave it out");
        assert_eq!(expect.wrong_body(b""), None);
    }

    #[test]
    fn every_text_must_be_in_the_body() {
        let mut expect = Expect::default();
        assert!(!expect.reads());
        expect.text("up".into());
        expect.text("ok".into());
        assert!(expect.reads());
        assert_eq!(expect.wrong_body(b"{up: ok}"), None);
        assert_eq!(expect.wrong_body(b"up: o").unwrap(), "no \"ok\" in 5 bytes of body");
        assert_eq!(expect.wrong_body(b"").unwrap(), "no \"up\" in 0 bytes of body");
        assert_eq!(expect.to_string(), "status 200..=299, body contains \"up\", body contains \"ok\"");
    }
}
