//! [`Stress`] as a [`Fault`]: planned against the target's limits, put in force by a crew of stressors, read from what they
//! and the kernel say.

use std::time::Duration;

use chaos_core::guardian::child;
use chaos_core::{Approved, Error, Fault, Observed, Owner, Plan, Result};

use super::crew::Crew;
use super::kind::CpuLoad;
use super::parts::Part;
use super::placement::Placement;
use super::plan;
use super::stress::Stress;
use super::text::{bytes, count};
use super::undo::StressUndo;
use super::wire::{ASKED, Level, Orders, Work};
use crate::node::cgroup::{Dirs, Limits, Own};
use crate::node::{Cgroup, Node};

/// The stressor is the first that the out-of-memory killer takes, unless said otherwise.
const FIRST_VICTIM: i32 = 1000;

/// What was asked for under the limits that apply.
struct Resolved {
    /// Each process's work, and its oom_score_adj.
    jobs: Vec<(Work, i32)>,
    /// For the plan.
    line: String,
}

impl<K: 'static> Stress<K> {
    fn text(&self) -> String {
        let parts: Vec<String> = self.parts.iter().map(Part::to_string).collect();
        parts.join(" and ")
    }

    fn resolved(&self, target: &Cgroup, parent: &Dirs) -> Result<Resolved> {
        let limits = Limits::of(parent)?;
        let (mut jobs, mut lines) = (Vec::new(), Vec::new());
        for part in &self.parts {
            let (work, line) = plan::work(part, &limits, target.node().chaos().seed())?;
            let score = match part {
                Part::Memory { oom_score_adj: Some(score), .. } => *score,
                _ => FIRST_VICTIM,
            };
            jobs.extend(work.into_iter().map(|work| (work, score)));
            lines.push(line);
        }
        let quota = limits.cpus.map_or_else(String::new, |cpus| format!(" ({cpus} processors)"));
        let whose = match self.placement() {
            Placement::Inside if !target.is_host() => {
                format!("it eats the limits of {}{quota}", parent.main().display())
            }
            Placement::Beside => {
                format!("it eats the limits of {}, not the target's own{quota}", parent.main().display())
            }
            Placement::Here => {
                format!("it eats the limits of this program's own cgroup and of those above it{quota}")
            }
            _ => "it eats the host's, no container's limits".to_owned(),
        };
        Ok(Resolved { jobs, line: format!("{}; {whose}", lines.join(", ")) })
    }

    fn orders(&self, cgroup: &Own, jobs: Vec<(Work, i32)>, lasting: Option<Duration>) -> Vec<Orders> {
        let ends_after_ms = self.most().map(millis);
        let lasting_ms = millis(lasting.unwrap_or(Self::ENDS_AFTER));
        let cgroup = || cgroup.clone();
        let orders = |(work, oom_score_adj)| Orders {
            cgroup: cgroup(),
            ends_after_ms,
            lasting_ms,
            oom_score_adj,
            work,
        };
        jobs.into_iter().map(orders).collect()
    }
}

impl<K: std::fmt::Debug + 'static> Fault for Stress<K> {
    type Target = Cgroup;
    type Undo = StressUndo;

    fn describe(&self) -> String {
        format!("stress: {}", self.text())
    }

    fn via<'a>(&'a self, target: &'a Cgroup) -> &'a Node {
        target.node()
    }

    async fn prepare(&self, target: &Cgroup) -> Result<Plan<StressUndo>> {
        let node = target.node();
        node.chaos().clock().require_real("stress")?;
        if child::is_asked(ASKED) {
            return Err(Error::refused(
                "this program was started as a stressor and got here: begin its main with \
                 `let guardian = chaos_k8s::node::run_if_asked();`",
            ));
        }
        if !target.is_there() {
            return Err(Error::refused(format!("the cgroup {} is gone", target.path().display())));
        }
        if self.most().is_some_and(|most| most.is_zero()) {
            return Err(Error::invalid("stress that ends after no time does nothing: give it some"));
        }
        let parent = self.placement().parent(target)?;
        let line = self.resolved(target, &parent)?.line;
        let name = format!("stress-{}-{}", node.run(), node.crews().next());
        let cgroup = match self.placement() {
            Placement::Here => Own::none(&name),
            _ => Own::planned(&parent, &name, target.hierarchies())?,
        };
        Ok(Plan::reversible(line, StressUndo { cgroup }).owned_by(Owner::Kernel))
    }

    async fn inject(&self, target: &Approved<Cgroup>, undo: &StressUndo) -> Result<()> {
        let node = target.node();
        let parent = self.placement().parent(target)?;
        let jobs = self.resolved(target, &parent)?.jobs;
        let held = undo.cgroup.make()?;
        if self.parts.iter().any(|part| matches!(part, Part::Cpu { kind: CpuLoad::Steal, .. })) {
            undo.cgroup.weigh_most();
        }
        let used = !target.is_host() && target.is_used();
        let orders = self.orders(&undo.cgroup, jobs, target.lasting());
        let crew = node.crews().start(&undo.cgroup, held, orders, used)?;
        for hand in crew.hands() {
            hand.begun(node.chaos().clock()).await.map_err(|error| {
                Error::failed(crew.blame(&format!("{}: {}", of(hand.work()), error.chain())))
            })?;
        }
        Ok(())
    }

    async fn extend(&self, target: &Approved<Cgroup>, undo: &StressUndo) -> Result<()> {
        let crew = target.node().crews().of(&undo.cgroup);
        let crew = crew.ok_or_else(|| Error::failed("no stressor runs"))?;
        let lasting = target.lasting().unwrap_or(Self::ENDS_AFTER);
        for hand in crew.hands() {
            let told = hand.last(lasting, target.node().chaos().clock()).await;
            told.map_err(|error| error.context(of(hand.work())))?;
        }
        Ok(())
    }

    async fn observe(&self, target: &Cgroup, undo: &StressUndo) -> Result<Observed> {
        let Some(crew) = target.node().crews().of(&undo.cgroup) else {
            return Ok(Observed::absent("no stressor runs"));
        };
        if !target.is_there() {
            return Ok(Observed::absent("the target's cgroup is gone"));
        }
        if crew.target_was_used && !target.is_used() {
            let why = "the target's processes have ended, and its cgroup holds nothing but stress";
            return Ok(Observed::absent(crew.blame(why)));
        }
        let (works, lines) = look(&crew, &undo.cgroup);
        let line = lines.join("; ");
        Ok(if works { Observed::in_force(line) } else { Observed::absent(crew.blame(&line)) })
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Whether all of them work, and what each achieves.
fn look(crew: &Crew, cgroup: &Own) -> (bool, Vec<String>) {
    let there = cgroup.dirs().pids();
    let mut works = !crew.hands().is_empty();
    let mut lines = Vec::new();
    for hand in crew.hands() {
        let what = of(hand.work());
        // Those of another pid namespace read as 0.
        let is_there =
            !cgroup.is_one() || hand.pid().is_some_and(|pid| there.contains(&pid) || there.contains(&0));
        match hand.level() {
            Ok(_) if !is_there => {
                works = false;
                lines.push(format!("{what}: is not in its cgroup: it ends, or was moved"));
            }
            Ok(level) => lines.push(format!("{what}: {}", achieved(hand.work(), level))),
            Err(why) => {
                works = false;
                lines.push(format!("{what}: {why}"));
            }
        }
    }
    (works, lines)
}

fn of(work: &Work) -> &'static str {
    match work {
        Work::Cpu { .. } => "cpu",
        Work::Memory { .. } => "memory",
        Work::Io { .. } => "i/o",
        Work::Descriptors { .. } => "descriptors",
        Work::Tasks { .. } => "tasks",
        Work::Inodes { .. } => "inodes",
        Work::Disk { .. } => "disk",
    }
}

