//! A cgroup that stands for a container, or for a pod: made by the test, read past the engine, removed with it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use chaos_core::units::{ms, secs};

const ROOT: &str = "/sys/fs/cgroup";
const V1: [&str; 7] = ["cpu", "cpuacct", "memory", "pids", "freezer", "blkio", "cpuset"];

pub(crate) fn is_v2() -> bool {
    Path::new(ROOT).join("cgroup.controllers").exists()
}

pub(crate) struct Group {
    /// Below the root of each tree.
    path: PathBuf,
    v2: bool,
}

impl Group {
    pub(crate) fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let nth = MADE.fetch_add(1, Ordering::Relaxed);
        Self::at(PathBuf::from(format!("stress-test-{}-{nth}", std::process::id())))
    }

    fn at(path: PathBuf) -> Self {
        let group = Self { path, v2: is_v2() };
        if group.v2 {
            // The guest's own root, as systemd has it on a host. A cgroup of a test has no processes yet.
            let parent = group.dir("").parent().unwrap().to_owned();
            fs::write(parent.join("cgroup.subtree_control"), "+cpu +memory +pids").unwrap();
        }
        group.dirs().iter().for_each(|dir| fs::create_dir(dir).unwrap());
        group
    }

    /// A cgroup in this one: a container in a pod.
    pub(crate) fn child(&self, name: &str) -> Self {
        Self::at(self.path.join(name))
    }

    /// Its directory, on v1 that of a controller.
    pub(crate) fn dir(&self, controller: &str) -> PathBuf {
        let root = if self.v2 { PathBuf::from(ROOT) } else { Path::new(ROOT).join(controller) };
        root.join(&self.path)
    }

    pub(crate) fn dirs(&self) -> Vec<PathBuf> {
        if self.v2 {
            return vec![self.dir("")];
        }
        // cpuset as well, which stays without children of ours.
        V1.iter().filter(|name| Path::new(ROOT).join(name).exists()).map(|name| self.dir(name)).collect()
    }

    pub(crate) fn main(&self) -> PathBuf {
        self.dir("memory")
    }

    pub(crate) fn limit_memory(&self, bytes: u64) {
        let file = if self.v2 { "memory.max" } else { "memory.limit_in_bytes" };
        fs::write(self.dir("memory").join(file), bytes.to_string()).unwrap();
    }

    /// How many of its processes the out-of-memory killer took.
    #[allow(dead_code, reason = "for the tests of processes")]
    pub(crate) fn oom_kills(&self) -> u64 {
        let file = if self.v2 { "memory.events" } else { "memory.oom_control" };
        field(&self.dir("memory").join(file), "oom_kill ")
    }

    /// In percent of one processor.
    pub(crate) fn limit_cpu(&self, percent: u32) {
        let quota = percent * 1000;
        if self.v2 {
            fs::write(self.dir("cpu").join("cpu.max"), format!("{quota} 100000")).unwrap();
        } else {
            fs::write(self.dir("cpu").join("cpu.cfs_period_us"), "100000").unwrap();
            fs::write(self.dir("cpu").join("cpu.cfs_quota_us"), quota.to_string()).unwrap();
        }
    }

    /// Before others: a test of what is held must be able to get it.
    pub(crate) fn weigh_most(&self) {
        let (file, most) = if self.v2 { ("cpu.weight", "10000") } else { ("cpu.shares", "262144") };
        fs::write(self.dir("cpu").join(file), most).unwrap();
    }

    pub(crate) fn limit_tasks(&self, tasks: u32) {
        fs::write(self.dir("pids").join("pids.max"), tasks.to_string()).unwrap();
    }

    /// Processor time used in it and below it.
    pub(crate) fn used(&self) -> Duration {
        if self.v2 {
            return Duration::from_micros(field(&self.dir("cpu").join("cpu.stat"), "usage_usec"));
        }
        Duration::from_nanos(number(&self.dir("cpuacct").join("cpuacct.usage")))
    }

    /// How often its quota held something up.
    pub(crate) fn throttled(&self) -> u64 {
        field(&self.dir("cpu").join("cpu.stat"), "nr_throttled")
    }

    /// Bytes charged to it and to what is below it.
    pub(crate) fn memory(&self) -> u64 {
        number(&self.dir("memory").join(if self.v2 { "memory.current" } else { "memory.usage_in_bytes" }))
    }

    /// Bytes of it that belong to processes, and not to files.
    #[allow(dead_code, reason = "for the tests of crashes")]
    pub(crate) fn memory_of_processes(&self) -> u64 {
        field(&self.dir("memory").join("memory.stat"), if self.v2 { "anon " } else { "total_rss " })
    }

    /// Whether somebody asked for it, and every process stands still.
    #[allow(dead_code, reason = "for the tests of processes")]
    pub(crate) fn is_frozen(&self) -> bool {
        if self.v2 {
            let dir = self.dir("freezer");
            return number(&dir.join("cgroup.freeze")) == 1
                && field(&dir.join("cgroup.events"), "frozen ") == 1;
        }
        fs::read_to_string(self.freezer()).unwrap().trim() == "FROZEN"
    }

    #[allow(dead_code, reason = "for the tests of processes")]
    pub(crate) fn freeze(&self) {
        fs::write(self.freezer(), if self.v2 { "1" } else { "FROZEN" }).unwrap();
        while !self.is_frozen() {
            std::thread::sleep(ms(1));
        }
    }

    #[allow(dead_code, reason = "for the tests of processes")]
    pub(crate) fn thaw(&self) {
        fs::write(self.freezer(), if self.v2 { "0" } else { "THAWED" }).unwrap();
    }

    fn freezer(&self) -> PathBuf {
        self.dir("freezer").join(if self.v2 { "cgroup.freeze" } else { "freezer.state" })
    }

    /// Another one takes its place.
    #[allow(dead_code, reason = "for the tests of processes")]
    pub(crate) fn make_anew(&self) {
        for dir in self.dirs() {
            while fs::remove_dir(&dir).is_err() {
                std::thread::sleep(ms(1));
            }
            fs::create_dir(&dir).unwrap();
        }
    }

    pub(crate) fn tasks(&self) -> u64 {
        number(&self.dir("pids").join("pids.current"))
    }

    /// The names of what is in it, in all hierarchies.
    pub(crate) fn children(&self) -> Vec<PathBuf> {
        let mut children: Vec<PathBuf> = self
            .dirs()
            .iter()
            .flat_map(|dir| fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()))
            .filter(|path| path.is_dir())
            .collect();
        children.sort();
        children
    }

    /// The processes in cgroups below it.
    pub(crate) fn pids_below(&self) -> Vec<i32> {
        let lists =
            self.children().into_iter().filter_map(|dir| fs::read_to_string(dir.join("cgroup.procs")).ok());
        let mut pids: Vec<i32> = lists
            .flat_map(|text| text.lines().map(|pid| pid.parse().unwrap()).collect::<Vec<i32>>())
            .collect();
        pids.sort_unstable();
        pids.dedup();
        pids
    }

    /// Moves a process in.
    pub(crate) fn take(&self, pid: u32) {
        for dir in self.dirs().iter().filter(|dir| !dir.starts_with(Path::new(ROOT).join("cpuset"))) {
            fs::write(dir.join("cgroup.procs"), pid.to_string()).unwrap();
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let until = Instant::now() + secs(5);
        for dir in self.dirs() {
            // What a failed test left in there is not removed: the test has failed.
            while let Err(error) = fs::remove_dir(&dir) {
                if error.kind() == ErrorKind::NotFound || Instant::now() > until {
                    break;
                }
                std::thread::sleep(ms(5));
            }
        }
    }
}

fn number(file: &Path) -> u64 {
    fs::read_to_string(file).unwrap().trim().parse().unwrap()
}

fn field(file: &Path, name: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().parse().unwrap()
}
