//! [`ContainerId`]: a container's id, and where it stands in the path of a cgroup.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use chaos_core::{Error, Result};

/// The length of the id that containerd, CRI-O, Docker and Podman give: 256 bits in hexadecimal.
const WHOLE: usize = 64;
/// What their command lines show of it.
const SHORT: usize = 12;

/// At least the first 12 characters of a container's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContainerId(String);

impl ContainerId {
    /// Refuses a beginning, which may come to be that of another container too.
    #[cfg(feature = "agent")]
    pub(crate) fn must_be_whole(&self) -> Result<()> {
        match self.0.len() {
            WHOLE => Ok(()),
            _ => Err(Error::invalid(format!(
                "{} is the beginning of a container id: write all {WHOLE} characters",
                self.0
            ))),
        }
    }

    /// The whole id, when this path of a cgroup is the container's or one below it.
    ///
    /// | written by | last part of the container's path |
    /// |---|---|
    /// | cgroupfs: Docker, containerd | `<id>` |
    /// | cgroupfs: CRI-O, Podman | `crio-<id>`, `libpod-<id>` |
    /// | systemd | `cri-containerd-<id>.scope`, `crio-<id>.scope`, `docker-<id>.scope`, `libpod-<id>.scope` |
    /// | containerd told `systemd`, with a cgroupfs runtime | `<slice>:cri-containerd:<id>` |
    pub(crate) fn found_in(&self, path: &Path) -> Option<String> {
        path.components().find_map(|part| {
            let part = part.as_os_str().to_str()?;
            let part = part.strip_suffix(".scope").unwrap_or(part);
            let (runtime, id) = part.rsplit_once(['-', ':']).unwrap_or(("", part));
            // The monitor of a container runs beside it, in a scope with the container's id.
            let is_it =
                id.len() == WHOLE && is_hex(id) && id.starts_with(&self.0) && !runtime.ends_with("conmon");
            is_it.then(|| id.to_owned())
        })
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl FromStr for ContainerId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        // As in a pod's status: "containerd://<id>".
        let id = text.split_once("://").map_or(text, |(_, id)| id);
        if (SHORT..=WHOLE).contains(&id.len()) && is_hex(id) {
            return Ok(Self(id.to_owned()));
        }
        Err(Error::invalid(format!(
            "{text:?} is no container id: write {SHORT} to {WHOLE} of its characters, 0-9 and a-f"
        )))
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.get(..SHORT).unwrap_or(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4f1c0b6d2a9e8f7c6b5a4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a";

    #[test]
    fn every_runtime_s_way_of_writing_is_found() {
        let paths = [
            format!("/docker/{ID}"),
            format!("/kubepods/burstable/pod0a1b2c3d-1111-2222-3333-444455556666/{ID}"),
            format!("/kubepods.slice/kubepods-pod0a1b.slice/cri-containerd-{ID}.scope"),
            format!("/kubepods.slice/kubepods-pod0a1b.slice/crio-{ID}.scope/container"),
            format!("/kubepods/besteffort/pod0a1b/crio-{ID}"),
            format!("/system.slice/docker-{ID}.scope"),
            format!("/machine.slice/libpod-{ID}.scope"),
            format!("/../../kubepods-pod0a1b.slice:cri-containerd:{ID}"),
            format!("/k8s.io/{ID}/below"),
        ];
        for id in [ID.to_owned(), format!("containerd://{ID}"), ID[..12].to_owned()] {
            let id: ContainerId = id.parse().unwrap();
            for path in &paths {
                assert_eq!(id.found_in(Path::new(path)).as_deref(), Some(ID), "{path}");
            }
        }
    }

    #[test]
    fn a_monitor_a_pod_and_another_container_are_not_it() {
        let id: ContainerId = ID[..12].parse().unwrap();
        let other = ID.replacen('4', "5", 1);
        for path in [
            format!("/machine.slice/libpod-conmon-{ID}.scope"),
            format!("/kubepods.slice/crio-conmon-{ID}.scope"),
            format!("/docker/{other}"),
            format!("/docker/{}", &ID[..32]),
            "/".to_owned(),
        ] {
            assert_eq!(id.found_in(Path::new(&path)), None, "{path}");
        }
        let of_a_uid: ContainerId = "444455556666".parse().unwrap();
        assert_eq!(of_a_uid.found_in(Path::new("/kubepods/pod0a1b2c3d-1111-2222-3333-444455556666")), None);
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in
            ["", "4f1", "containerd://", "4f1c0b6d2a9", "not-a-container", "4F1C0B6D2A9E", &format!("{ID}0")]
        {
            assert!(text.parse::<ContainerId>().unwrap_err().is_invalid(), "{text}");
        }
    }
}
