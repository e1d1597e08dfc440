//! [`Speaker`]: whose log is heard, and what is seen of who speaks there.

use chaos_core::Result;

use super::end::waits_for;
use super::facts::{RawPod, RawTerminated};
use super::manifest::CONTAINER;
use super::place::Place;
use crate::agent::status::Ending;
use crate::cluster::Cluster;
use crate::cluster::api::{Kind, ObjectRef, Query};

/// On everything that is made for a guardian, its pods as well: what that is called.
pub(super) const INSTANCE: &str = "app.kubernetes.io/instance";

/// Why a container that waits will go on to wait.
const HOPELESS: [&str; 8] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "ImageInspectError",
];

/// Whose log is heard.
#[derive(Debug, Clone)]
pub(super) enum Speaker {
    Agent(Place),
    /// The pod that this Job of a guardian's has now.
    Guardian {
        namespace: String,
        name: String,
    },
}

/// What is seen of who speaks.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum State {
    Waits(String),
    Runs,
    /// It has ended, and is started again.
    Ended(String),
    Over(String),
}

impl Speaker {
    /// The pod as it is now, if there is one.
    pub(super) async fn find(&self, cluster: &Cluster) -> Result<Option<RawPod>> {
        let (namespace, name) = match self {
            Self::Agent(place) => return RawPod::read(cluster, &place.pod()).await,
            Self::Guardian { namespace, name } => (namespace, name),
        };
        let is_its = |pod: RawPod| {
            let owner = pod.metadata.controller()?;
            (owner.kind == Kind::JOB.kind && owner.name == *name).then_some(pod)
        };
        let query = Query::default().labels(format!("{INSTANCE}={name}"));
        let pods = cluster.api().list(Kind::POD, Some(namespace), &query, is_its).await?;
        Ok(pods.into_iter().min_by_key(rank))
    }

    pub(super) fn object(pod: &RawPod) -> ObjectRef {
        let meta = &pod.metadata;
        ObjectRef::new(Kind::POD, meta.namespace.as_deref(), &meta.name, &meta.uid)
    }

    pub(super) fn container(&self) -> &str {
        match self {
            Self::Agent(place) => place.container(),
            Self::Guardian { .. } => CONTAINER,
        }
    }

    /// What is seen of it; `was_seen` says whether there was a pod before.
    pub(super) fn state_of(&self, pod: Option<&RawPod>, was_seen: bool) -> State {
        let is_guardian = matches!(self, Self::Guardian { .. });
        let Some(pod) = pod else {
            return match (is_guardian, was_seen) {
                (true, true) => State::Waits("its pod is gone, and its Job makes another".to_owned()),
                (true, false) => State::Waits("its Job has no pod yet".to_owned()),
                (false, _) => State::Over("its pod is gone".to_owned()),
            };
        };
        let is_its_own = !matches!(self, Self::Agent(Place::Container { .. }));
        let phase = pod.status.phase.as_str();
        if let (true, "Failed" | "Succeeded") = (is_its_own, phase) {
            let words = [phase, &pod.status.reason, &pod.status.message];
            let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
            let how = pod.container(self.container()).and_then(|status| status.state.terminated.as_ref());
            let how = how.map_or_else(String::new, |how| format!("; it ended with {}", how.exit_code));
            let words = words.join(", ");
            return match (is_guardian, phase) {
                (true, "Failed") => {
                    State::Waits(format!("its pod is over: {words}{how}; and its Job makes another"))
                }
                (true, _) => State::Over(format!("it is over with it: {words}{how}")),
                (false, _) => State::Over(format!("the agent's pod is over: {words}{how}")),
            };
        }
        let Some(status) = pod.container(self.container()) else {
            return State::Waits(format!("its pod is {phase}"));
        };
        if let Some(how) = &status.state.terminated {
            return self.ended(how);
        }
        if let (Some(_), Some(how)) = (&status.state.waiting, &status.last_state.terminated) {
            return self.ended(how);
        }
        match &status.state.waiting {
            Some(waiting) if HOPELESS.contains(&waiting.reason.as_str()) => {
                let why = format!("the agent cannot be started: {}", waits_for(status));
                if is_guardian { State::Ended(why) } else { State::Over(why) }
            }
            Some(_) => State::Waits(waits_for(status)),
            None => State::Runs,
        }
    }

