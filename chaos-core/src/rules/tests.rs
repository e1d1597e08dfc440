//! What a file may say, what it may not, and that a set is armed as a whole.

use serde_json::{Value, json};

use super::RuleSet;
use crate::chaos::Chaos;
use crate::error::{Error, Result};
use crate::point::{Abilities, Matcher, Operation, Point, Step};
use crate::units::secs;

struct Commit {
    table: &'static str,
}

impl Step for Commit {
    const NAME: &'static str = "commit";
    type Error = String;

    fn error_named(text: &str) -> Option<String> {
        (text == "disk full").then(|| text.to_owned())
    }

    fn matcher_named(text: &str) -> Option<Matcher<Self>> {
        let table = text.strip_prefix("table ")?.to_owned();
        Some(Matcher::new(text, move |commit: &Commit| commit.table == table))
    }
}

fn setup() -> (Chaos, Point<Commit>) {
    let chaos = Chaos::seeded(7);
    let orders = chaos.point::<Commit>("orders").unwrap();
    (chaos, orders)
}

fn set(rules: Value) -> Result<RuleSet> {
    RuleSet::from_value(json!({"version": 1, "rules": rules}))
}

fn refusal(rules: Value) -> String {
    let (chaos, orders) = setup();
    let err = set(rules).and_then(|set| chaos.arm_rules(&set).map(drop)).unwrap_err();
    assert!(err.is_invalid(), "{err}");
    assert!(orders.is_off());
    err.to_string()
}

fn failed(orders: &Point<Commit>, table: &'static str) -> bool {
    orders.pass_blocking(&Commit { table }).is_err()
}

#[test]
fn a_rule_may_say_everything_at_once() {
    let (chaos, orders) = setup();
    let rules = set(json!([{
        "point": "orders", "name": "full", "when": "table orders", "probability": 1, "nth": "2..10+2",
        "budget": 2, "at_once": 1, "window": "0s..1h", "effect": {"error": "disk full"},
    }]))
    .unwrap();
    let armed = chaos.arm_rules(&rules).unwrap();
    assert_eq!((armed[0].point(), armed[0].label()), ("orders", "full"));

    assert!(!failed(&orders, "users"));
    let hits: Vec<bool> = (1..=10).map(|_| failed(&orders, "orders")).collect();
    assert_eq!(hits, [false, true, false, true, false, false, false, false, false, false]);
    let stats = armed[0].stats();
    assert_eq!((stats.matching, stats.hits, stats.capped), (10, 2, 3));
}

#[test]
fn the_short_forms_of_an_occurrence() {
    for (field, expected) in [("first", [1, 1, 0, 0, 0]), ("every", [0, 1, 0, 1, 0])] {
        let (chaos, orders) = setup();
        let rules = set(json!([{"point": "orders", field: 2, "effect": {"error": "disk full"}}])).unwrap();
        let _armed = chaos.arm_rules(&rules).unwrap();
        assert_eq!([(); 5].map(|()| u8::from(failed(&orders, "orders"))), expected, "{field}");
    }
}

#[tokio::test(start_paused = true)]
async fn delays_windows_and_what_a_revert_does_to_them() {
    let (chaos, orders) = setup();
    let rules = set(json!([
        {"point": "orders", "window": "5s..30s", "delay": "50ms"},
        {"point": "orders", "window": "10s..", "delay_after": "7ms", "finish_delays": true},
        {"point": "orders", "window": "..1s", "delay": "1ms"},
    ]))
    .unwrap();
    let armed = chaos.arm_rules(&rules).unwrap();
    let mut added = Vec::new();
    for (at, next) in [(0, 5), (5, 5), (10, 20), (30, 0)] {
        let hit = orders.decide(&Commit { table: "orders" }, Abilities::NONE).unwrap();
        added.push((at, hit.added().as_millis()));
        tokio::time::advance(secs(next)).await;
    }
    assert_eq!(added, [(0, 1), (5, 50), (10, 57), (30, 7)]);
    assert_eq!(armed[1].label(), "delay after 7ms, from 10s on");
}

