//! [`Report::save`]: one file, in the form that its extension names.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use crate::error::{Error, Result};
use crate::report::Report;

impl Report {
    /// Writes the report in the form that the extension names: `.html`, `.json`, `.md`, `.txt`, and `.xml` for JUnit
    /// with the feature `junit`. Missing folders are made; a file that exists is replaced.
    ///
    /// ```
    /// # use std::time::SystemTime;
    /// # use chaos_core::report::{Outcome, Report};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = |name: &str| folder.path().join(name);
    /// # let report = Report::new("cart survives", Outcome::Held, 7, SystemTime::UNIX_EPOCH);
    /// report.save(path("chaos/report.html"))?;
    /// assert!(report.save(path("report.docx")).unwrap_err().is_invalid());
    /// # Ok::<(), chaos_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [invalid](Error::is_invalid) for another extension, before anything is written; [failed](Error::is_failed) when
    /// the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let text = self.in_form_of(path)?;
        let failed = |source: std::io::Error| {
            Error::failed(format!("cannot write the report to {}", path.display())).with_source(source)
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        fs::write(path, text).map_err(failed)
    }

    fn in_form_of(&self, path: &Path) -> Result<String> {
        let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
        match extension.as_str() {
            "html" => Ok(self.to_html()),
            "json" => Ok(self.to_json()),
            "md" => Ok(self.to_markdown()),
            "txt" => Ok(self.to_string()),
            #[cfg(feature = "junit")]
            "xml" => Ok(self.to_junit()),
            #[cfg(not(feature = "junit"))]
            "xml" => Err(Error::invalid("a report as .xml (JUnit) needs the feature `junit` of chaos-core")),
            _ => Err(Error::invalid(format!(
                "cannot tell the form of a report from {}: end it in .html, .json, .md, .txt or .xml",
                path.display()
            ))),
        }
    }
}
