//! [`Grip`]: an object that faults take hold of and let go, each under the version that was read.

use std::time::Duration;

use chaos_core::ledger::RunId;
use chaos_core::units::ms;
use chaos_core::{Error, Result};
use serde_json::{Value, json};

use super::FENCE;
use super::deadline::Deadline;
use super::field::Field;
use super::held::{Claim, Fields, Held};
use crate::cluster::Cluster;
use crate::cluster::api::{ObjectRef, Request, Trouble};

/// How often a change is tried when others change the object at the same time.
const TRIES: u32 = 16;
const LONGEST_WAIT: Duration = ms(500);

/// An object in reach of the API.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grip<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) object: &'a ObjectRef,
}

/// What a look at an object says is to be done next.
enum Step {
    Done,
    /// This patch; and then another look, or nothing more.
    Patch {
        patch: Value,
        then: Then,
    },
    /// This number of replicas, through their subresource.
    Scale {
        replicas: Value,
        then: Then,
    },
    /// Delete this version.
    Delete,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Look,
    Done,
}

impl Grip<'_> {
    /// The object as it is now; none where it is gone, or another has its name.
    pub(crate) async fn read(&self) -> Result<Option<Value>> {
        let ObjectRef { kind, namespace, name, uid } = self.object;
        let found: Option<Value> =
            self.cluster.api().find(Request::get(*kind, namespace.as_deref(), name)).await?;
        Ok(found.filter(|object| object["metadata"]["uid"] == uid.as_str()))
    }

    /// The object and the faults that have hold of it.
    pub(crate) async fn look(&self) -> Result<Option<(Value, Held)>> {
        let Some(object) = self.read().await? else { return Ok(None) };
        let held = Held::read(&object).map_err(|error| error.context(self.object))?;
        Ok(Some((object, held)))
    }

    /// Takes hold of the object, and makes its fields what the claim wants. False where it is gone.
    pub(crate) async fn take(&self, claim: &Claim) -> Result<bool> {
        let scales = claim.wants.contains_key(&Field::Replicas);
        self.change(|object, held| match held.claim(claim.id) {
            None => {
                let mut held = held.clone();
                let fields = held.add(object, claim.clone());
                patch(object, &held, &fields, if scales { Then::Look } else { Then::Done })
            }
            // The mark is there. What has a subresource of its own comes after it.
            Some(_) => match claim.wants.get(&Field::Replicas) {
                Some(wanted) => scale(object, held, wanted),
                None => Step::Done,
            },
        })
        .await
    }

    /// Lets go of the object, and puts back what was found where no other fault has hold of it. Nothing is done where it
    /// is gone.
    ///
    /// Where there is no such claim, it may still be on its way: a request that was given up is not one that is not
    /// carried out. So the object gets a new version, twice, and what was to be done to the old one fails.
    pub(crate) async fn release(&self, id: RunId) -> Result<()> {
        let released = self.change(|object, held| {
            let mut left = held.clone();
            let Some(fields) = left.remove(object, id) else { return fence(object, id) };
            match fields.get(&Field::Replicas) {
                // The effect first: a mark without it is harmless, it without a mark is not.
                Some(replicas) => Step::Scale { replicas: replicas.clone(), then: Then::Look },
                None => patch(object, &left, &fields, Then::Done),
            }
        });
        released.await.map(drop)
    }

    /// Writes down that the claim lasts until then. An object that is gone needs nothing.
    pub(crate) async fn prolong(&self, id: RunId, until: Deadline) -> Result<()> {
        if self.look().await?.is_some_and(|(_, held)| held.claim(id).is_none()) {
            return Err(Error::failed(format!("{}: this fault was taken back already", self.object)));
        }
        let prolonged = self.change(|object, held| {
            let mut held = held.clone();
            match held.claims.iter_mut().find(|claim| claim.id == id && claim.until != until) {
                None => Step::Done,
                Some(claim) => {
                    claim.until = until;
                    patch(object, &held, &Fields::new(), Then::Done)
                }
            }
        });
        prolonged.await.map(drop)
    }

    /// That nothing which was to be done to the object as it was can be done any more. False where it is gone.
    pub(crate) async fn fence(&self, id: RunId) -> Result<bool> {
        self.change(|object, _| fence(object, id)).await
    }

    /// Deletes the object as it is now.
    pub(crate) async fn delete(&self) -> Result<()> {
        self.change(|_, _| Step::Delete).await.map(drop)
    }

    /// Patches the object with what `make` says, under the version that was read. False where it is gone.
    pub(crate) async fn patch_with(&self, make: impl Fn(&Value) -> Value) -> Result<bool> {
        self.change(|object, _| {
            let mut patch = make(object);
            patch["metadata"]["resourceVersion"] = object["metadata"]["resourceVersion"].clone();
            Step::Patch { patch, then: Then::Done }
        })
        .await
    }

    async fn change(&self, next: impl Fn(&Value, &Held) -> Step) -> Result<bool> {
        let mut wait = ms(10);
        for _ in 0..TRIES {
            let Some((object, held)) = self.look().await? else { return Ok(false) };
            let (request, then) = match next(&object, &held) {
                Step::Done => return Ok(true),
                Step::Delete => {
                    (Request::delete_version(self.object, &object["metadata"]["resourceVersion"]), Then::Done)
                }
                Step::Patch { patch, then } => (Request::patch(self.object, &patch), then),
                Step::Scale { replicas, then } => {
                    let version = &object["metadata"]["resourceVersion"];
                    let patch =
                        json!({"metadata": {"resourceVersion": version}, "spec": {"replicas": replicas}});
                    (Request::patch_scale(self.object, &patch), then)
                }
            };
            let sent: Result<Value, Trouble> = self.cluster.api().send(request).await;
            match sent {
                Ok(_) if then == Then::Done => return Ok(true),
                Ok(_) => continue,
                // Changed meanwhile, gone, or about to be: the next look says.
                Err(trouble) if trouble.is_conflict() || trouble.is_not_found() => {}
                Err(trouble) => return Err(Error::from(trouble).context(self.object)),
            }
            self.cluster.api().clock().sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        Err(Error::failed(format!("{}: others changed it at each of {TRIES} tries", self.object)))
    }
}

fn fence(object: &Value, id: RunId) -> Step {
    let meta = &object["metadata"];
    let is_there = meta["annotations"][FENCE] == id.to_string();
    let (mark, then) = if is_there { (Value::Null, Then::Done) } else { (json!(id), Then::Look) };
    let patch =
        json!({"metadata": {"resourceVersion": meta["resourceVersion"], "annotations": {FENCE: mark}}});
    Step::Patch { patch, then }
}

fn patch(object: &Value, held: &Held, fields: &Fields, then: Then) -> Step {
    Step::Patch { patch: held.patch(object, fields), then }
}

/// Makes the replicas what is wanted, unless somebody changed them between the mark and this.
fn scale(object: &Value, held: &Held, wanted: &Value) -> Step {
    if Field::Replicas.read(object) == *wanted {
        return Step::Done;
    }
    let mut noted = held.clone();
    noted.note_found(&Field::Replicas, object);
    if noted != *held {
        return patch(object, &noted, &Fields::new(), Then::Look);
    }
    Step::Scale { replicas: wanted.clone(), then: Then::Done }
}
