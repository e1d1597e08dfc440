//! No doctest may be ignored: an example that is not compiled is not an example.

use crate::Result;
use crate::cargo::{capture, command};

pub fn none_is_ignored() -> Result {
    let files = capture(command("git").args(["ls-files", "*.rs", "*.md"]))?;
    let mut found = Vec::new();
    for file in files.lines().filter(|file| !file.starts_with("xtask/")) {
        let Ok(text) = std::fs::read_to_string(crate::cargo::root().join(file)) else { continue };
        for (number, line) in text.lines().enumerate() {
            let line = line.trim_start().trim_start_matches("//!").trim_start_matches("///").trim_start();
            let ignored =
                line.starts_with("```") && line.split([',', ' ', '`']).any(|word| word.starts_with("ignore"));
            if ignored || line.starts_with("#[ignore") {
                found.push(format!("{file}:{}", number + 1));
            }
        }
    }
    if found.is_empty() { Ok(()) } else { Err(format!("ignored tests: {}", found.join(", "))) }
}
