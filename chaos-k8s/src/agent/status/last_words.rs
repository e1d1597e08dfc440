//! [`LastWords`]: what Kubernetes keeps of a container that has ended, in its status.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use crate::agent::status::End;

/// Where Kubernetes reads it, unless the container's `terminationMessagePath` says otherwise.
const USUAL: &str = "/dev/termination-log";
/// The path, where it is another one.
const VARIABLE: &str = "CHAOS_AGENT_TERMINATION_LOG";
/// Kubernetes keeps so many bytes.
const LONGEST: usize = 4096;

#[derive(Debug)]
pub(crate) struct LastWords {
    path: Option<PathBuf>,
}

impl LastWords {
    /// Into the file that Kubernetes has mounted; nowhere, where there is none.
    pub(crate) fn here() -> Self {
        let path = std::env::var_os(VARIABLE).map_or_else(|| PathBuf::from(USUAL), PathBuf::from);
        let is_file = fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
        Self { path: is_file.then_some(path) }
    }

    /// What stays if the agent is killed.
    pub(crate) fn prepare(&self) {
        self.write("the agent was killed while it worked: its log has how far it got\n".to_owned());
    }

    pub(crate) fn say(&self, end: &End) {
        let mut end = end.clone();
        let mut text = serde_json::to_string(&end).unwrap_or_default();
        // What was left behind is what must be in it.
        while text.len() > LONGEST && !(end.detail.is_empty() && end.left.is_empty()) {
            match end.detail.is_empty() {
                false => end.detail.clear(),
                true => drop(end.left.pop()),
            }
            text = serde_json::to_string(&end).unwrap_or_default();
        }
        self.write(text);
    }

    fn write(&self, text: String) {
        let Some(path) = &self.path else { return };
        // Without it, the log and the exit code say the same.
        if let Ok(mut file) = OpenOptions::new().write(true).truncate(true).open(path) {
            let _ = file.write_all(text.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::ending::Ending;

    #[test]
    fn long_words_are_cut_and_stay_json() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let words = LastWords { path: Some(file.path().to_owned()) };
        words.prepare();
        assert!(fs::read_to_string(file.path()).unwrap().contains("killed"));
        let left: Vec<String> =
            (0..200).map(|number| format!("item {number} could not be put back")).collect();
        words.say(&End { why: Ending::Left, code: 5, detail: "x".repeat(5000), left });
        let text = fs::read_to_string(file.path()).unwrap();
        assert!(text.len() <= LONGEST);
        let end: End = serde_json::from_str(&text).unwrap();
        assert!(end.detail.is_empty() && end.left.len() > 50, "{text}");
        words.say(&End { why: Ending::Over, code: 0, detail: String::new(), left: Vec::new() });
        assert_eq!(fs::read_to_string(file.path()).unwrap(), r#"{"why":"over","code":0}"#);
    }
}
