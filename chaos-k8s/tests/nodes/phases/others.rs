//! Others die at each phase: an agent, its guardian, its container, the kubelet, the API server; with a controller that lives, and with
//! one that dies at the same moment.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chaos_core::Clock;
use chaos_core::units::{ms, secs};
use chaos_k8s::cluster::agents::Delivery;

use super::agents::{Found, agents, sweep};
use super::came::{felt, list};
use super::death::Phase;
use super::feeling::{Feeling, is_cut_off};
use super::life::{Life, Wanted};
use super::said::Said;
use super::together::Together;
use super::who::Who;
use crate::controller::Controller;
use crate::scene::{HERE, Part, Scene, all};
use crate::server::really;

const FAULTS: [Wanted; 3] =
    [Wanted::Cut(Delivery::NodePod), Wanted::Cut(Delivery::EphemeralContainer), Wanted::Stop];
/// How long the API server is away.
const AWAY: Duration = secs(5);

/// A fault, and what happens to it.
#[derive(Debug, Clone, Copy)]
struct Case {
    fault: Wanted,
    who: Who,
    phase: Phase,
    controller_dies: bool,
}

const OF_AN_AGENT: [Who; 3] = [Who::Agent, Who::Guardian, Who::Container];

/// Each death under one of the faults, and each fault in each phase.
pub(super) fn of_agents() {
    let of_each = 2 * Phase::ALL.len();
    let under =
        |(number, death): (usize, Case)| death.under(FAULTS[(number + number / of_each) % FAULTS.len()]);
    let cases: Vec<Case> = deaths(&OF_AN_AGENT).into_iter().enumerate().map(under).collect();
    really(async { of_all(Scene::new().await, &cases).await });
}

/// Each death under each of the faults.
pub(super) fn of_agents_with_each_fault() {
    for fault in FAULTS {
        let cases: Vec<Case> = deaths(&OF_AN_AGENT).into_iter().map(|death| death.under(fault)).collect();
        really(async { of_all(Scene::new().await, &cases).await });
    }
}

pub(super) fn of_the_kubelet() {
    of_what_they_have_in_common(Who::Kubelet);
}

pub(super) fn of_the_api_server() {
    of_what_they_have_in_common(Who::ApiServer);
}

fn of_what_they_have_in_common(who: Who) {
    let under = |fault| deaths(&[who]).into_iter().map(move |death| death.under(fault));
    let cases: Vec<Case> = FAULTS.into_iter().flat_map(under).collect();
    really(async { of_all(Scene::alone().await, &cases).await });
}

/// Of each of these, in each phase, with the controller and without.
fn deaths(who: &[Who]) -> Vec<Case> {
    let phases = who.iter().flat_map(|who| Phase::ALL.map(|phase| (*who, phase)));
    let cases = phases.flat_map(|(who, phase)| {
        [false, true].map(|controller_dies| Case { fault: FAULTS[0], who, phase, controller_dies })
    });
    cases.collect()
}

async fn of_all(scene: Scene, cases: &[Case]) {
    let (db, fronts) = tokio::join!(scene.part("db", HERE), scene.deployment("front", HERE, cases.len()));
    let db = format!("{}:8080", db.address);
    let together = Arc::new(Together::of(cases.len()));
    let lives = cases.iter().zip(fronts).map(|(case, front)| one(&scene, *case, front, &db, &together));
    let common = cases[0].who;
    let dying = async {
        if common.is_common() {
            together.until_each_phase_is_under_way().await;
            common.kill();
            Clock::real().sleep(AWAY).await;
            common.start();
        }
    };
    let (late, ()) = tokio::join!(all(lives), dying);
    let late: Vec<Option<Duration>> = late.into_iter().flatten().collect();
    let felt: Vec<Duration> = late.iter().copied().flatten().collect();
    println!(
        "{} deaths, the fault felt in {}: over {:.1?} after its deadline at the latest",
        late.len(),
        felt.len(),
        felt.iter().max().copied().unwrap_or_default()
    );
    assert!(
        late.len() * 4 >= cases.len() * 3,
        "only {} of {} deaths came in their phase",
        late.len(),
        cases.len()
    );
    scene.over().await;
}

/// How long after its deadline the fault was felt, if it was; none where its phase was over before the death came.
async fn one(
    scene: &Scene,
    case: Case,
    front: Part,
    db: &str,
    together: &Arc<Together>,
) -> Option<Option<Duration>> {
    let mut feeling = Feeling::new(async || match case.fault {
        Wanted::Stop => is_stopped(&front).await,
        _ => is_cut_off(&front, db).await,
    });
    let life = Life {
        waits: case.who.is_common().then_some(case.phase),
        ..Life::new(case.fault, scene.namespace(), &front.name, None)
    };
    let met = Arc::new(AtomicBool::new(false));
    let said = feeling.while_it_lives(Said::by(life, case.dies(together, &met))).await;
    let met = met.load(Ordering::SeqCst);
    assert!(!met || said.was_killed() == case.controller_dies, "{case}: {said}");
    let states = async || agents(scene, said.run(), &front.name).await;
    if said.is_clean() {
        assert!(!feeling.look().await, "{case}: felt when all was well: {said}");
        let lives = states().await.into_iter().find(|found| found.is_agent() && !found.has_ended());
        assert!(lives.is_none(), "{case}: {} when all was well: {said}", lives.unwrap());
    }
    let late = feeling.until_it_is_over(&said, async || states().await.iter().all(Found::has_ended)).await;
    let left: Vec<String> = states().await.iter().map(Found::to_string).collect();
    let came = if met { "" } else { "not met: " };
    println!("{came}{case}: {}; left: {}; {}", felt(late), list(&left), said.outcome());
    sweep(scene, said.run()).await;
    assert!(!feeling.look().await, "{case}: felt after a sweep");
    met.then_some(late)
}

/// Its process does not answer.
async fn is_stopped(front: &Part) -> bool {
    let clock = Clock::real();
    for _ in 0..2 {
        if clock.timeout(ms(700), front.try_get("/health")).await.is_ok_and(|answer| answer.is_ok()) {
            return false;
        }
    }
    true
}

impl Case {
    fn under(self, fault: Wanted) -> Self {
        Self { fault, ..self }
    }

    /// What happens when its controller has said this: who is to die does, in its phase.
    fn dies(
        self,
        together: &Arc<Together>,
        met: &Arc<AtomicBool>,
    ) -> impl FnMut(&str, &mut Controller) + Send + 'static {
        let (together, met, mut was_asked) = (Arc::clone(together), Arc::clone(met), false);
        move |line, controller| {
            let (word, rest) = line.split_once(": ").unwrap();
            if word == "waits" {
                together.wait();
                controller.go();
            }
            let Some(pod) = rest.strip_prefix(&format!("{:?}: ", self.phase)) else { return };
            if word != "asked" || std::mem::replace(&mut was_asked, true) {
                return;
            }
            together.is_under_way(self.phase);
            if self.controller_dies {
                controller.kill();
            }
            let has_died = self.who.is_common() || self.who.kill_in(pod, self.phase);
            met.store(has_died, Ordering::SeqCst);
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, who, phase, controller_dies } = self;
        let with = if *controller_dies { "dead with its controller" } else { "dead" };
        write!(f, "{fault:?}: {who:?} {with}, {phase:?}")
    }
}
