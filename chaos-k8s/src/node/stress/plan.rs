//! Planning: what was asked for against the limits that apply; bad asks are refused here, before anything is touched.

use std::path::Path;

use chaos_core::{Error, Result};
use rustix::fs::{Access, StatVfs, access, statvfs};
use rustix::process::{Resource, getrlimit};

use crate::node::cgroup::Limits;

use super::kind::CpuLoad;
use super::parts::Part;
use super::text::bytes;
use super::wire::Work;

/// How many descriptors a process needs for itself.
const SPARE: u64 = 64;
/// How many tasks one process holds: a thread has up to four mappings, of which a process has 65,530 (`vm.max_map_count`).
const TASKS: u64 = 4000;
/// More processes than this in one injection are a mistake.
const MOST_PROCESSES: u64 = 1000;

/// What one part comes to under `limits`: one or more processes' work, and a line for the plan.
pub(super) fn work(part: &Part, limits: &Limits, seed: u64) -> Result<(Vec<Work>, String)> {
    if let Some(dir) = part.dir() {
        must_be_writable(dir)?;
    }
    match part {
        Part::Cpu { threads, load, kind } => {
            if load.is_zero() {
                return Err(Error::invalid("a load of 0 % does nothing: ask for more"));
            }
            let mut line = part.to_string();
            if *kind == CpuLoad::Steal && !may(caps::Capability::CAP_SYS_NICE) {
                line.push_str(", at ordinary priority without CAP_SYS_NICE");
            }
            let (threads, percent, load) = (*threads, load.value(), *kind);
            Ok((vec![Work::Cpu { threads, percent, load, seed }], line))
        }
        Part::Memory { amount, per_second, touched_every, cache_in, oom_score_adj } => {
            let wanted = amount.out_of(Some(limits.memory), "memory")?;
            if oom_score_adj.is_some_and(|score| score < own_oom_score_adj())
                && !may(caps::Capability::CAP_SYS_RESOURCE)
            {
                return Err(Error::refused(
                    "an oom_score_adj below this program's own needs CAP_SYS_RESOURCE: run with it, or ask for more",
                ));
            }
            let mut line = format!("{} of {}", bytes(wanted), whole(limits));
            match cache_in {
                Some(dir) => line.push_str(&format!(" as page cache from {}", dir.display())),
                None if wanted > limits.memory && limits.killed_as_one => {
                    line.push_str(": beyond the limit, and the kernel kills all of the cgroup");
                }
                None if wanted > limits.memory => {
                    line.push_str(": beyond the limit, and the out-of-memory killer ends it");
                }
                None if limits.killed_as_one => {
                    line.push_str(", where the kernel kills all of the cgroup when there is no more");
                }
                None => {}
            }
            let work = Work::Memory {
                bytes: wanted,
                per_second: *per_second,
                touched_every_ms: u64::try_from(touched_every.as_millis()).unwrap_or(u64::MAX),
                cache_in: cache_in.clone(),
            };
            Ok((vec![work], line))
        }
        Part::Io { dir, read, written, synced, file } => {
            if read + written + synced == 0 {
                return Err(Error::invalid("no rate: say what is read, written or synced per second"));
            }
            let (dir, read, written, synced, file) = (dir.clone(), *read, *written, *synced, *file);
            Ok((vec![Work::Io { dir, read, written, synced, file }], part.to_string()))
        }
        Part::Descriptors { count } => {
            let shares = shares(*count, per_process()?, "descriptors")?;
            Ok((shares.into_iter().map(|count| Work::Descriptors { count }).collect(), part.to_string()))
        }
        Part::Tasks { amount } => {
            let wanted = amount.out_of(limits.tasks, "the number of tasks")?;
            let shares = shares(wanted, TASKS, "tasks")?;
            let line = match limits.tasks {
                Some(most) => format!("{wanted} of {most} tasks (pids.max)"),
                None => format!("{wanted} tasks"),
            };
            Ok((shares.into_iter().map(|count| Work::Tasks { count }).collect(), line))
        }
        Part::Inodes { dir, amount } => {
            let system = file_system(dir)?;
            let all = (system.f_files > 0).then_some(system.f_files);
            let wanted = amount.out_of(all, &format!("inodes of {}", dir.display()))?;
            if all.is_some() && wanted > system.f_ffree {
                let free = system.f_ffree;
                return Err(Error::refused(format!("{wanted} inodes of {}: {free} are free", dir.display())));
            }
            let shares = shares(wanted, per_process()?, "inodes")?;
            let work = shares.into_iter().map(|count| Work::Inodes { dir: dir.clone(), count }).collect();
            Ok((work, format!("{wanted} inodes of {}", dir.display())))
        }
        Part::Disk { dir, amount } => {
            let system = file_system(dir)?;
            let all = system.f_blocks.saturating_mul(system.f_frsize);
            let free = free(&system);
            let wanted =
                amount.out_of((all > 0).then_some(all), &format!("the disk at {}", dir.display()))?;
            if wanted > free {
                return Err(Error::refused(format!(
                    "{} of the disk at {}: {} are free",
                    bytes(wanted),
                    dir.display(),
                    bytes(free)
                )));
            }
            let line = format!("{} of {} of the disk at {}", bytes(wanted), bytes(all), dir.display());
            Ok((vec![Work::Disk { dir: dir.clone(), bytes: wanted }], line))
        }
    }
}

