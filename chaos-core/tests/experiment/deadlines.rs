//! How long a fault may last is told to it, for effects that end by themselves.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chaos_core::injection::MARGIN;
use chaos_core::units::{ms, secs};
use chaos_core::{
    Approved, Chaos, Clock, Error, Experiment, Fault, Mode, Observed, Owner, Plan, Result, Target, Targets,
    Undo,
};
use serde::{Deserialize, Serialize};

use crate::scene::*;

#[derive(Debug, Clone)]
struct Lamp(&'static str);

impl Target for Lamp {
    const UNIT: &'static str = "lamp";
    fn id(&self) -> String {
        self.0.to_owned()
    }
}

/// What was told: which lamp, by what call, for how long.
type Told = Arc<Mutex<Vec<(&'static str, &'static str, Option<Duration>)>>>;

/// Its effect would be in a machine with a clock of its own.
#[derive(Debug)]
struct Dark {
    told: Told,
    slow: Duration,
    over: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Light;

impl Undo for Light {
    const KIND: &'static str = "test/light/1";
    type Via = ();
    async fn revert(&self, (): &()) -> Result<()> {
        Ok(())
    }
    async fn is_gone(&self, (): &()) -> Result<bool> {
        Ok(true)
    }
}

impl Fault for Dark {
    type Target = Lamp;
    type Undo = Light;
    fn via<'a>(&'a self, _: &'a Lamp) -> &'a () {
        &()
    }
    async fn prepare(&self, _: &Lamp) -> Result<Plan<Light>> {
        Ok(Plan::reversible("goes dark", Light).owned_by(Owner::Process))
    }
    async fn inject(&self, lamp: &Approved<Lamp>, _: &Light) -> Result<()> {
        self.told.lock().unwrap().push((lamp.0, "inject", lamp.lasting()));
        Clock::auto().sleep(self.slow).await;
        Ok(())
    }
    async fn extend(&self, lamp: &Approved<Lamp>, _: &Light) -> Result<()> {
        self.told.lock().unwrap().push((lamp.0, "extend", lamp.lasting()));
        if self.over { Err(Error::failed("it is light already")) } else { Ok(()) }
    }
    async fn observe(&self, _: &Lamp, _: &Light) -> Result<Observed> {
        Ok(Observed::in_force("dark"))
    }
}

fn lamps() -> Targets<Lamp> {
    Targets::these(vec![Lamp("hall"), Lamp("stairs")]).unwrap()
}

fn dark() -> (Told, Dark) {
    let told = Told::default();
    (Arc::clone(&told), Dark { told, slow: Duration::ZERO, over: false })
}

fn sorted(told: &Told) -> Vec<(&'static str, &'static str, Option<Duration>)> {
    let mut told = told.lock().unwrap().clone();
    told.sort_by_key(|(lamp, call, _)| (*call == "extend", *lamp));
    told
}

#[tokio::test(start_paused = true)]
async fn an_experiment_tells_how_long_each_step_lasts() {
    let (told, fault) = dark();
    let report = Experiment::new(&Chaos::seeded(7), "x")
        .steady_state(always())
        .fault(fault.on(lamps(), Mode::ALL).lasting(secs(2)))
        .blast_radius(all())
        .lasting(secs(60))
        .run()
        .await
        .unwrap();
    assert!(report.held(), "{report}");
    let lasting = Some(secs(2) + MARGIN);
    assert_eq!(sorted(&told), [("hall", "inject", lasting), ("stairs", "inject", lasting)]);
}

#[tokio::test(start_paused = true)]
async fn one_held_by_hand_is_told_what_was_said_and_each_change() {
    let (told, fault) = dark();
    let chaos = Chaos::seeded(7);
    let held = chaos.inject(fault.on(lamps(), Mode::ALL), all()).begin().await.unwrap();
    assert_eq!(sorted(&told), [("hall", "inject", None), ("stairs", "inject", None)]);
    held.extend(secs(30)).await.unwrap();
    let lasting = Some(secs(30) + MARGIN);
    assert_eq!(sorted(&told)[2..], [("hall", "extend", lasting), ("stairs", "extend", lasting)]);
    held.revert().await.unwrap();

    let (told, fault) = dark();
    let ends = Dark { over: true, ..fault };
    let on = ends.on(Targets::one(Lamp("hall")), Mode::ALL).lasting(ms(300));
    let held = chaos.inject(on, all()).begin().await.unwrap();
    assert_eq!(sorted(&told), [("hall", "inject", Some(ms(300) + MARGIN))]);
    let error = held.extend(secs(1)).await.unwrap_err();
    assert!(error.to_string().contains("hall") && error.chain().contains("light already"), "{error}");
    held.revert().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn when_the_injects_took_long_those_before_are_told_again() {
    let (told, fault) = dark();
    let slow = Dark { slow: MARGIN, ..fault };
    let step = slow.on(lamps(), Mode::ALL).lasting(secs(2));
    let held = Chaos::seeded(7).inject(step, all()).begin().await.unwrap();
    let lasting = Some(secs(2) + MARGIN);
    assert_eq!(sorted(&told)[2..], [("hall", "extend", lasting), ("stairs", "extend", lasting)]);
    held.revert().await.unwrap();
}

/// A guardian comes after what ends by itself.
#[cfg(feature = "guardian")]
#[tokio::test(start_paused = true)]
async fn the_margin_is_half_of_the_guardians() {
    let (told, fault) = dark();
    let guardian = chaos_core::Guardian::of_program("/bin/true").margin(secs(3));
    let on = fault.on(Targets::one(Lamp("hall")), Mode::ALL);
    let held = Chaos::seeded(7).inject(on, all()).guardian(guardian, secs(20)).begin().await.unwrap();
    assert_eq!(sorted(&told), [("hall", "inject", Some(ms(21_500)))]);
    held.revert().await.unwrap();
}
