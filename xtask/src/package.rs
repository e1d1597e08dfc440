//! Packaging each crate as it would be published.

use crate::Result;
use crate::cargo::run;
use crate::ci::CRATES;

pub fn all() -> Result {
    let crates: Vec<&str> = CRATES.iter().flat_map(|name| ["-p", name]).collect();
    let args = ["package", "--allow-dirty", "--no-verify"];
    // Together, so that the crates find each other though none of them is published yet.
    run(&[&args[..], &crates].concat())
}
