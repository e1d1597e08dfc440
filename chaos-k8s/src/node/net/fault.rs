//! Network faults as [`Fault`]s on a [`Namespace`].

use std::fmt;

use chaos_core::{Approved, Fault, Observed, Plan, Result, Target};

use super::engine::Seen;
use super::own::Custom;
use super::rule::{Asked, Effect, NetFault, NetRule};
use super::undo::NetUndo;
use crate::node::{Namespace, Node};

impl Fault for NetRule {
    type Target = Namespace;
    type Undo = NetUndo;

    fn describe(&self) -> String {
        self.to_string()
    }

    fn via<'a>(&'a self, target: &'a Namespace) -> &'a Node {
        target.node()
    }

    async fn prepare(&self, target: &Namespace) -> Result<Plan<NetUndo>> {
        prepare(&self.into(), target).await
    }

    async fn inject(&self, target: &Approved<Namespace>, undo: &NetUndo) -> Result<()> {
        target.node().net().add(target, undo.rule(), &self.into(), target.lasting()).await
    }

    async fn extend(&self, target: &Approved<Namespace>, undo: &NetUndo) -> Result<()> {
        extend(target, undo).await
    }

    async fn observe(&self, target: &Namespace, undo: &NetUndo) -> Result<Observed> {
        observe(target, undo).await
    }
}

async fn prepare(asked: &Asked, target: &Namespace) -> Result<Plan<NetUndo>> {
    asked.effect.check()?;
    let engine = target.node().net();
    let preview = engine.preview(target, asked).await?;
    let undo = NetUndo::new(target, engine.fresh_rule(), preview.clsacts);
    Ok(Plan::reversible(format!("{}: {}", target.name(), preview.change), undo).owned_by(preview.owner))
}

async fn observe(target: &Namespace, undo: &NetUndo) -> Result<Observed> {
    let seen = target.node().net().look(target, undo.rule()).await?;
    Ok(match seen {
        Some(Seen { in_force: true, detail }) => Observed::in_force(detail),
        Some(Seen { in_force: false, detail }) => Observed::absent(detail),
        None => Observed::absent("no such rule is in force"),
    })
}

impl<E> Fault for NetFault<E>
where
    E: Into<Effect> + Clone + fmt::Debug + Send + Sync + 'static,
{
    type Target = Namespace;
    type Undo = NetUndo;

    fn describe(&self) -> String {
        self.to_string()
    }

    fn via<'a>(&'a self, target: &'a Namespace) -> &'a Node {
        target.node()
    }

    async fn prepare(&self, target: &Namespace) -> Result<Plan<NetUndo>> {
        self.clone().into_rule().prepare(target).await
    }

    async fn inject(&self, target: &Approved<Namespace>, undo: &NetUndo) -> Result<()> {
        self.clone().into_rule().inject(target, undo).await
    }

    async fn extend(&self, target: &Approved<Namespace>, undo: &NetUndo) -> Result<()> {
        extend(target, undo).await
    }

    async fn observe(&self, target: &Namespace, undo: &NetUndo) -> Result<Observed> {
        observe(target, undo).await
    }
}

impl Fault for NetFault<Custom> {
    type Target = Namespace;
    type Undo = NetUndo;

    fn describe(&self) -> String {
        self.to_string()
    }

    fn via<'a>(&'a self, target: &'a Namespace) -> &'a Node {
        target.node()
    }

    async fn prepare(&self, target: &Namespace) -> Result<Plan<NetUndo>> {
        prepare(&self.asked(), target).await
    }

    async fn inject(&self, target: &Approved<Namespace>, undo: &NetUndo) -> Result<()> {
        target.node().net().add(target, undo.rule(), &self.asked(), target.lasting()).await
    }

    async fn extend(&self, target: &Approved<Namespace>, undo: &NetUndo) -> Result<()> {
        extend(target, undo).await
    }

    async fn observe(&self, target: &Namespace, undo: &NetUndo) -> Result<Observed> {
        observe(target, undo).await
    }
}

async fn extend(target: &Approved<Namespace>, undo: &NetUndo) -> Result<()> {
    target.node().net().extend(target.netns(), undo.rule(), target.lasting()).await
}