fn whole(limits: &Limits) -> String {
    let whose = if limits.memory_is_limited { "that the cgroup may have" } else { "of the host" };
    format!("the {} of memory {whose}", bytes(limits.memory))
}

/// Root may use what is kept back for it.
fn free(system: &StatVfs) -> u64 {
    let blocks = if may(caps::Capability::CAP_SYS_RESOURCE) { system.f_bfree } else { system.f_bavail };
    blocks.saturating_mul(system.f_frsize)
}

fn file_system(dir: &Path) -> Result<StatVfs> {
    statvfs(dir).map_err(|errno| {
        Error::refused(format!("the file system of {} cannot be read", dir.display()))
            .with_source(std::io::Error::from(errno))
    })
}

fn must_be_writable(dir: &Path) -> Result<()> {
    if !dir.is_dir() {
        return Err(Error::invalid(format!("{} is no directory: give one that is there", dir.display())));
    }
    access(dir, Access::WRITE_OK).map_err(|errno| {
        Error::refused(format!("{} cannot be written to", dir.display()))
            .with_source(std::io::Error::from(errno))
    })
}

/// What each process of ours can have open.
fn per_process() -> Result<u64> {
    let most = getrlimit(Resource::Nofile).maximum.unwrap_or(1 << 20);
    let most = most.saturating_sub(SPARE);
    if most == 0 {
        return Err(Error::refused(
            "a process may open too few files here (RLIMIT_NOFILE): raise the hard limit",
        ));
    }
    Ok(most)
}

fn shares(mut wanted: u64, most: u64, what: &str) -> Result<Vec<u64>> {
    let processes = wanted.div_ceil(most);
    if processes > MOST_PROCESSES {
        return Err(Error::invalid(format!(
            "{wanted} {what} need {processes} processes, more than {MOST_PROCESSES}: ask for less"
        )));
    }
    let mut shares = Vec::new();
    while wanted > 0 {
        let share = wanted.min(most);
        shares.push(share);
        wanted -= share;
    }
    Ok(shares)
}

fn may(capability: caps::Capability) -> bool {
    caps::has_cap(None, caps::CapSet::Effective, capability).unwrap_or(false)
}

fn own_oom_score_adj() -> i32 {
    let text = std::fs::read_to_string("/proc/self/oom_score_adj").unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::stress::{Amount, Stress, cpu, disk, inodes, io, memory, tasks};
    use chaos_core::Percent;

    const LIMITS: Limits = Limits {
        memory: 64 << 20,
        memory_is_limited: true,
        cpus: Some(0.3),
        tasks: None,
        killed_as_one: true,
    };

    fn planned<K>(stress: &Stress<K>) -> Result<(Vec<Work>, String)> {
        work(&stress.parts[0], &LIMITS, 7)
    }

    fn percent(number: f64) -> Percent {
        Percent::try_new(number).unwrap()
    }

    #[test]
    fn asks_that_cannot_be_met_are_refused() {
        let share = Amount::percent(percent(50.0)).unwrap();
        let none = planned(&cpu(1).unwrap().load(percent(0.0))).unwrap_err();
        assert!(none.is_invalid() && none.to_string().contains("0 %"), "{none}");
        assert!(planned(&tasks(share)).unwrap_err().to_string().contains("no limit"));
        assert!(planned(&io("/tmp")).unwrap_err().to_string().contains("no rate"));
        for dir in ["/nowhere", "/proc/self/status"] {
            assert!(planned(&io(dir).writing(1).unwrap()).unwrap_err().is_invalid(), "{dir}");
            assert!(planned(&disk(dir, share)).unwrap_err().is_invalid(), "{dir}");
        }
        // It has neither blocks nor inodes.
        assert!(planned(&disk("/proc/self/task", share)).is_err());
        let home = tempfile::tempdir().unwrap();
        let too_much = planned(&disk(home.path(), Amount::of(1 << 60).unwrap())).unwrap_err();
        assert!(too_much.is_refused() && too_much.to_string().contains("are free"), "{too_much}");
        assert!(planned(&inodes(home.path(), Amount::of(1 << 60).unwrap())).is_err());
    }

    #[test]
    fn the_plan_says_what_becomes_of_the_container() {
        let (work, line) = planned(&memory(Amount::percent(percent(50.0)).unwrap())).unwrap();
        assert_eq!(work[0].asked(), 32 << 20);
        assert!(
            line.starts_with("32 MiB of the 64 MiB") && line.contains("kills all of the cgroup"),
            "{line}"
        );
        let (_, beyond) = planned(&memory(Amount::of(65 << 20).unwrap())).unwrap();
        assert!(beyond.contains("beyond the limit"), "{beyond}");
    }

    #[test]
    fn what_one_process_cannot_hold_is_shared() {
        assert_eq!(shares(9000, 4000, "tasks").unwrap(), [4000, 4000, 1000]);
        assert!(shares(u64::MAX, 4000, "tasks").unwrap_err().is_invalid());
    }
}
