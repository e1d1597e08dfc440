//! A rule at a point as a [`Fault`]: inline faults and stateful faults are one trait.

use std::fmt;
use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use super::operation::Operation;
use super::point::Point;
use super::rule::Rule;
use crate::error::Result;
use crate::fault::{Fault, Observed, Owner, Plan, Undo};
use crate::target::Approved;

/// A rule and the point it is for: what an experiment takes.
#[derive(Debug)]
#[must_use = "give it to an experiment"]
pub struct At<Op: Operation> {
    pub(crate) rule: Rule<Op>,
    pub(crate) point: Point<Op>,
}

impl<Op: Operation + 'static> At<Op> {
    pub(crate) fn new(rule: Rule<Op>, point: Point<Op>) -> Self {
        Self { rule, point }
    }
}

impl<Op: Operation + 'static> Clone for At<Op> {
    fn clone(&self) -> Self {
        Self { rule: self.rule.clone(), point: self.point.clone() }
    }
}

/// The undo of an armed rule. It dies with the process, as the rule does.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Disarm<Op> {
    id: u64,
    #[serde(skip)]
    operation: PhantomData<fn() -> Op>,
}

impl<Op> Disarm<Op> {
    pub(crate) fn id(&self) -> u64 {
        self.id
    }
}

impl<Op> fmt::Debug for Disarm<Op> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Disarm({})", self.id)
    }
}

impl<Op: Operation + 'static> Undo for Disarm<Op> {
    const KIND: &'static str = "chaos/disarm/1";
    type Via = Point<Op>;

    async fn revert(&self, point: &Point<Op>) -> Result<()> {
        point.disarm(self.id);
        Ok(())
    }

    async fn is_gone(&self, point: &Point<Op>) -> Result<bool> {
        Ok(point.find(self.id).is_none())
    }
}

impl<Op: Operation + 'static> Fault for Rule<Op> {
    type Target = Point<Op>;
    type Undo = Disarm<Op>;

    fn describe(&self) -> String {
        self.label()
    }

    fn via<'a>(&'a self, point: &'a Point<Op>) -> &'a Point<Op> {
        point
    }

    async fn prepare(&self, point: &Point<Op>) -> Result<Plan<Disarm<Op>>> {
        if let Some(error) = point.cannot_carry_out(self) {
            return Err(error);
        }
        let undo = Disarm { id: point.new_id(), operation: PhantomData };
        Ok(Plan::reversible(format!("arms {self} at point {:?}", point.name()), undo)
            .owned_by(Owner::Process))
    }

    async fn inject(&self, point: &Approved<Point<Op>>, undo: &Disarm<Op>) -> Result<()> {
        point.arm_as(self, undo.id, point.cap().cloned()).map(drop)
    }

    async fn observe(&self, point: &Point<Op>, undo: &Disarm<Op>) -> Result<Observed> {
        Ok(match point.find(undo.id) {
            Some(live) => Observed::in_force(format!("armed, {} hits", live.gate.hits())),
            None => Observed::absent("not armed"),
        })
    }
}