    /// One that was killed is started again by the kubelet, in a pod of its own, and goes on; an agent that has said why it ended
    /// would end so again. A guardian may have met an API server that was away.
    fn ended(&self, how: &RawTerminated) -> State {
        let code = how.exit_code;
        match (Ending::of_code(code).filter(|why| !why.is_by_death()), self) {
            (Some(Ending::Signal), Self::Guardian { .. }) => {
                State::Waits("its pod is being taken away, and its Job makes another".to_owned())
            }
            (Some(why), Self::Guardian { .. }) if why != Ending::Over => {
                State::Ended(format!("the guardian has ended: {why}"))
            }
            (Some(why), _) => State::Over(format!("the agent has ended: {why}")),
            (None, Self::Agent(Place::Container { .. })) => {
                State::Over(format!("the agent was killed ({code}, {})", how.reason))
            }
            (None, _) => {
                State::Waits(format!("the agent was killed ({code}, {}) and is started again", how.reason))
            }
        }
    }
}

/// The one that works comes first, and one that is being taken away last.
fn rank(pod: &RawPod) -> u8 {
    match (pod.metadata.deletion_timestamp.is_some(), pod.status.phase.as_str()) {
        (true, _) => 3,
        (false, "Failed") => 2,
        (false, "Succeeded") => 1,
        (false, _) => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(phase: &str, state: &Value) -> RawPod {
        let status = json!({"name": CONTAINER, "state": state["now"], "lastState": state["last"]});
        let pod = json!({"status": {"phase": phase, "reason": "Evicted", "containerStatuses": [status]}});
        serde_json::from_value(pod).unwrap()
    }

    fn agent() -> Speaker {
        Speaker::Agent(Place::of_pod("chaos", chaos_core::ledger::RunId::fresh(), "node1"))
    }

    fn guardian() -> Speaker {
        Speaker::Guardian { namespace: "chaos".to_owned(), name: "chaos-guardian-1".to_owned() }
    }

    /// As it is seen when it has just ended, and when its kubelet waits to start it again.
    fn ended(code: i32) -> [Value; 2] {
        let ended = json!({"terminated": {"exitCode": code, "reason": "Error"}});
        [
            json!({"now": ended, "last": {}}),
            json!({"now": {"waiting": {"reason": "CrashLoopBackOff"}}, "last": ended}),
        ]
    }

    #[test]
    fn one_that_was_killed_is_waited_for_and_one_that_has_ended_is_not() {
        for (code, is_over) in [(4, true), (6, true), (12, false), (13, false), (137, false)] {
            for state in ended(code) {
                let seen = agent().state_of(Some(&pod("Running", &state)), true);
                assert_eq!(matches!(seen, State::Over(_)), is_over, "{state}");
            }
        }
        let first = json!({"now": {"waiting": {"reason": "ContainerCreating"}}, "last": {}});
        for speaker in [agent(), guardian()] {
            assert!(matches!(speaker.state_of(Some(&pod("Running", &first)), false), State::Waits(_)));
        }
    }

    #[test]
    fn a_guardian_is_over_when_its_time_was_and_else_comes_again() {
        let seen = |phase: &str, state: &Value| guardian().state_of(Some(&pod(phase, state)), true);
        for state in ended(4) {
            assert!(matches!(seen("Running", &state), State::Ended(why) if why.contains("nothing came")));
        }
        for code in [10, 137] {
            assert!(ended(code).iter().all(|state| matches!(seen("Running", state), State::Waits(_))));
        }
        let evicted = seen("Failed", &ended(10)[0]);
        assert!(
            matches!(&evicted, State::Waits(what) if what.contains("Evicted") && what.contains("another"))
        );
        assert!(matches!(seen("Succeeded", &ended(0)[0]), State::Over(_)));
        assert!(matches!(seen("Running", &ended(0)[0]), State::Over(_)));
        assert!(matches!(guardian().state_of(None, true), State::Waits(what) if what.contains("gone")));
        assert!(matches!(agent().state_of(None, true), State::Over(_)));
    }

    #[test]
    fn of_several_pods_the_one_that_works_is_heard() {
        let with = |phase: &str, deleted: bool| {
            let mut pod = pod(phase, &json!({"now": {}, "last": {}}));
            pod.metadata.deletion_timestamp = deleted.then(|| "2026-01-31T12:00:00Z".to_owned());
            pod
        };
        let pods = [with("Running", true), with("Failed", false), with("Pending", false)];
        assert_eq!(pods.iter().min_by_key(|pod| rank(pod)).unwrap().status.phase, "Pending");
        assert!(rank(&pods[1]) < rank(&pods[0]));
    }
}
