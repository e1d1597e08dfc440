//! [`ExperimentPlan`]: what a run would do, and nothing done.

use std::fmt;

use super::builder::Setup;
use crate::fault::Owner;
use crate::injection::{Looked, Picked};
use crate::target::Occupancy;

/// How many targets of one fault the text names.
const MOST_NAMED: usize = 20;

/// What an experiment would do now; its text names the exact targets.
#[derive(Debug, Clone)]
#[must_use]
pub struct ExperimentPlan {
    title: String,
    blast_radius: String,
    seed: u64,
    probes: Vec<String>,
    pub(crate) steps: Vec<Looked>,
    refusal: Option<String>,
}

impl ExperimentPlan {
    /// Looks at the world in the order of the steps; ends at the first that the world forbids.
    pub(crate) async fn of(setup: &Setup) -> Self {
        let mut plan = Self {
            title: setup.title.clone(),
            blast_radius: setup.radius.as_ref().map(ToString::to_string).unwrap_or_default(),
            seed: setup.chaos.seed(),
            probes: setup
                .probes
                .iter()
                .map(|probe| format!("{}: {}", probe.name(), probe.tolerance()))
                .collect(),
            steps: Vec::new(),
            refusal: None,
        };
        let Some(radius) = &setup.radius else { return plan };
        for step in setup.steps() {
            let occupancy = Occupancy::new(radius.clone(), setup.chaos.dice());
            let looked = match step.work.look(&occupancy).await {
                Ok(looked) => looked,
                Err(error) => {
                    plan.refusal = Some(format!("{}: {}", step.work.title(), error.chain()));
                    return plan;
                }
            };
            if let Err(error) = setup.journal.must_do_for(&looked) {
                plan.refusal = Some(error.chain());
            }
            plan.steps.push(looked);
            if plan.refusal.is_some() {
                return plan;
            }
        }
        plan
    }

    /// Why the run would be refused, if it would.
    pub fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// The names and identities of every target, fault by fault.
    pub fn targets(&self) -> impl Iterator<Item = (&str, &str)> {
        self.steps
            .iter()
            .flat_map(|step| &step.picked)
            .map(|picked| (picked.name.as_str(), picked.id.as_str()))
    }

    /// Whether everything in it can be undone.
    pub fn is_reversible(&self) -> bool {
        self.steps.iter().all(Looked::is_reversible)
    }
}

impl fmt::Display for ExperimentPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "plan: {}", self.title)?;
        writeln!(f, "  blast radius: {}   seed: {}", self.blast_radius, self.seed)?;
        for probe in &self.probes {
            writeln!(f, "  steady state: {probe}")?;
        }
        for step in &self.steps {
            writeln!(f, "  {}", step.title)?;
            writeln!(f, "    targets: {}", step.targets)?;
            writeln!(f, "    asked: {}   allowed: {}", step.asked, step.allowed)?;
            if let Some(follows) = &step.follows {
                writeln!(f, "    follows its selection: looks {follows}")?;
            }
            for Picked { name, id, change, owner, .. } in step.picked.iter().take(MOST_NAMED) {
                let id = if id == name { String::new() } else { format!(" ({id})") };
                writeln!(f, "    {name}{id}: {change}")?;
                match owner {
                    Owner::Nobody => writeln!(f, "      CANNOT BE UNDONE")?,
                    Owner::Guardian => writeln!(
                        f,
                        "      taken back by: {owner}; by the next sweep, if its container is killed whole"
                    )?,
                    owner => writeln!(f, "      taken back by: {owner}")?,
                }
            }
            if step.picked.len() > MOST_NAMED {
                writeln!(f, "    and {} more", step.picked.len() - MOST_NAMED)?;
            }
            for (name, _, reason) in step.protected.iter().take(MOST_NAMED) {
                writeln!(f, "    not hit: {name} ({reason})")?;
            }
        }
        if let Some(refusal) = &self.refusal {
            writeln!(f, "  REFUSED: {refusal}")?;
        }
        Ok(())
    }
}
