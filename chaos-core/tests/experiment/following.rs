//! A fault that follows its selection: what went is let go, what came is hit, and never more at once than the cap.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use chaos_core::injection::Following;
use chaos_core::report::TargetState;
use chaos_core::units::{ms, secs};
use chaos_core::{
    Approved, BlastRadius, Chaos, Clock, Error, Experiment, Fault, Ledger, Mode, NoUndo, Observed, Outcome,
    Owner, Plan, Report, Result, Selector, Target, Targets, Undo, Undos,
};
use serde::{Deserialize, Serialize};

use crate::scene::*;

/// A herd whose sheep come and go, and are painted.
#[derive(Debug, Clone, Default)]
struct Herd(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    sheep: BTreeMap<String, Sheep>,
    /// How many were painted at once at the most, and who was, one after the other.
    most: usize,
    painted: Vec<String>,
    /// How often one was let go.
    washed: usize,
    unlisted: bool,
    ledger: Option<Arc<Ledger>>,
}

#[derive(Debug, Clone, Default)]
struct Sheep {
    painted: bool,
    /// It cannot be looked at yet.
    young: bool,
    /// It has left the selection, and is there.
    strayed: bool,
}

impl Herd {
    fn of(names: &[&str]) -> Self {
        let herd = Self::default();
        names.iter().for_each(|name| herd.comes(name));
        herd
    }
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }
    fn comes(&self, name: &str) {
        self.lock().sheep.insert(name.to_owned(), Sheep::default());
    }
    fn goes(&self, name: &str) {
        self.lock().sheep.remove(name).unwrap();
    }
    fn with(&self, name: &str, change: impl FnOnce(&mut Sheep)) {
        change(self.lock().sheep.get_mut(name).unwrap());
    }
    fn painted(&self) -> Vec<String> {
        let inner = self.lock();
        inner.sheep.iter().filter(|(_, sheep)| sheep.painted).map(|(name, _)| name.clone()).collect()
    }
    fn selected(&self) -> Targets<Name> {
        let herd = self.clone();
        let list = move || {
            let inner = herd.lock();
            let sheep = inner.sheep.iter().filter(|(_, sheep)| !sheep.strayed);
            let names = sheep.map(|(name, _)| Name(name.clone())).collect();
            std::future::ready(match inner.unlisted {
                true => Err(Error::failed("the shepherd sleeps")),
                false => Ok(names),
            })
        };
        Targets::listed_by("the herd", list, Selector::all())
    }
}

#[derive(Debug, Clone)]
struct Name(String);

impl Target for Name {
    const UNIT: &'static str = "animal";
    fn id(&self) -> String {
        self.0.clone()
    }
}

#[derive(Debug)]
struct Paint {
    herd: Herd,
    /// At these it fails, half done.
    fails_at: &'static [&'static str],
    takes: Duration,
}

#[derive(Debug, Serialize, Deserialize)]
struct Wash(String);

impl Undo for Wash {
    const KIND: &'static str = "test/wash/1";
    type Via = Herd;
    async fn revert(&self, herd: &Herd) -> Result<()> {
        let mut inner = herd.lock();
        inner.washed += 1;
        inner.sheep.get_mut(&self.0).into_iter().for_each(|sheep| sheep.painted = false);
        Ok(())
    }
    async fn is_gone(&self, herd: &Herd) -> Result<bool> {
        Ok(!herd.lock().sheep.get(&self.0).is_some_and(|sheep| sheep.painted))
    }
}

