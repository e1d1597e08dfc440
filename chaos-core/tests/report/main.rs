//! The report as its readers see it: golden files, the JSON Schema, and pages that no text from outside can break.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers included")]

mod fixture;
mod golden;
mod hostile;
mod html;
mod json;
#[cfg(feature = "junit")]
mod junit;
mod save;
