//! [`Freezer`]: the switch by which every process of a cgroup stands still.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::dirs::Dirs;

/// Where a cgroup is frozen: `cgroup.freeze` of v2 (cgroup-v2.rst, since Linux 5.2), `freezer.state` of v1 (freezer-subsystem.rst).
/// A root has neither.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Freezer {
    V2(PathBuf),
    V1(PathBuf),
}

impl Freezer {
    /// None where the cgroup has none.
    pub(crate) fn of(dirs: &Dirs) -> Option<Self> {
        let dir = dirs.of("freezer")?.to_owned();
        let freezer = if dirs.is_v2() { Self::V2(dir) } else { Self::V1(dir) };
        freezer.switch().exists().then_some(freezer)
    }

    /// Its cgroup's directory.
    pub(crate) fn dir(&self) -> &Path {
        let (Self::V2(dir) | Self::V1(dir)) = self;
        dir
    }

    /// The file that is written to.
    pub(crate) fn switch(&self) -> PathBuf {
        match self {
            Self::V2(dir) => dir.join("cgroup.freeze"),
            Self::V1(dir) => dir.join("freezer.state"),
        }
    }

    pub(crate) fn freeze(&self) -> io::Result<()> {
        fs::write(self.switch(), if matches!(self, Self::V2(_)) { "1" } else { "FROZEN" })
    }

    pub(crate) fn thaw(&self) -> io::Result<()> {
        fs::write(self.switch(), if matches!(self, Self::V2(_)) { "0" } else { "THAWED" })
    }

    /// Whether it was asked for here, and not for a cgroup above.
    pub(crate) fn is_asked(&self) -> io::Result<bool> {
        let own = match self {
            Self::V2(_) => fs::read_to_string(self.switch())?,
            Self::V1(dir) => fs::read_to_string(dir.join("freezer.self_freezing"))?,
        };
        Ok(own.trim() == "1")
    }

    /// Whether every process stands still, whoever asked for it.
    pub(crate) fn is_frozen(&self) -> io::Result<bool> {
        match self {
            Self::V2(dir) => {
                let events = fs::read_to_string(dir.join("cgroup.events"))?;
                Ok(events.lines().any(|line| line == "frozen 1"))
            }
            Self::V1(_) => Ok(fs::read_to_string(self.switch())?.trim() == "FROZEN"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn both_versions_say_who_asked_and_whether_all_stand_still() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().to_owned();
        let write = |name: &str, text: &str| fs::write(dir.join(name), text).unwrap();
        assert_eq!(Freezer::of(&Dirs::V2(dir.clone())), None, "a root has none");
        write("cgroup.freeze", "1\n");
        write("cgroup.events", "populated 1\nfrozen 0\n");
        let v2 = Freezer::of(&Dirs::V2(dir.clone())).unwrap();
        assert!(v2.is_asked().unwrap() && !v2.is_frozen().unwrap());
        write("cgroup.events", "populated 1\nfrozen 1\n");
        assert!(v2.is_frozen().unwrap());
        v2.thaw().unwrap();
        assert_eq!(fs::read_to_string(dir.join("cgroup.freeze")).unwrap(), "0");

        let v1 = Dirs::V1(BTreeMap::from([("freezer".to_owned(), dir.clone())]));
        write("freezer.state", "FREEZING\n");
        write("freezer.self_freezing", "1\n");
        let v1 = Freezer::of(&v1).unwrap();
        assert!(v1.is_asked().unwrap() && !v1.is_frozen().unwrap());
        v1.freeze().unwrap();
        assert!(v1.is_frozen().unwrap());
        let read: Freezer = serde_json::from_str(&serde_json::to_string(&v1).unwrap()).unwrap();
        assert_eq!(read, v1);
    }
}
