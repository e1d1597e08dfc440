//! Orders from a file, as the kubelet shows an annotation of the agent's pod.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use chaos_core::units::secs;
use chaos_k8s::agent::control::{Order, Orders};
use chaos_k8s::agent::spec::Restart;
use chaos_k8s::agent::status::{Ending, Said};
use chaos_k8s::node::net::{self, Flow};

use crate::agent::{Agent, BOUND};
use crate::network::spec;
use crate::node::NetnsDir;
use crate::restart::kill_whole;
use crate::scene::{OTHER, PEER, PORT, Scene, at};
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] = &[
    ("orders_come_from_a_file_and_each_is_heeded_once", &[Need::Root, Need::Nft], from_file),
    ("a_file_that_has_no_orders_changes_nothing", &[Need::Root, Need::Nft], nonsense),
];

/// A volume whose content changes all at once (the kubelet's AtomicWriter).
struct Volume {
    dir: tempfile::TempDir,
    written: u32,
}

impl Volume {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), written: 0 }
    }

    fn file(&self) -> PathBuf {
        self.path().join("orders")
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn show(&mut self, text: &str) {
        self.written += 1;
        let name = format!("..{}", self.written);
        fs::create_dir(self.path().join(&name)).unwrap();
        fs::write(self.path().join(&name).join("orders"), text).unwrap();
        symlink(&name, self.path().join("..data_tmp")).unwrap();
        fs::rename(self.path().join("..data_tmp"), self.path().join("..data")).unwrap();
        if self.written == 1 {
            symlink("..data/orders", self.file()).unwrap();
        } else {
            fs::remove_dir_all(self.path().join(format!("..{}", self.written - 1))).unwrap();
        }
    }
}

/// The answers on the log: the number, and the refusal.
fn answers(agent: &Agent) -> Vec<(Option<u64>, Option<String>)> {
    let log = agent.log();
    let said = log.lines.iter().filter_map(|line| match &line.said {
        Said::Order { n, refused, .. } => Some((*n, refused.clone())),
        _ => None,
    });
    said.collect()
}

/// Waits for so many answers; the last of them.
fn answered(agent: &Agent, count: usize) -> (Option<u64>, Option<String>) {
    let since = std::time::Instant::now();
    loop {
        let answers = answers(agent);
        assert!(answers.len() <= count, "{answers:?}");
        if answers.len() == count {
            return answers.last().unwrap().clone();
        }
        assert!(since.elapsed() < BOUND, "no {count} answers: {}", agent.said());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

fn from_file() {
    let (scene, home, mut volume) = (Scene::new(), tempfile::tempdir().unwrap(), Volume::new());
    let dir = NetnsDir::with(&[&scene]);
    let client = scene.client();
    let spec =
        spec(dir.path()).at_most(secs(900)).kept_in(home.path(), Restart::Resume).orders_from(volume.file());
    let mut first = Agent::start(&spec);
    first.in_force(0);
    let mut orders = Orders::default();
    orders.push(Order::Extend(secs(800)));
    let with = net::drop().between(Flow::peer(OTHER).unwrap()).into();
    orders.push(Order::Replace { fault: "cut".into(), with });
    orders.push(Order::Extend(secs(901)));
    volume.show(&orders.to_text().unwrap());
    answered(&first, 3);
    // Replacing takes longer than refusing.
    let mut all = answers(&first);
    all.sort();
    assert_eq!(&all[..2], [(Some(1), None), (Some(2), None)], "{}", first.said());
    assert!(matches!(&all[2], (Some(3), Some(why)) if why.contains("the spec allows")), "{}", first.said());
    assert!(client.one(at(PEER, PORT)).is_some() && client.one(at(OTHER, PORT)).is_none());
    let left = first.log().reader.beat().unwrap().left_ms;
    kill_whole(&mut first);
    // None of them is heeded again, and what they did holds.
    let mut second = Agent::start(&spec);
    second.in_force(0);
    assert!(client.one(at(PEER, PORT)).is_some() && client.one(at(OTHER, PORT)).is_none());
    let hello = second.log().reader.hello().unwrap().clone();
    assert!(hello.left_ms > 300_000 && hello.left_ms <= left.max(800_000), "{hello:?}, {left}");
    orders.forget(3);
    let n = orders.push(Order::Stop);
    volume.show(&orders.to_text().unwrap());
    second.ends(Ending::Order);
    assert_eq!(answers(&second), [(Some(n), None)], "{}", second.said());
    assert!(client.one(at(OTHER, PORT)).is_some() && scene.left().is_empty());
    // It is told to end, and stays so.
    Agent::start(&spec).ends(Ending::Order);
}

fn nonsense() {
    let (scene, mut volume) = (Scene::new(), Volume::new());
    let dir = NetnsDir::with(&[&scene]);
    let client = scene.client();
    let mut agent = Agent::start(&spec(dir.path()).orders_from(volume.file()));
    agent.in_force(0);
    let mut count = 0;
    volume.show("");
    let huge = format!("[{}]", " ".repeat(1 << 20));
    for (text, number, said) in [
        ("\u{0}stop", None, "no orders"),
        (&huge, None, "more than"),
        (r#"[{"n":1,"order":{"dance":"60s"}}]"#, Some(1), "no order of this version"),
        (r#"[{"n":2,"order":{"replace":{"fault":"other","with":{"pause":"stop"}}}}]"#, Some(2), "no fault"),
    ] {
        volume.show(text);
        count += 1;
        let (n, refused) = answered(&agent, count);
        assert!(n == number && refused.as_ref().is_some_and(|why| why.contains(said)), "{refused:?}");
    }
    // It was looked at several times by then, and said once.
    std::thread::sleep(secs(2));
    fs::remove_file(volume.file()).unwrap();
    fs::create_dir(volume.file()).unwrap();
    let (n, refused) = answered(&agent, count + 1);
    assert!(n.is_none() && refused.is_some_and(|why| why.contains("no file")));
    assert!(client.one(at(PEER, PORT)).is_none(), "it goes on");
    agent.send(rustix::process::Signal::TERM);
    agent.ends(Ending::Signal);
    assert_eq!(scene.left(), "");
}