impl Fault for Paint {
    type Target = Name;
    type Undo = Wash;
    fn describe(&self) -> String {
        "paint".to_owned()
    }
    fn via<'a>(&'a self, _: &'a Name) -> &'a Herd {
        &self.herd
    }
    fn takes_at_most(&self) -> Duration {
        secs(300)
    }
    async fn prepare(&self, name: &Name) -> Result<Plan<Wash>> {
        match self.herd.lock().sheep.get(&name.0) {
            None => Err(Error::refused("it is gone")),
            Some(sheep) if sheep.young => Err(Error::refused("it is too young")),
            Some(_) => Ok(Plan::reversible("paints it", Wash(name.0.clone())).owned_by(Owner::Sweep)),
        }
    }
    async fn inject(&self, name: &Approved<Name>, _: &Wash) -> Result<()> {
        {
            let mut inner = self.herd.lock();
            if let Some(ledger) = &inner.ledger {
                let open = ledger.open_entries();
                assert!(open.iter().any(|(_, entry)| entry.target() == name.0), "{name:?} is not recorded");
            }
            let sheep = inner.sheep.get_mut(&name.0).ok_or_else(|| Error::failed("it is gone"))?;
            sheep.painted = true;
            let now = inner.sheep.values().filter(|sheep| sheep.painted).count();
            inner.most = inner.most.max(now);
            inner.painted.push(name.0.clone());
        }
        Clock::auto().sleep(self.takes).await;
        if self.fails_at.contains(&name.0.as_str()) { Err(Error::failed("it kicks")) } else { Ok(()) }
    }
    async fn observe(&self, name: &Name, _: &Wash) -> Result<Observed> {
        Ok(match self.herd.lock().sheep.get(&name.0) {
            None => Observed::absent("it is gone"),
            Some(sheep) if sheep.painted => Observed::in_force("painted"),
            Some(_) => Observed::absent("it is white"),
        })
    }
}

fn paint(herd: &Herd) -> Paint {
    Paint { herd: herd.clone(), fails_at: &[], takes: Duration::ZERO }
}

fn every_second() -> Following {
    Following::every(secs(1)).unwrap()
}

fn count(count: u32) -> BlastRadius {
    BlastRadius::count(count).unwrap()
}

/// An experiment of 60 s beside which `happens` does; nobody is painted after it, and nothing is in its ledger.
async fn run(
    herd: &Herd,
    step: impl Into<chaos_core::experiment::Step>,
    radius: BlastRadius,
    happens: impl Future<Output = ()>,
) -> Report {
    let ledger = Arc::new(Ledger::in_memory(Undos::none().with::<Wash>(herd.clone()).unwrap()));
    herd.lock().ledger = Some(Arc::clone(&ledger));
    let run = Experiment::new(&Chaos::seeded(7), "the herd grazes on")
        .steady_state(always())
        .fault(step)
        .blast_radius(radius)
        .lasting(secs(60))
        .ledger(Arc::clone(&ledger))
        .run();
    let (report, ()) = tokio::join!(run, happens);
    let report = report.unwrap();
    assert_eq!(herd.painted(), [""; 0], "{report}");
    assert_eq!(ledger.open_entries().len(), 0);
    herd.lock().ledger = None;
    report
}

async fn pass(time: Duration) {
    Clock::auto().sleep(time).await;
}

fn marks(report: &Report) -> Vec<(u64, &str)> {
    report.marks.iter().map(|mark| (mark.at.as_secs(), mark.text.as_str())).collect()
}

#[tokio::test(start_paused = true)]
async fn one_that_comes_is_hit_in_the_place_of_one_that_went() {
    let herd = Herd::of(&["a", "b", "c", "d"]);
    let mut after = Vec::new();
    let report =
        run(&herd, paint(&herd).on(herd.selected(), Mode::ALL).following(every_second()), count(4), async {
            pass(ms(5_500)).await;
            herd.goes("b");
            herd.comes("e");
            herd.comes("f");
            pass(secs(2)).await;
            after = herd.painted();
        })
        .await;
    assert!(report.held(), "{report}");
    // One of the two that came, by the dice, and never five at once.
    assert_eq!(after.len(), 4);
    assert!(["a", "c", "d"].iter().all(|old| after.iter().any(|now| now == old)), "{after:?}");
    assert_eq!(herd.lock().most, 4);
    let [.., new] = &herd.lock().painted[..] else { panic!() };
    assert!(["e", "f"].contains(&new.as_str()));
    assert!(marks(&report).contains(&(6, "paint: gone with b")), "{report}");
    assert!(marks(&report).contains(&(6, format!("paint: injected at {new}").as_str())), "{report}");
    let step = &report.steps[0];
    assert_eq!(step.achieved, "5 of 5 animals seen in force");
    assert!(step.targets.iter().all(|target| target.state == TargetState::Reverted), "{report}");
}