fn achieved(work: &Work, level: Level) -> String {
    match (work, level) {
        (Work::Cpu { threads, percent: asked, .. }, Level::Cpu { percent }) => {
            format!("{} at {percent:.1} %, asked {asked} %", count(u64::from(*threads), "thread"))
        }
        (Work::Memory { cache_in, .. }, Level::Held { now, .. }) => {
            let kind = if cache_in.is_some() { "in the page cache" } else { "resident" };
            format!("{} of {} {kind}", bytes(now), bytes(work.asked()))
        }
        (Work::Disk { .. }, Level::Held { now, full }) => {
            let full = if full { ", the file system is full" } else { "" };
            format!("{} of {} taken{full}", bytes(now), bytes(work.asked()))
        }
        (_, Level::Held { now, full }) => {
            let full = if full { ", there are no more" } else { "" };
            format!("{now} of {} held{full}", work.asked())
        }
        (Work::Io { read: r, written: w, synced: s, .. }, Level::Io { read, written, synced, direct }) => {
            let rates = [(*r, read, "read"), (*w, written, "written"), (*s, synced, "written and synced")];
            let rates: Vec<String> = rates
                .into_iter()
                .filter(|(asked, ..)| *asked > 0)
                .map(|(asked, got, what)| format!("{}/s of {}/s {what}", bytes(got as u64), bytes(asked)))
                .collect();
            let way = if direct { "past the page cache" } else { "through the page cache" };
            format!("{} {way}", rates.join(", "))
        }
        (_, level) => format!("{level:?}"),
    }
}

#[cfg(test)]
mod tests {
    use chaos_core::{BlastRadius, Chaos, Ledger, Mode, Targets};

    use super::*;
    use crate::node::stress;

    /// This test's own program is one: its `main` is that of the test harness.
    #[tokio::test]
    async fn a_program_without_the_line_in_main_is_told_so_and_nothing_stays() {
        let chaos = Chaos::seeded(7);
        let node = Node::new(&chaos);
        let Ok(host) = node.host() else { return println!("not run: no cgroup tree is mounted here") };
        let stress = stress::cpu(1).unwrap();
        let plan = match stress.prepare(&host).await {
            Ok(plan) => plan,
            Err(error) => return println!("not run: {error}"),
        };
        assert_eq!(plan.owner(), Owner::Kernel);
        assert!(plan.change().contains("the host's"), "{}", plan.change());
        let ledger = Ledger::in_memory(node.undos().unwrap());
        let on = stress.on(Targets::one(host), Mode::ALL);
        let begun = chaos.inject(on, BlastRadius::count(1).unwrap()).ledger(ledger).begin().await;
        let error = begun.unwrap_err();
        assert!(error.to_string().contains("run_if_asked"), "{error}");
        assert!(plan.undo().cgroup.is_gone());
    }

    #[tokio::test(start_paused = true)]
    async fn virtual_time_is_refused() {
        let node = Node::new(&Chaos::seeded(7));
        let Ok(host) = node.host() else { return println!("not run: no cgroup tree is mounted here") };
        assert!(stress::cpu(1).unwrap().prepare(&host).await.unwrap_err().is_clock());
    }

    #[test]
    fn what_is_asked_reads_well() {
        let amount = |number| stress::Amount::of(number).unwrap();
        let all = stress::cpu(2)
            .unwrap()
            .and(stress::memory(amount(64 << 20)))
            .and(stress::io("/d").writing(1 << 20).unwrap());
        assert_eq!(
            Fault::describe(&all),
            "stress: 2 threads at 100 % of a processor (plain) and 64 MiB of memory and 1 MiB/s written in /d"
        );
    }
}
