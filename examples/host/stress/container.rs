//! A cgroup that stands for a container.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub struct Container {
    /// On v2 one; on v1 those of cpu, cpuacct and memory.
    dirs: Vec<PathBuf>,
}

impl Container {
    /// One with this limit of memory; the error is why this machine cannot have it.
    pub fn new(memory: u64) -> Result<Self, String> {
        let root = Path::new("/sys/fs/cgroup");
        let name = format!("chaos-example-{}", std::process::id());
        let v2 = root.join("cgroup.controllers").exists();
        if v2 {
            let on = fs::read_to_string(root.join("cgroup.subtree_control")).unwrap_or_default();
            if !on.contains("memory") || !on.contains("cpu") {
                return Err("the root cgroup does not hand cpu and memory to its children".to_owned());
            }
        }
        let trees = if v2 { vec![""] } else { vec!["cpu", "cpuacct", "memory"] };
        let mut container = Self { dirs: Vec::new() };
        for tree in trees {
            let dir = root.join(tree).join(&name);
            fs::create_dir(&dir).map_err(|err| format!("{} cannot be made: {err}", dir.display()))?;
            container.dirs.push(dir);
        }
        // Before what else runs on a busy machine, so that the figures are of the stress and not of the neighbours.
        let (weight, most) = if v2 { ("cpu.weight", "10000") } else { ("cpu.shares", "262144") };
        let cpu = container.dirs.first().map_or(Path::new("/"), PathBuf::as_path).join(weight);
        fs::write(cpu, most).map_err(|err| format!("no weight: {err}"))?;
        let limit = if v2 { "memory.max" } else { "memory.limit_in_bytes" };
        fs::write(container.path().join(limit), memory.to_string())
            .map_err(|err| format!("no limit: {err}"))?;
        Ok(container)
    }

    /// All its directories.
    #[allow(dead_code, reason = "a benchmark measures in the same container")]
    pub fn dirs(&self) -> &[PathBuf] {
        &self.dirs
    }

    /// Its directory; on v1 that of memory.
    pub fn path(&self) -> &Path {
        self.dirs.last().map_or(Path::new("/"), PathBuf::as_path)
    }

    /// Processor time used in it.
    pub fn used(&self) -> io::Result<Duration> {
        let [_, cpuacct, _] = self.dirs.as_slice() else {
            let text = fs::read_to_string(self.path().join("cpu.stat"))?;
            let usage = text.lines().find_map(|line| line.strip_prefix("usage_usec "));
            return Ok(Duration::from_micros(number(usage.unwrap_or_default())?));
        };
        Ok(Duration::from_nanos(number(&fs::read_to_string(cpuacct.join("cpuacct.usage"))?)?))
    }

    /// Bytes charged to it.
    pub fn memory(&self) -> io::Result<u64> {
        let v1 = fs::read_to_string(self.path().join("memory.usage_in_bytes"));
        number(&v1.or_else(|_| fs::read_to_string(self.path().join("memory.current")))?)
    }

    /// How many cgroups are in it.
    pub fn children(&self) -> io::Result<usize> {
        let entries = fs::read_dir(self.path())?.collect::<io::Result<Vec<_>>>()?;
        Ok(entries.iter().filter(|entry| entry.path().is_dir()).count())
    }
}

fn number(text: &str) -> io::Result<u64> {
    text.trim().parse().map_err(io::Error::other)
}

impl Drop for Container {
    fn drop(&mut self) {
        for dir in &self.dirs {
            if let Err(err) = fs::remove_dir(dir) {
                eprintln!("{} is left: {err}", dir.display());
            }
        }
    }
}
