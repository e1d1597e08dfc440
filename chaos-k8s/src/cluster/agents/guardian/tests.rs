//! A guardian at work, on a server in memory: the same loop that its pod runs.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use chaos_core::ledger::RunId;
use chaos_core::units::secs;
use chaos_core::{Fault, Select, Undo};
use serde_json::{Value, json};

use super::duty::{Duty, Task, name_of};
use super::entrusted::Entrusted;
use super::manifest::{Manifest, Owner};
use super::program::keep;
use crate::agent::status::{Ending, ItemState, Reader, Writer};
use crate::cluster::Cluster;
use crate::cluster::api::Kind;
use crate::cluster::mark::{Deadline, Field, Fields, Release};
use crate::cluster::pods::{self, Enforced, Rejoin};
use crate::cluster::rights::{Right, Rights};
use crate::cluster::testing::FakeApi;

fn paused(test: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap().block_on(test);
}

/// What a guardian says, kept.
#[derive(Debug, Clone, Default)]
struct Said(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Said {
    fn states(&self) -> Vec<ItemState> {
        let mut reader = Reader::default();
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().for_each(|line| drop(reader.read(line, std::time::Instant::now())));
        reader.items().into_values().cloned().collect()
    }
}

/// A node, a workload and two pods, and the undos of faults on them.
struct World {
    api: FakeApi,
    controller: Cluster,
    undos: Vec<Entrusted>,
    releases: Vec<Release>,
}

impl World {
    async fn new() -> Self {
        let api = FakeApi::new();
        let meta = |name: &str| json!({"name": name, "namespace": "shop", "labels": {"app": name}});
        let spec = json!({"containers": [{"name": "web", "image": "shop/web:1"}]});
        let objects = [
            (Kind::NODE, None, api.put(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}, "spec": {}}))),
            (Kind::DEPLOYMENT, Some("shop"), api.put(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta("cart"), "spec": {"replicas": 3}}))),
            (Kind::POD, Some("shop"), api.put(json!({"apiVersion": "v1", "kind": "Pod", "metadata": meta("db-0"), "spec": spec}))),
        ];
        let wants = [
            (Field::Unschedulable, json!(true)),
            (Field::Replicas, json!(0)),
            (Field::Label("app".to_owned()), Value::Null),
        ];
        let controller = api.cluster();
        let (mut undos, mut releases) = (Vec::new(), Vec::new());
        for ((kind, namespace, object), want) in objects.into_iter().zip(wants) {
            let text = |field: &str| object["metadata"][field].as_str().unwrap().to_owned();
            let object = crate::cluster::api::ObjectRef::new(kind, namespace, &text("name"), &text("uid"));
            let (_, release) =
                Release::plan(&controller, &object, "test", Fields::from([want])).await.unwrap();
            undos.push(release.clone().into());
            releases.push(release);
        }
        let mut world = Self { api, controller, undos, releases };
        let isolated = world.isolated("cut-0").await;
        world.undos.push(isolated.into());
        world
    }

    /// A pod that is cut off by a policy.
    async fn isolated(&self, name: &str) -> Rejoin {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop"},
            "spec": {"containers": [{"name": "web", "image": "shop/web:1"}]}, "status": {"phase": "Running"},
        });
        self.api.put(pod);
        let isolate = pods::isolate(Enforced::believed());
        let target = self.controller.pods().pod("shop", name).select().await.unwrap().remove(0);
        let plan = isolate.prepare(&target).await.unwrap();
        plan.undo().clone()
    }

    async fn inject(&self) {
        for release in &self.releases {
            release.take(&self.controller, Some(secs(60))).await.unwrap();
        }
    }

    fn duty(&self, server_ahead: i64) -> Arc<Duty> {
        let undos = self
            .undos
            .iter()
            .map(|undo| Task { target: undo.marked().object.to_string(), undo: undo.clone() });
        Arc::new(Duty {
            version: Duty::VERSION.to_owned(),
            guardian: RunId::fresh(),
            namespace: "chaos".to_owned(),
            by: Deadline::after(secs(90)),
            server_ahead,
            undos: undos.collect(),
        })
    }

    fn changed(&self) -> [Value; 3] {
        let get = |plural: &str, namespace: &str, name: &str| self.api.get(plural, namespace, name).unwrap();
        [
            get("nodes", "", "n1")["spec"]["unschedulable"].clone(),
            get("deployments", "shop", "cart")["spec"]["replicas"].clone(),
            get("pods", "shop", "db-0")["metadata"]["labels"]["app"].clone(),
        ]
    }
}

