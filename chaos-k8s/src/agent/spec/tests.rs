use std::net::IpAddr;
use std::path::Path;

use chaos_core::Percent;
use chaos_core::units::ms;
use serde_json::{Value, json, to_value};

use super::*;
use crate::node::net::{self, DnsEffect, Flow};
use crate::node::process::{self, Signal};
use crate::node::stress::{self, Amount, Placement};

const CONTAINER: &str = "containerd://4f1c0b6d2a9e8f7c6b5a4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a";

fn address() -> IpAddr {
    [10, 244, 1, 2].into()
}

fn whole() -> Spec {
    let dns = net::dns(DnsEffect::NxDomain).names("*.shop").unwrap().server(address());
    let processes = |which| ContainerProcesses::of(CONTAINER, which);
    Spec::lasting(secs(60))
        .at_most(secs(600))
        .kept_in("/state", Restart::Resume)
        .orders_from("/podinfo/orders")
        .fault("slow", net::delay(ms(200)).to(Flow::peer("10.96.0.7").unwrap().port(5432).unwrap().tcp()))
        .fault("no names", dns)
        .fault("busy", stress::cpu(1).unwrap())
        .fault("hup", SignalData::every(Signal::HUP, secs(1)).unwrap())
        .fault("end", SignalData::once(Signal::KILL))
        .fault("still", process::pause().or_stop())
        .fault("frozen", process::freeze())
        .fault("over", process::kill_all())
        .item(Item::new("shop/cart-0", OwnNetwork::default(), "slow"))
        .item(Item::new("shop/cart-1", PodNetwork::of([address()]), "slow"))
        .item(Item::new("shop/cart-1", PodNetwork::of([address()]).in_dir("/netns"), "no names"))
        .item(Item::new("shop/cart-1", ContainerCgroup::of(CONTAINER).below("/cg"), "busy"))
        .item(Item::new("shop/cart-1", processes(Which::Named("cart".into())), "hup"))
        .item(Item::new("shop/cart-1", processes(Which::First), "end"))
        .item(Item::new("shop/cart-1", processes(Which::All), "still"))
        .item(Item::new("shop/cart-1", ContainerCgroup::of(CONTAINER), "frozen"))
        .item(Item::new("shop/cart-1", ContainerCgroup::of(CONTAINER), "over"))
}

#[test]
fn a_spec_survives_its_way_and_holds_nothing_that_kubernetes_rewrites() {
    let spec = whole();
    let text = spec.encode().unwrap();
    assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)), "{text}");
    assert_eq!(Spec::decode(&text).unwrap(), spec);
    assert_eq!(Spec::decode(&format!("{text}\n")).unwrap(), spec);
    assert!(!format!("{spec:?}").contains(spec.token.as_str()), "a token is not shown");
}

/// A spec as somebody else may write it, with one place of it changed.
fn read_with(place: &str, value: Value) -> Result<Spec> {
    let mut data = to_value(whole()).unwrap();
    let (parent, key) = place.rsplit_once('/').unwrap();
    match data.pointer_mut(parent).unwrap() {
        Value::Object(fields) => drop(fields.insert(key.to_owned(), value)),
        Value::Array(values) => values[key.parse::<usize>().unwrap()] = value,
        other => panic!("{place}: {other}"),
    }
    read(&data)
}

fn read(data: &Value) -> Result<Spec> {
    use base64::Engine;
    Spec::decode(&base64::engine::general_purpose::STANDARD.encode(data.to_string()))
}