#[test]
fn a_delay_may_be_a_distribution() {
    let (chaos, orders) = setup();
    let normal = json!({"normal": {"mean": "50ms", "sd": "10ms"}, "correlation": 0.3, "ceiling": "80ms"});
    let rules = set(json!([{"point": "orders", "delay": normal}])).unwrap();
    let _armed = chaos.arm_rules(&rules).unwrap();
    let added: Vec<_> = (0..200)
        .map(|_| orders.decide(&Commit { table: "orders" }, Abilities::NONE).unwrap().added().as_secs_f64())
        .collect();
    let mean = added.iter().sum::<f64>() / 200.0;
    assert!((0.045..0.055).contains(&mean), "{mean}");
    assert!(added.iter().any(|delay| *delay != added[0]) && added.iter().all(|delay| *delay <= 0.08));
}

#[test]
fn what_is_wrong_is_named_with_its_path() {
    let effect = json!({"error": "disk full"});
    let with = |field: &str, value: Value| {
        let mut rule = json!({"point": "orders", "effect": effect});
        rule[field] = value;
        refusal(json!([rule]))
    };
    let says = |text: String, expected: &str| assert!(text.starts_with(expected), "{text}");
    says(
        with("probability", json!(30)),
        "rules[0].probability: probability 30 is not in 0..=1: for 30 % write 0.3",
    );
    says(with("nth", json!("9..2")), "rules[0].nth: operations 9..2 run backwards");
    says(with("nth", json!("x")), "rules[0].nth: occurrence \"x\" is not");
    says(with("first", json!(0)), "rules[0].first: the first 0 operations are none");
    says(with("every", json!(0)), "rules[0].every: every 0th operation is none");
    says(with("every", json!(-3)), "rules[0].every: invalid value: integer `-3`");
    says(with("budget", json!(0)), "rules[0].budget: a budget of 0 hits never hits");
    says(with("at_once", json!(0)), "rules[0].at_once: 0 operations at once is not in");
    says(with("window", json!("30s..5s")), "rules[0].window: window 30s..5s is empty");
    says(with("window", json!("..")), "rules[0].window: window \"..\" is not a stretch of time");
    says(with("window", json!("5s")), "rules[0].window: window \"5s\" is not a stretch of time");
    says(with("window", json!("5..9")), "rules[0].window: duration \"5\": time unit needed");
    says(with("name", json!("")), "rules[0].name: a rule needs a name that is not empty");
    says(with("when", json!("over 100 rows")), "rules[0].when: \"over 100 rows\" is not a matcher");
    says(with("effect", json!({"error": "no such"})), "rules[0].effect: \"no such\" is not an error");
    says(with("effect", json!("explode")), "rules[0].effect: \"explode\" is not");
    says(with("effect", json!(null)), "rules[0]: nothing would happen: say one of");
    says(with("delay", json!("5ms")), "rules[0]: say only one of delay, delay_after and effect");
    says(with("finish_delays", json!(true)), "rules[0].finish_delays: an effect has no delay to finish");
    says(with("probabilty", json!(0.3)), "rules[0].probabilty: unknown field `probabilty`");
    says(with("point", json!("")), "rules[0].point: a point needs a name that is not empty");
    says(
        refusal(json!([{"point": "orders", "first": 2, "every": 3, "delay": "5ms"}])),
        "rules[0].every: operations 1..2 are chosen already",
    );
    says(
        refusal(json!([{"point": "orders", "delay": "5"}])),
        "rules[0].delay: duration \"5\": time unit needed",
    );
    says(refusal(json!([{"point": "orders", "delay_after": []}])), "rules[0].delay_after: ");
    says(refusal(json!([{"delay": "5ms"}])), "rules[0]: missing field `point`");
}