const FOUND: fn() -> [Value; 3] = || [Value::Null, json!(3), json!("db-0")];

async fn kept(world: &World, duty: Arc<Duty>) -> (Ending, String, Vec<ItemState>) {
    let said = Said::default();
    let writer = Rc::new(Writer::to(said.clone()).unwrap());
    let end = keep(world.api.cluster(), duty, Rc::clone(&writer)).await;
    Rc::into_inner(writer).unwrap().finish(secs(10));
    (end.why, end.detail, said.states())
}

/// What a guardian of this duty may do, by kind: a server in memory knows no names in roles.
fn granted(duty: &Duty) -> BTreeSet<Right> {
    duty.grants().by_namespace.into_values().flatten().map(|named| named.right).collect()
}

#[test]
fn what_is_over_is_put_back_with_the_rights_that_are_granted_and_each_of_them_is_used() {
    paused(async {
        let world = World::new().await;
        world.inject().await;
        assert_eq!(world.changed(), [json!(true), json!(0), Value::Null]);
        // Two minutes later, by the clock that writes deadlines.
        let duty = world.duty(-120);
        let granted = granted(&duty);
        world.api.allow_only(&granted.iter().cloned().collect::<Rights>());
        world.api.forget_calls();
        let (why, detail, states) = kept(&world, Arc::clone(&duty)).await;
        assert_eq!((why, detail.as_str()), (Ending::Over, ""));
        assert_eq!(world.changed(), FOUND());
        assert!(states.iter().all(|state| matches!(state, ItemState::Reverted { .. })), "{states:?}");
        let calls = world.api.calls();
        let used: BTreeSet<(&str, &str)> = calls
            .iter()
            .filter(|call| call.group != "authorization.k8s.io")
            .map(|call| (call.verb, call.resource.as_str()))
            .collect();
        let resources: Vec<(String, String)> =
            granted.iter().map(|right| (right.verb().to_owned(), right.resource())).collect();
        let expected: BTreeSet<(&str, &str)> =
            resources.iter().map(|(verb, resource)| (verb.as_str(), resource.as_str())).collect();
        // No policy was made: there is none to be deleted.
        let unused: Vec<_> = expected.difference(&used).collect();
        assert_eq!(unused, [&("delete", "networkpolicies")]);
        assert!(used.is_subset(&expected), "{used:?}");
    });
}

#[test]
fn without_any_one_of_its_rights_it_is_not_armed_and_says_which() {
    paused(async {
        let world = World::new().await;
        let duty = world.duty(0);
        let granted = granted(&duty);
        for missing in &granted {
            let rest: Rights = granted.iter().filter(|right| *right != missing).cloned().collect();
            world.api.allow_only(&rest);
            let (why, detail, states) = kept(&world, Arc::clone(&duty)).await;
            assert_eq!(why, Ending::Nothing, "{missing}");
            assert!(detail.contains(&missing.to_string()), "{missing}: {detail}");
            assert!(states.iter().all(|state| matches!(state, ItemState::Failed { .. })), "{states:?}");
        }
        assert_eq!(world.changed(), FOUND());
    });
}