#[test]
fn what_cannot_be_done_is_refused_by_its_place() {
    for (place, wrong, said) in [
        ("/version", json!(2), "version 2"),
        ("/versions", json!(1), "unknown field"),
        ("/run", json!("../x"), "run"),
        ("/token", json!("short"), "32 to 128"),
        ("/lasting", json!(60), "lasting"),
        ("/lasting", json!("0s"), "no time"),
        ("/lasting", json!("8days"), "at most 600s is less"),
        ("/at-most", json!("8days"), "longest"),
        ("/at-most", json!("59s"), "less than"),
        ("/starting", json!("999ms"), "for starting"),
        ("/starting", json!("601s"), "for starting"),
        ("/kept-in", json!("state"), "relative"),
        ("/orders", json!("orders"), "relative"),
        ("/kept-in", Value::Null, "outlives the process"),
        ("/look-every", json!("10ms"), "look every"),
        ("/items", json!([]), "without items"),
        ("/items/0/fault", json!("slaw"), "no fault \"slaw\""),
        ("/items/0/name", json!("a\nb"), "control characters"),
        ("/items/0/fault", json!("busy"), "stress is no fault on a network: use one on a cgroup"),
        ("/items/3/fault", json!("slow"), "a network fault is no fault on a cgroup"),
        ("/items/5/fault", json!("busy"), "stress is no fault on processes"),
        ("/items/1/target/network/addresses", json!([]), "could be any"),
        ("/items/1/target/network/addresses", json!(["127.0.0.1"]), "every network has it"),
        ("/items/1/target/network/addresses", json!(["fe80::1"]), "every network has it"),
        ("/items/1/target/network/addresses", json!(["10.0.0"]), "items[1].target.network.addresses"),
        ("/items/1/target/network/file", json!("../x"), "no name of a file"),
        ("/items/1/target/network/dir", json!("netns"), "relative"),
        ("/items/3/target/cgroup/container", json!("4f1c0b6d2a9e"), "beginning"),
        ("/items/3/target/cgroup/container", json!("web"), "no container id"),
        ("/items/3/target", json!({"own-cgroup": {"x": 1}}), "items[3].target.own-cgroup"),
        ("/items/4/target/processes/which", json!({"named": ""}), "empty"),
        ("/items/4/target/processes/which", json!("some"), "items[4].target.processes.which"),
        ("/faults/slow/network/effect", json!({"netem": {"delay": "2h"}}), "at most an hour"),
        ("/faults/slow/network/effect", json!({"netem": {"delya": "2s"}}), "delya"),
        ("/faults/busy/stress/parts/0/cpu/threads", json!(0), "0 threads"),
        ("/faults/busy/stress/placement", json!("here"), "stressors stay here"),
        ("/faults/hup/signal/signal", json!(99), "99"),
        ("/faults/hup/signal/every", json!("0s"), "interval"),
        ("/faults/end/signal/every", json!("1s"), "ends once"),
        ("/faults/hup/signal/signal", json!(19), "process::stop()"),
        ("/faults/still/pause", json!("sleep"), "sleep"),
        ("/faults/frozen/freeze", json!({"for": 1}), "for"),
        (
            "/items/6/fault",
            json!("frozen"),
            "a freeze is no fault on processes: use one on a container's cgroup",
        ),
        ("/items/7/target", json!({"own-cgroup": {}}), "a freeze is no fault on a cgroup"),
        ("/faults/no names/dns/servers", json!([]), "name the DNS servers"),
        ("/faults/other", json!({"pause": "stop"}), "of no item"),
    ] {
        let error = read_with(place, wrong.clone()).unwrap_err();
        let text = error.chain();
        assert!(error.is_invalid() && text.contains(said), "{place} = {wrong}: {text}");
        assert!(!text.contains('\n') && !text.contains("at line"), "{text}");
    }
}

#[test]
fn what_the_own_cgroup_does_not_take() {
    let of = |stress: stress::Stress<stress::AnyKind>| {
        Spec::lasting(secs(60))
            .fault("busy", stress)
            .item(Item::new("a", OwnCgroup::default(), "busy"))
            .check()
    };
    let half = Amount::percent(Percent::try_new(50).unwrap()).unwrap();
    of(stress::cpu(1).unwrap().into_data()).unwrap();
    of(stress::cpu(1).unwrap().placed(Placement::Here).into_data()).unwrap();
    of(stress::disk("/d", half).into_data()).unwrap();
    for (stress, said) in [
        (stress::memory(half).into_data(), "give a number"),
        (stress::cpu(1).unwrap().and(stress::tasks(half)).into_data(), "give a number"),
        (stress::cpu(1).unwrap().placed(Placement::Beside).into_data(), "stay here"),
    ] {
        let error = of(stress).unwrap_err();
        assert!(error.is_invalid() && error.to_string().contains(said), "{error}");
    }
}

