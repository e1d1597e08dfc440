//! The test programs, and building them.

use std::path::PathBuf;

use serde_json::Value;

use crate::Result;
use crate::cargo::{output, root};

/// The one list of them: `chaos-k8s/tests/NAME/main.rs`.
const PROGRAMS: [&str; 8] = ["kernel", "net", "dns", "own", "stress", "process", "crash", "agent"];

/// A test program that was built.
pub struct Program {
    pub name: &'static str,
    pub path: PathBuf,
}

/// Builds those of the tests that are named, or all that there are, out of what `selection` selects.
pub fn build(selection: &[&str], names: &[String]) -> Result<Vec<Program>> {
    build_of(&PROGRAMS, selection, names)
}

/// The same, with a list of one's own.
pub fn build_of(list: &[&'static str], selection: &[&str], names: &[String]) -> Result<Vec<Program>> {
    if let Some(name) = names.iter().find(|name| !list.contains(&name.as_str())) {
        return Err(format!(
            "no test program {name:?}: there are {}; words for them come after `--`",
            list.join(", ")
        ));
    }
    let here = |name: &str| root().join("chaos-k8s/tests").join(name).join("main.rs").exists();
    let wanted =
        |name: &str| if names.is_empty() { here(name) } else { names.iter().any(|named| named == name) };
    let wanted: Vec<&'static str> = list.iter().copied().filter(|name| wanted(name)).collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let mut args =
        [&["test", "--no-run", "--all-features", "--message-format=json-render-diagnostics"], selection]
            .concat();
    if !selection.contains(&"--workspace") {
        args.extend(wanted.iter().flat_map(|name| ["--test", name]));
    }
    let messages = output(&args)?;
    let built: Vec<Value> = messages.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let program = |name: &'static str| {
        let is_it = |message: &&Value| {
            message["reason"] == "compiler-artifact"
                && message["target"]["name"] == name
                && message["target"]["kind"][0] == "test"
                && message["manifest_path"]
                    .as_str()
                    .is_some_and(|path| path.ends_with("chaos-k8s/Cargo.toml"))
        };
        let path = built.iter().find(is_it).and_then(|message| message["executable"].as_str());
        path.map(|path| Program { name, path: path.into() })
            .ok_or_else(|| format!("cargo built no test {name:?}"))
    };
    wanted.into_iter().map(program).collect()
}