#[test]
fn what_is_not_over_is_left_alone_and_what_its_run_has_taken_back_as_well() {
    paused(async {
        let mut world = World::new().await;
        world.undos.truncate(3);
        world.inject().await;
        let held = world.changed();
        let duty = world.duty(0);
        let guarding = kept(&world, duty);
        let reverting = async {
            chaos_core::Clock::auto().sleep(secs(40)).await;
            assert_eq!(world.changed(), held);
            for release in &world.releases {
                release.revert(&world.controller).await.unwrap();
            }
            world.api.writes().len()
        };
        let ((why, _, states), before) = tokio::join!(guarding, reverting);
        assert_eq!(why, Ending::Over);
        let others = |state: &ItemState| matches!(state, ItemState::Reverted { detail } if detail.contains("somebody else"));
        assert!(states.iter().all(others), "{states:?}");
        // Its own roles are all that it has taken away.
        let writes = world.api.writes();
        let after: Vec<String> =
            writes[before..].iter().map(|call| format!("{} {}", call.verb, call.resource)).collect();
        assert_eq!(after, ["delete clusterroles", "delete roles", "delete roles"]);
        assert_eq!(world.changed(), FOUND());
    });
}

#[test]
fn what_others_have_changed_meanwhile_stays() {
    paused(async {
        let world = World::new().await;
        world.inject().await;
        world.api.change("deployments", "shop", "cart", |cart| cart["spec"]["replicas"] = json!(7));
        let (why, ..) = kept(&world, world.duty(-120)).await;
        assert_eq!(why, Ending::Over);
        assert_eq!(world.changed()[1], json!(7));
    });
}

/// One that takes the place of another, long after that was armed.
#[test]
fn one_that_begins_late_is_right_whatever_has_become_of_the_faults_meanwhile() {
    paused(async {
        let mut world = World::new().await;
        world.undos.truncate(3);
        // One was taken back by its run, one is extended, and one never came.
        world.releases[0].take(&world.controller, Some(secs(60))).await.unwrap();
        world.releases[1].take(&world.controller, Some(secs(60))).await.unwrap();
        world.releases[0].revert(&world.controller).await.unwrap();
        world.releases[1].extend(&world.controller, Some(secs(3600))).await.unwrap();
        let held = world.changed();
        assert_eq!(held, [Value::Null, json!(0), json!("db-0")]);
        let ten_minutes_later = world.duty(-600);
        let guarding = kept(&world, ten_minutes_later);
        let extended = async {
            chaos_core::Clock::auto().sleep(secs(1200)).await;
            assert_eq!(world.changed(), held);
            // As its run would, had it not died.
            world.releases[1].revert(&world.controller).await.unwrap();
        };
        let ((why, _, states), ()) = tokio::join!(guarding, extended);
        assert_eq!((why, states.len()), (Ending::Over, 3));
        assert!(states.iter().all(|state| matches!(state, ItemState::Reverted { .. })), "{states:?}");
        assert_eq!(world.changed(), FOUND());
    });
}

/// As long as it may still come, a fault that is not there is waited for.
#[test]
fn a_fault_that_may_still_come_is_taken_back_though_it_came_late() {
    paused(async {
        let mut world = World::new().await;
        world.undos.truncate(1);
        world.releases.truncate(1);
        let before = world.api.writes().len();
        let a_minute_later = world.duty(-60);
        let late = async {
            chaos_core::Clock::auto().sleep(secs(600)).await;
            // Nothing was done about it so far.
            assert_eq!(world.api.writes().len(), before);
            world.releases[0].take(&world.controller, Some(secs(0))).await.unwrap();
            assert_eq!(world.changed()[0], true);
        };
        let ((why, ..), ()) = tokio::join!(kept(&world, a_minute_later), late);
        assert_eq!(why, Ending::Over);
        assert_eq!(world.changed(), FOUND());
    });
}