#[tokio::test(start_paused = true)]
async fn without_it_a_fault_stays_with_what_it_began_with() {
    let herd = Herd::of(&["a"]);
    let report = run(&herd, paint(&herd).on(herd.selected(), Mode::ALL), count(4), async {
        pass(secs(5)).await;
        herd.goes("a");
        herd.comes("a2");
        pass(secs(20)).await;
        assert_eq!(herd.painted(), [""; 0]);
    })
    .await;
    assert!(report.steps[0].achieved.ends_with("seen in force"), "{report}");
    assert_eq!(herd.lock().painted, ["a"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_lost_the_fault_is_hit_again_after_two_looks() {
    let herd = Herd::of(&["a", "b"]);
    let report =
        run(&herd, paint(&herd).on(herd.selected(), Mode::ALL).following(every_second()), count(2), async {
            pass(ms(5_500)).await;
            herd.with("a", |sheep| sheep.painted = false);
            pass(secs(1)).await;
            assert_eq!(herd.painted(), ["b"], "one look may be a mistake");
            pass(secs(1)).await;
            assert_eq!(herd.painted(), ["a", "b"]);
        })
        .await;
    assert!(report.held(), "{report}");
    assert!(marks(&report).contains(&(7, "paint: lost by a")), "{report}");
    assert!(marks(&report).contains(&(7, "paint: injected at a")), "{report}");
    assert_eq!(report.steps[0].targets.len(), 3);
    assert_eq!(herd.lock().washed, 3, "let go once, and the two at the end");
}

#[tokio::test(start_paused = true)]
async fn one_that_strayed_stays_under_fault_and_keeps_its_place() {
    let herd = Herd::of(&["a"]);
    let report =
        run(&herd, paint(&herd).on(herd.selected(), Mode::ALL).following(every_second()), count(1), async {
            pass(secs(5)).await;
            herd.with("a", |sheep| sheep.strayed = true);
            herd.comes("b");
            pass(secs(5)).await;
            assert_eq!(herd.painted(), ["a"]);
            herd.goes("a");
            pass(secs(2)).await;
            assert_eq!(herd.painted(), ["b"]);
        })
        .await;
    assert!(report.steps[0].achieved.ends_with("seen in force"), "{report}");
    assert_eq!(herd.lock().most, 1);
}

#[tokio::test(start_paused = true)]
async fn a_share_is_of_the_herd_as_it_is() {
    let herd = Herd::of(&["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]);
    let half = BlastRadius::percent(50).unwrap();
    let report = run(
        &herd,
        paint(&herd).on(herd.selected(), Mode::ALL).following(every_second().at_most(100).unwrap()),
        half,
        async {
            pass(secs(5)).await;
            let first = herd.painted();
            assert_eq!(first.len(), 5);
            // Of the flock that comes nobody can be hit yet; more than half of the first ones may be, for it is half of all.
            let flock: Vec<String> = (0..30).map(|number| format!("of the flock {number}")).collect();
            for name in &flock {
                herd.comes(name);
                herd.with(name, |sheep| sheep.young = true);
            }
            pass(secs(2)).await;
            assert_eq!(herd.painted().len(), 10, "all of the first ones");
            flock.iter().for_each(|name| herd.with(name, |sheep| sheep.young = false));
            pass(secs(2)).await;
            assert_eq!(herd.painted().len(), 20, "half of forty");
            // Fewer: those that are painted stay so, and nobody is added until it is less than half again.
            let white: Vec<String> = {
                let inner = herd.lock();
                inner.sheep.iter().filter(|(_, sheep)| !sheep.painted).map(|(name, _)| name.clone()).collect()
            };
            white.iter().take(10).for_each(|name| herd.goes(name));
            pass(secs(3)).await;
            assert_eq!((herd.painted().len(), herd.lock().painted.len()), (20, 20), "of thirty");
            herd.painted().iter().take(6).for_each(|name| herd.goes(name));
            pass(secs(3)).await;
            assert_eq!((herd.painted().len(), herd.lock().painted.len()), (14, 20), "of twenty-four");
            herd.comes("k");
            herd.painted().iter().take(4).for_each(|name| herd.goes(name));
            pass(secs(3)).await;
            assert_eq!((herd.painted().len(), herd.lock().painted.len()), (10, 20), "half of twenty-one");
            herd.comes("l");
            pass(secs(3)).await;
            assert_eq!((herd.painted().len(), herd.lock().painted.len()), (11, 21), "half of twenty-two");
        },
    )
    .await;
    assert!(report.steps[0].achieved.ends_with("seen in force"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn how_often_in_all_is_bounded() {
    let herd = Herd::of(&["a"]);
    let following = every_second().at_most(3).unwrap();
    let report =
        run(&herd, paint(&herd).on(herd.selected(), Mode::ONE).following(following), count(1), async {
            pass(ms(500)).await;
            for _ in 0..20 {
                herd.with("a", |sheep| sheep.painted = false);
                pass(secs(2)).await;
            }
        })
        .await;
    assert_eq!(herd.lock().painted.len(), 3);
    assert!(report.notes.iter().any(|note| note.contains("injected 3 times in all")), "{report}");

    let herd = Herd::of(&["a"]);
    let report =
        run(&herd, paint(&herd).on(herd.selected(), Mode::ONE).following(every_second()), count(1), async {
            for _ in 0..58 {
                pass(secs(1)).await;
                herd.with("a", |sheep| sheep.painted = false);
            }
        })
        .await;
    assert!(report.steps[0].achieved.ends_with("seen in force"), "{report}");
    assert_eq!(herd.lock().painted.len(), 10, "ten times, where nothing is said");
}

#[tokio::test(start_paused = true)]
async fn one_that_cannot_be_hit_now_leaves_its_place_and_is_tried_again() {
    let herd = Herd::of(&["a"]);
    let report =
        run(&herd, paint(&herd).on(herd.selected(), Mode::ALL).following(every_second()), count(2), async {
            pass(secs(5)).await;
            herd.comes("b");
            herd.comes("never");
            for name in ["b", "never"] {
                herd.with(name, |sheep| sheep.young = true);
            }
            pass(secs(5)).await;
            assert_eq!(herd.painted(), ["a"]);
            herd.with("b", |sheep| sheep.young = false);
            pass(secs(2)).await;
            assert_eq!(herd.painted(), ["a", "b"]);
            herd.goes("b");
        })
        .await;
    assert!(report.held(), "{report}");
    assert!(report.notes.iter().any(|note| note == "paint: never was not hit: it is too young"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn one_at_which_it_fails_is_taken_back_and_the_others_go_on() {
    let herd = Herd::of(&["a"]);
    let kicks = Paint { fails_at: &["k"], ..paint(&herd) };
    let following = every_second().at_most(4).unwrap();
    let report = run(&herd, kicks.on(herd.selected(), Mode::ALL).following(following), count(3), async {
        pass(ms(5_500)).await;
        herd.comes("k");
        pass(secs(10)).await;
        assert_eq!(herd.painted(), ["a"]);
    })
    .await;
    assert!(report.held(), "{report}");
    // Again and again, within the bound.
    assert_eq!(herd.lock().painted, ["a", "k", "k", "k"]);
    assert!(report.notes.iter().any(|note| note == "paint: k: could not be injected: it kicks"), "{report}");
    assert_eq!(report.steps[0].targets[1].state, TargetState::Unseen);
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_at_the_end_is_cut_off_and_taken_back() {
    let herd = Herd::of(&[]);
    herd.comes("a");
    let slow = Paint { takes: secs(40), ..paint(&herd) };
    let begun = Clock::auto().now();
    // In force at 40 s; the next one would be at 40 + 61, which is after the end at 100 s.
    let report = run(&herd, slow.on(herd.selected(), Mode::ALL).following(every_second()), count(2), async {
        pass(secs(80)).await;
        herd.comes("b");
        pass(secs(5)).await;
        assert_eq!(herd.painted(), ["a", "b"]);
    })
    .await;
    assert_eq!(begun.elapsed().as_secs(), 100);
    assert!(report.held(), "{report}");
    let states: Vec<TargetState> = report.steps[0].targets.iter().map(|target| target.state).collect();
    assert_eq!(states, [TargetState::Reverted, TargetState::Unseen]);
    assert!(report.notes.iter().any(|note| note.contains("b: could not be injected: cut off")), "{report}");
    assert_eq!(herd.lock().washed, 2);
}

#[tokio::test(start_paused = true)]
async fn an_abort_ends_it_at_once() {
    let herd = Herd::of(&["a"]);
    let begun = Clock::auto().now();
    let experiment = Experiment::new(&Chaos::seeded(7), "the herd grazes on")
        .fault(paint(&herd).on(herd.selected(), Mode::ALL).following(every_second()))
        .blast_radius(count(2))
        .lasting(secs(60))
        .ledger(Ledger::in_memory(Undos::none().with::<Wash>(herd.clone()).unwrap()));
    let abort = experiment.abort_handle();
    let stop = async {
        pass(ms(4_200)).await;
        abort.abort("enough");
    };
    let (report, ()) = tokio::join!(experiment.run(), stop);
    assert_eq!(report.unwrap().outcome, Outcome::Aborted);
    assert!(begun.elapsed() < secs(5), "{:?}", begun.elapsed());
    herd.comes("b");
    pass(secs(5)).await;
    assert_eq!(herd.painted(), [""; 0], "nobody follows any more");
}

#[tokio::test(start_paused = true)]
async fn a_selection_that_cannot_be_looked_up_changes_nothing_and_is_said() {
    let herd = Herd::of(&["a"]);
    let report =
        run(&herd, paint(&herd).on(herd.selected(), Mode::ALL).following(every_second()), count(2), async {
            pass(ms(1_500)).await;
            herd.lock().unlisted = true;
            herd.comes("b");
            pass(secs(3)).await;
            assert_eq!(herd.painted(), ["a"]);
            herd.lock().unlisted = false;
            pass(secs(1)).await;
            assert_eq!(herd.painted(), ["a", "b"]);
        })
        .await;
    assert!(report.held(), "{report}");
    let said = report.notes.iter().filter(|note| note.contains("the shepherd sleeps")).count();
    assert_eq!(said, 1, "{report}");
}

/// A fault that cannot be undone: each that comes is hit once, and frees its place with its end.
#[derive(Debug)]
struct Sell(Herd);

impl Fault for Sell {
    type Target = Name;
    type Undo = NoUndo;
    fn describe(&self) -> String {
        "sell".to_owned()
    }
    fn via<'a>(&'a self, _: &'a Name) -> &'a () {
        &()
    }
    async fn prepare(&self, _: &Name) -> Result<Plan<NoUndo>> {
        Ok(Plan::irreversible("sells it"))
    }
    async fn inject(&self, name: &Approved<Name>, _: &NoUndo) -> Result<()> {
        self.0.goes(&name.0);
        self.0.lock().painted.push(name.0.clone());
        Ok(())
    }
    async fn observe(&self, name: &Name, _: &NoUndo) -> Result<Observed> {
        Ok(match self.0.lock().sheep.contains_key(&name.0) {
            true => Observed::absent("it is there"),
            false => Observed::in_force("sold"),
        })
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_undone_is_done_to_each_that_comes() {
    let herd = Herd::of(&["a"]);
    let following = every_second().at_most(4).unwrap();
    let report =
        run(&herd, Sell(herd.clone()).on(herd.selected(), Mode::ONE).following(following), count(1), async {
            for name in ["b", "c", "d", "e", "f"] {
                pass(secs(4)).await;
                herd.comes(name);
            }
        })
        .await;
    assert!(report.held(), "{report}");
    assert_eq!(herd.lock().painted, ["a", "b", "c", "d"]);
    assert!(
        report.steps[0].targets.iter().all(|target| target.state == TargetState::Irreversible),
        "{report}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_plan_says_how_many_at_once_and_how_often_in_all() {
    let herd = Herd::of(&["a", "b", "c", "d"]);
    let plan = |following, radius| {
        let herd = herd.clone();
        async move {
            Experiment::new(&Chaos::seeded(7), "x")
                .fault(paint(&herd).on(herd.selected(), Mode::ALL).following(following))
                .blast_radius(radius)
                .ledger(Ledger::in_memory(Undos::none().with::<Wash>(herd.clone()).unwrap()))
                .plan()
                .await
                .unwrap()
        }
    };
    let said = plan(every_second(), count(2)).await;
    let text = said.to_string();
    assert!(
        text.contains(
            "follows its selection: looks every 1s: 2 animals at once, injected 20 times in all at the most"
        ),
        "{text}"
    );
    let refused = plan(every_second().at_most(3).unwrap(), count(4)).await;
    assert!(refused.refusal().unwrap().contains("begins with 4 targets"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn wrong_arguments_and_one_held_by_hand_are_refused() {
    assert!(Following::every(ms(99)).unwrap_err().is_invalid());
    assert!(every_second().at_most(0).unwrap_err().is_invalid());
    let herd = Herd::of(&["a"]);
    let on = paint(&herd).on(herd.selected(), Mode::ALL).following(Following::default());
    let error = Chaos::seeded(7).inject(on, count(1)).begin().await.unwrap_err();
    assert!(error.is_invalid() && error.to_string().contains("held by hand"), "{error}");
    assert_eq!(herd.painted(), [""; 0]);
}
