//! Orders over the agent's socket, as a second container in the pod gives them.

use std::process::{Command, Output};

use chaos_core::units::{ms, secs};
use chaos_k8s::agent::control::{Answer, Order};
use chaos_k8s::agent::spec::{Item, OwnNetwork, Spec};
use chaos_k8s::agent::status::{Ending, Said};

use crate::agent::{Agent, command, program_for_all};
use crate::container::NOBODY;
use crate::network::partition;
use crate::scene::{PEER, PORT, Scene, at};
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] = &[
    ("who_knows_the_token_ends_it_without_any_right", &[Need::Root, Need::Nft], stop),
    ("it_lasts_as_long_as_it_is_told_and_may", &[Need::Root, Need::Nft], extend),
];

fn spec() -> Spec {
    Spec::lasting(secs(300)).fault("cut", partition()).item(Item::new(
        "shop/cart-0",
        OwnNetwork::default(),
        "cut",
    ))
}

/// As a user without rights.
fn tell(spec: &Spec, token: &str, order: &[&str]) -> Output {
    telling(spec, token, order).output().unwrap()
}

fn telling(spec: &Spec, token: &str, order: &[&str]) -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = command(program_for_all());
    command.args(["tell", &spec.run.to_string()]).args(order).env("CHAOS_AGENT_TOKEN", token);
    command.uid(NOBODY).gid(NOBODY);
    command
}

/// An order that is no word, by a container that carries it.
pub(crate) fn tell_order(spec: &Spec, order: &Order) -> Output {
    let mut telling = telling(spec, spec.token.as_str(), &["order"]);
    telling.env(Order::VARIABLE, order.encode().unwrap()).output().unwrap()
}

fn stop() {
    let (scene, spec) = (Scene::new(), spec());
    let client = scene.client();
    let mut agent = scene.target.inside(|| Agent::start(&spec));
    agent.in_force(0);
    let told = |token: &str| scene.target.inside(|| tell(&spec, token, &["stop"]));
    let wrong = told(&"x".repeat(32));
    assert_eq!((wrong.status.code(), &*wrong.stdout), (Some(1), &b"refused: wrong token\n"[..]));
    assert_eq!(client.one(at(PEER, PORT)), None, "it goes on");
    // From the network of another pod there is no way to it.
    let outside = tell(&spec, spec.token.as_str(), &["stop"]);
    assert!(
        outside.status.code() == Some(1) && outside.stdout.starts_with(b"no agent of run"),
        "{outside:?}"
    );
    let right = told(spec.token.as_str());
    assert_eq!(right.status.code(), Some(0), "{right:?}");
    let answer: Answer = serde_json::from_slice(&right.stdout).unwrap();
    // The answer came when everything was taken back.
    assert!(client.one(at(PEER, PORT)).is_some());
    assert_eq!(scene.left(), "");
    assert_eq!(answer, Answer::Stopped(agent.ends(Ending::Order)));
    let log = agent.log();
    let orders: Vec<_> = log.lines.iter().filter(|line| matches!(line.said, Said::Order { .. })).collect();
    assert!(
        matches!(&orders[..], [refused, heeded]
            if matches!(&refused.said, Said::Order { refused: Some(why), .. } if why.contains("user 65534"))
            && matches!(&heeded.said, Said::Order { n: None, order, refused: None } if order == "stop")),
        "{orders:?}"
    );
}

fn extend() {
    let scene = Scene::new();
    let mut spec = spec().at_most(secs(300));
    spec.lasting = secs(6);
    let client = scene.client();
    let mut agent = scene.target.inside(|| Agent::start(&spec));
    agent.in_force(0);
    let begun = std::time::Instant::now();
    agent.counts(secs(6));
    let told = |order: &[&str]| {
        let output = scene.target.inside(|| tell(&spec, spec.token.as_str(), order));
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let left = |text: &str| match serde_json::from_str(text).unwrap() {
        Answer::Status(beat) => beat.left_ms,
        other => panic!("{other:?}"),
    };
    let (code, text) = told(&["status"]);
    assert!(code == 0 && left(&text) <= 6_000 && text.contains("\"in-force\":1"), "{text}");
    let (code, text) = told(&["extend", "200s"]);
    assert!(code == 0 && left(&text) > 190_000, "{text}");
    let (code, text) = told(&["extend", "301s"]);
    assert!(code == 1 && text.contains("the spec allows"), "{text}");
    // Long enough for what ends by itself when nobody takes it back.
    std::thread::sleep(secs(10).saturating_sub(begun.elapsed()));
    assert_eq!(client.one(at(PEER, PORT)), None, "it goes on");
    let (code, text) = told(&["extend", "1500ms"]);
    assert!(code == 0 && left(&text) <= 1500, "{text}");
    agent.ends(Ending::Over);
    assert!(begun.elapsed() > ms(1500));
    assert_eq!(scene.left(), "");
}