#[test]
fn what_is_wrong_with_the_document() {
    let err = |text: &str| RuleSet::from_json(text).unwrap_err().to_string();
    assert!(err("{").contains("EOF while parsing"), "{}", err("{"));
    assert!(
        err(r#"{"version": 2, "rules": []}"#).starts_with("version: version 2 of the rules is not known")
    );
    assert!(err(r#"{"rules": []}"#).contains("missing field `version`"));
    assert!(err(r#"{"version": 1, "rules": [], "x": 1}"#).contains("unknown field `x`"));
    assert!(err(r#"{"version": 1, "rules": []} 5"#).starts_with("after the rules: "));
    // A field said twice is a mistake, not the last word.
    let twice = r#"{"version": 1, "rules": [{"point": "a", "first": 1, "first": 9, "delay": "5ms"}]}"#;
    assert!(err(twice).contains("duplicate field `first`"), "{}", err(twice));
    assert!(RuleSet::from_json(r#"{"version": 1, "rules": []}"#).unwrap().is_empty());
}

#[test]
fn a_point_that_does_not_exist_lists_those_that_do() {
    let err = refusal(json!([{"point": "ordres", "delay": "5ms"}]));
    assert_eq!(
        err,
        "rules[0].point: no point is called \"ordres\" (there are \"orders\"): attach or create it first"
    );
    let none = Chaos::seeded(7).arm_rules(&set(json!([{"point": "x", "delay": "5ms"}])).unwrap());
    assert!(none.unwrap_err().to_string().contains("there are none yet"));
}

#[test]
fn a_mistake_in_the_last_rule_arms_none() {
    let (chaos, orders) = setup();
    let mut events = chaos.subscribe(8).unwrap();
    let rules =
        set(json!([{"point": "orders", "delay": "5ms"}, {"point": "orders", "effect": "explode"}])).unwrap();
    let err = chaos.arm_rules(&rules).unwrap_err();
    assert!(err.to_string().starts_with("rules[1].effect: "), "{err}");
    assert!(orders.is_off());
    assert_eq!(events.try_recv(), None, "nothing was armed, not even for a moment");
}

/// An operation whose one effect needs an error of the caller's.
struct Call;

impl Operation for Call {
    const NAME: &'static str = "call";
    type View<'a> = ();
    type Effect = &'static str;

    fn needs(_: &&'static str) -> Abilities {
        Abilities::ERROR
    }

    fn parse_effect(_: &Value) -> Result<&'static str> {
        Ok("fails")
    }
}

#[test]
fn an_effect_that_nothing_there_can_carry_out_is_refused_before_arming() {
    let (chaos, orders) = setup();
    let calls = chaos.point::<Call>("calls").unwrap();
    let _attached = calls.attach(Abilities::NONE);
    let rules = set(json!([{"point": "orders", "delay": "5ms"}, {"point": "calls", "effect": 1}])).unwrap();
    let err: Error = chaos.arm_rules(&rules).unwrap_err();
    assert!(err.is_refused());
    assert!(err.to_string().starts_with("rules[1].effect: "), "{err}");
    assert!(orders.is_off() && calls.is_off());

    let no_words = set(json!([{"point": "calls", "when": 1, "effect": 1}])).unwrap();
    let err = chaos.arm_rules(&no_words).unwrap_err();
    assert!(err.to_string().contains("a call has no matchers that can be written as data"), "{err}");
}

#[test]
fn guards_revert_by_hand_by_drop_and_by_the_handle() {
    let (chaos, orders) = setup();
    let rules = set(json!([
        {"point": "orders", "name": "a", "effect": {"error": "disk full"}},
        {"point": "orders", "name": "b", "effect": {"error": "disk full"}},
    ]))
    .unwrap();
    let armed = chaos.arm_rules(&rules).unwrap();
    assert!(failed(&orders, "orders"));
    armed[0].revert();
    armed[0].revert();
    assert!(armed[0].is_reverted() && !armed[1].is_reverted());
    assert!(failed(&orders, "orders"));
    assert_eq!((armed[0].hits(), armed[1].hits()), (1, 1));
    drop(armed);
    assert!(orders.is_off());

    let armed = chaos.arm_rules(&rules).unwrap();
    chaos.revert_all();
    assert!(armed.iter().all(super::ArmedRule::is_reverted));
    assert!(!failed(&orders, "orders"));
}
