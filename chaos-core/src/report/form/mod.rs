//! The forms of a report: text for a terminal, JSON for programs, Markdown for a pull request, JUnit for CI.
//!
//! `words` holds the wording that all of them (and the page in `html`) share, so that no two forms disagree.

#[cfg(feature = "report")]
mod json;
#[cfg(feature = "junit")]
mod junit;
#[cfg(feature = "report")]
mod markdown;
#[cfg(feature = "report")]
mod save;
mod spark;
mod text;
pub(super) mod words;
