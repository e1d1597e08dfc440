//! [`Dates`]: how far the API server's clock is from this machine's.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

use http::HeaderMap;
use http::header::DATE;

/// What the answers' dates say of the server's clock.
#[derive(Debug, Default)]
pub(super) struct Dates {
    ahead: AtomicI64,
}

impl Dates {
    /// Takes note of the date of an answer, which is to the second. Without one the clocks are taken for the same.
    pub(super) fn note(&self, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok()).and_then(parse);
        if let Some(date) = date {
            self.ahead.store(seconds(date) - seconds(SystemTime::now()), Ordering::Relaxed);
        }
    }

    pub(super) fn ahead(&self) -> i64 {
        self.ahead.load(Ordering::Relaxed)
    }
}

fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// A date as servers write it (RFC 9110, IMF-fixdate): `Sun, 06 Nov 1994 08:49:37 GMT`.
fn parse(text: &str) -> Option<SystemTime> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let words: Vec<&str> = text.split(' ').collect();
    let [_, day, month, year, time, "GMT"] = words[..] else { return None };
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    humantime::parse_rfc3339(&format!("{year}-{month:02}-{day}T{time}Z")).ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn dates_of_answers_are_read_and_what_is_none_changes_nothing() {
        let expected = humantime::parse_rfc3339("1994-11-06T08:49:37Z").unwrap();
        assert_eq!(parse("Sun, 06 Nov 1994 08:49:37 GMT"), Some(expected));
        for bad in [
            "",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun, 06 Now 1994 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49 GMT",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        let dates = Dates::default();
        let mut headers = HeaderMap::new();
        headers.insert(DATE, HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
        dates.note(&headers);
        let ahead = dates.ahead();
        assert!(ahead < -1_000_000_000, "{ahead}");
        headers.insert(DATE, HeaderValue::from_static("yesterday"));
        dates.note(&headers);
        assert_eq!(dates.ahead(), ahead);
    }
}