#[test]
fn a_server_that_is_away_at_the_deadline_is_waited_for() {
    paused(async {
        let world = World::new().await;
        world.inject().await;
        let mut patches = 0;
        world.api.meet(move |call| {
            use crate::cluster::testing::Meet;
            if call.verb != "patch" {
                return Meet::Serve;
            }
            patches += 1;
            if patches < 20 { Meet::Refuse(503) } else { Meet::Serve }
        });
        let (why, _, states) = kept(&world, world.duty(-120)).await;
        assert_eq!(why, Ending::Over);
        assert!(states.iter().all(|state| matches!(state, ItemState::Reverted { .. })), "{states:?}");
        assert_eq!(world.changed(), FOUND());
    });
}

#[test]
fn a_duty_comes_back_and_one_of_another_release_is_refused() {
    paused(async {
        let world = World::new().await;
        let mut duty = Arc::into_inner(world.duty(7)).unwrap();
        assert_eq!(read(&duty).unwrap(), duty);
        duty.version = "0.0.1".to_owned();
        let error = read(&duty).unwrap_err();
        assert!(error.is_invalid() && error.to_string().contains("0.0.1"), "{error}");
        for bad in ["", "-", "e30="] {
            assert!(Duty::read(|_| Some(bad.to_owned())).unwrap_err().is_invalid(), "{bad}");
        }
        assert!(Duty::read(|_| None).unwrap_err().is_invalid());
        duty.version = Duty::VERSION.to_owned();
        // The longest of them, so often, and in parts.
        duty.undos = vec![duty.undos[3].clone(); 500];
        assert!(duty.encode().unwrap().len() > 1 && read(&duty).unwrap() == duty);
        duty.undos = vec![duty.undos[3].clone(); 2000];
        assert!(duty.encode().unwrap_err().is_refused());
        assert!(name_of(duty.guardian).len() < 63);
    });
}

/// As it comes back from its variables.
fn read(duty: &Duty) -> chaos_core::Result<Duty> {
    let variables: BTreeMap<String, String> = duty.encode()?.into_iter().collect();
    Duty::read(|name| variables.get(name).cloned())
}

/// Everything that is made for a cordon and a scaling, word by word.
#[test]
fn what_is_made_is_this() {
    paused(async {
        let world = World::new().await;
        let mut duty = Arc::into_inner(world.duty(0)).unwrap();
        duty.guardian = "0000000000aa-00000000000000bb".parse().unwrap();
        duty.by = Deadline::try_from("2026-01-31T11:00:00Z".to_owned()).unwrap();
        duty.undos.truncate(2);
        let manifest = Manifest {
            image: "registry.example.org/chaos-agent:0.1.0",
            run: "0000000000cc-00000000000000dd".parse().unwrap(),
            fault: "cordon",
            until: Deadline::try_from("2026-01-31T12:00:00Z".to_owned()).unwrap(),
            lifetime: secs(4500),
            not_on: &BTreeSet::from(["n1".to_owned()]),
            duty: &duty,
        };
        let owner = Owner { kind: Kind::ROLE, uid: "u1".to_owned() };
        let pod = manifest.pod(&owner).unwrap();
        let mut job = manifest.job(&owner).unwrap();
        let template = &mut job["spec"]["template"];
        assert_eq!(template["spec"], pod["spec"]);
        assert_eq!(template["metadata"]["labels"], pod["metadata"]["labels"]);
        let given = template["spec"]["containers"][0]["env"][0]["value"].take();
        let given = |name: &str| (name == Duty::VARIABLE).then(|| given.as_str().unwrap().to_owned());
        assert_eq!(Duty::read(given).unwrap(), duty);
        let mut made: Vec<Value> = manifest.roles().into_values().collect();
        made.extend([
            manifest.account(&owner),
            manifest.binding(None, &owner),
            manifest.binding(Some("shop"), &owner),
            job,
        ]);
        let text = serde_json::to_string_pretty(&made).unwrap();
        assert_eq!(text.trim(), include_str!("golden.json").trim(), "{text}");
        assert!(!text.contains('*'));
    });
}
