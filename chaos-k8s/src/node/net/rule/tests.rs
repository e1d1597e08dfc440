use chaos_core::Percent;
use chaos_core::units::{ms, secs};
use serde_json::{from_str, json, to_string, to_value};

use super::*;

fn percent(value: f64) -> Percent {
    Percent::try_new(value).unwrap()
}

#[test]
fn a_rule_reads_as_it_was_said() {
    let rule =
        delay(ms(200)).jitter(ms(20)).between(Flow::peers(["10.0.0.0/8", "db.example"]).unwrap()).into_rule();
    assert_eq!(rule.to_string(), "delay 200ms +-20ms to and from 10.0.0.0/8,db.example");
    let everything = drop().device(IfName::try_new("eth0").unwrap());
    assert_eq!(everything.to_string(), "drop to everyone on eth0");
}

#[test]
fn a_rule_survives_json() {
    let flow = Flow::peer("fd00::/8").unwrap().port(443).unwrap().tcp();
    let rules = [
        netem(Netem {
            delay: ms(1),
            jitter: ms(1),
            loss: Some(LossModel::Random(Odds::of(percent(0.5)).correlated(percent(25.0)))),
            reorder: Some(Reorder { odds: percent(5.0).into(), gap: 5 }),
            slot: Some(Slot::every(ms(1), ms(2)).unwrap()),
            ..Netem::default()
        })
        .to(flow.clone())
        .into_rule(),
        bandwidth(Bandwidth::mbit(3).unwrap()).burst(5000).from(flow).into_rule(),
        drop().into_rule(),
        refuse(Refusal::Reset).into_rule(),
    ];
    for rule in rules {
        let written = to_string(&rule).unwrap();
        assert_eq!(from_str::<NetRule>(&written).unwrap(), rule, "{written}");
    }
}

#[test]
fn what_data_cannot_say_either() {
    let good = to_value(drop().to(Flow::peer("10.0.0.1").unwrap()).into_rule()).unwrap();
    let bad = [
        ("/traffic", json!([]), "no flows"),
        ("/traffic/0/peers/0", json!("10.0.0.0/33"), "10.0.0.0/33"),
        ("/traffic/0/peers/0", json!("300.1.1.1"), "300.1.1.1"),
        ("/traffic/0/peer-ports", json!(["0"]), "port 0"),
        ("/devices", json!({"named": ["a\nlong name of a device"]}), "device name"),
        ("/effect", json!({"netem": {"loss": {"random": {"percent": -1}}}}), "percent -1"),
        ("/effect", json!({"netem": {"loss": {"random": {"percent": 140}}}}), "percent 140"),
        ("/effect", json!({"bandwidth": {"rate": "10mbps"}}), "10mbps"),
        ("/effect", json!({"netem": {"delya": "1ms"}}), "delya"),
    ];
    for (place, wrong, said) in bad {
        let mut data = good.clone();
        if place.ends_with("peer-ports") {
            data["traffic"][0]["peer-ports"] = wrong;
        } else {
            *data.pointer_mut(place).unwrap() = wrong;
        }
        let error = serde_json::from_value::<NetRule>(data).unwrap_err().to_string();
        assert!(error.contains(said), "{place}: {error}");
    }
}

#[test]
fn netem_that_does_nothing_or_something_else_is_refused() {
    let nothing = Netem::default();
    let distribution = Netem { delay: ms(1), distribution: Distribution::Normal, ..Netem::default() };
    let reorder = Netem {
        reorder: Some(Reorder { odds: percent(1.0).into(), gap: 1 }),
        loss: Some(LossModel::Random(percent(1.0).into())),
        ..Netem::default()
    };
    let overhead = Netem { delay: ms(1), packet_overhead: 4, ..Netem::default() };
    let ecn = Netem { delay: ms(1), ecn: true, ..Netem::default() };
    let long = Netem { delay: secs(3601), ..Netem::default() };
    let limit = Netem { delay: ms(1), limit: Some(0), ..Netem::default() };
    let table = Netem {
        delay: ms(1),
        jitter: ms(1),
        distribution: Distribution::Table(vec![2, 1]),
        ..Netem::default()
    };
    for wrong in [nothing, distribution, reorder, overhead, ecn, long, limit, table] {
        assert!(wrong.check().unwrap_err().is_invalid(), "{wrong:?}");
    }
    assert!(Netem { delay: ms(1), ..Netem::default() }.check().is_ok());
}

#[test]
fn addresses() {
    assert_eq!("10.1.2.3/8".parse::<Address>().unwrap().to_string(), "10.0.0.0/8");
    assert_eq!("10.1.2.3".parse::<Address>().unwrap().to_string(), "10.1.2.3");
    assert_eq!("::/0".parse::<Address>().unwrap().to_string(), "::/0");
    assert!(matches!("db.example".parse::<Address>().unwrap(), Address::Host(_)));
    for wrong in ["", "10.0.0", "a b", "10.0.0.0/33", "-", "a..b", "1.2.3.4.5"] {
        assert!(wrong.parse::<Address>().is_err(), "{wrong:?}");
    }
}

#[test]
fn a_table_of_samples_has_their_shape() {
    let samples: Vec<_> = (0..1000u64).map(|i| ms(100 + i % 100)).collect();
    let (shape, mean, deviation) = Distribution::from_samples(&samples).unwrap();
    let Distribution::Table(table) = shape else { panic!("{shape:?}") };
    assert_eq!(table.len(), 4096);
    assert!((149..=150).contains(&mean.as_millis()) && (28..=29).contains(&deviation.as_millis()));
    // Even from -1.72 to 1.72 standard deviations.
    assert!(
        (-14_200..=-14_000).contains(&table[0]) && (14_000..=14_200).contains(&table[4095]),
        "{} {}",
        table[0],
        table[4095]
    );
    assert!(Distribution::from_samples(&samples[..3]).unwrap_err().is_invalid());
    assert!(Distribution::from_samples(&[ms(5); 20]).unwrap_err().is_invalid());
}