#[test]
fn a_network_fault_is_replaced_by_one_that_fits() {
    let slow = |flow| FaultData::from(net::delay(ms(300)).to(flow));
    let one = slow(Flow::peer("10.96.0.8").unwrap());
    assert_eq!(whole().replaced("slow", one.clone()).unwrap().faults["slow"], one);
    let dns: FaultData = net::dns(DnsEffect::NxDomain).names("*").unwrap().server(address()).into();
    let peers: Vec<String> = (0..9000).map(|n| format!("10.1.{}.{}", n / 250, n % 250)).collect();
    let many = slow(Flow::peers(peers.iter().map(String::as_str)).unwrap());
    for (name, with, refused, said) in [
        ("slaw", one.clone(), false, "no fault \"slaw\""),
        ("slow", dns.clone(), false, "kind does not change"),
        ("no names", dns, true, "only network faults"),
        ("busy", one, true, "only network faults"),
        ("slow", net::delay(secs(7200)).to(Flow::all()).into(), false, "at most an hour"),
        ("slow", many, false, "fit"),
    ] {
        let error = whole().replaced(name, with).unwrap_err();
        assert!(error.is_refused() == refused && error.chain().contains(said), "{name}: {}", error.chain());
    }
}

#[test]
fn what_is_no_spec_is_refused() {
    for (text, said) in [
        ("", "empty"),
        ("   ", "empty"),
        ("{}", "no base64"),
        ("e30=", "version"),
        ("AAAA", "cannot be read"),
    ] {
        let error = Spec::decode(text).unwrap_err();
        assert!(error.is_invalid() && error.to_string().contains(said), "{text:?}: {error}");
    }
    let other = read(&json!({"version": 7, "everything": "else"})).unwrap_err().to_string();
    assert!(other.contains("version 7") && !other.contains("everything"), "{other}");
}

#[test]
fn a_spec_that_fits_no_variable_is_refused_on_both_ways() {
    let mut spec = whole();
    let long = "x".repeat(500);
    spec.items = vec![Item::new(long, OwnNetwork::default(), "slow"); 300];
    spec.faults.retain(|name, _| name == "slow");
    let error = spec.encode().unwrap_err();
    assert!(error.is_invalid() && error.to_string().contains("several agents"), "{error}");
    assert!(Spec::decode(&"A".repeat(Spec::LONGEST + 1)).unwrap_err().to_string().contains("several agents"));
    // The kernel's limit is of the name, the value and what is between and behind.
    assert_eq!(Spec::VARIABLE.len() + 1 + Spec::LONGEST + 1, 131_072);
    spec.items = vec![spec.items[0].clone(); MOST_ITEMS + 1];
    assert!(spec.check().unwrap_err().to_string().contains("several agents"));
}

#[test]
fn tokens() {
    let token = Token::fresh();
    assert_eq!(token.as_str().len(), 32);
    assert_ne!(token, Token::fresh());
    assert_eq!(token, Token::try_new(token.as_str()).unwrap());
    for wrong in ["", "short", &"x".repeat(129), &"$".repeat(40), &" ".repeat(40)] {
        let error = Token::try_new(wrong).unwrap_err();
        assert!(error.is_invalid() && (wrong.is_empty() || !error.to_string().contains(wrong)), "{error}");
    }
    let longer = Token::try_new(format!("{}x", token.as_str())).unwrap();
    assert_ne!(token, longer);
}

#[test]
fn what_is_not_said_is_the_default() {
    let minimal = json!({
        "version": 1, "run": whole().run, "token": whole().token, "lasting": "1m",
        "faults": {"cut": {"network": {"effect": "drop", "traffic": to_value(net::drop().into_rule().traffic).unwrap(),
            "direction": "both", "devices": "all-up"}}},
        "items": [
            {"name": "a", "target": {"network": {"addresses": ["10.0.0.1"]}}, "fault": "cut"},
            {"name": "b", "target": {"own-network": {}}, "fault": "cut"}
        ]
    });
    let spec = read(&minimal).unwrap();
    assert_eq!((spec.restart, spec.kept_in.as_deref(), spec.look_every), (Restart::Revert, None, secs(5)));
    assert_eq!((spec.lasting, spec.starting, spec.longest()), (secs(60), secs(30), secs(90)));
    assert_eq!(spec.clone().at_most(secs(100)).longest(), secs(130));
    let TargetData::Network(network) = &spec.items[0].target else { panic!("{:?}", spec.items[0]) };
    assert_eq!(network.dir, Path::new("/var/run/netns"));
}

#[test]
fn what_ends_with_its_agent_is_what_the_kernel_takes_back() {
    let is = |fault: FaultData| fault.ends_with_its_agent();
    assert!(is(net::drop().into()) && is(net::delay(ms(20)).into()) && is(stress::cpu(1).unwrap().into()));
    assert!(is(process::pause().into()));
    assert!(
        !is(net::refuse(net::Refusal::Reset).into())
            && !is(process::stop().into())
            && !is(process::pause().or_stop().into())
    );
}
