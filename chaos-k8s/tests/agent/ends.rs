//! However it ends, nothing stays in force.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use chaos_core::units::{ms, secs};
use chaos_k8s::agent::spec::{ContainerProcesses, Item, PodNetwork, Spec, Which};
use chaos_k8s::agent::status::{Ending, HEARTBEAT, ItemState, Said};
use chaos_k8s::node::process;
use rustix::process::Signal;

use crate::agent::{Agent, command, program, send, wait_until};
use crate::container::Container;
use crate::network::{partition, spec};
use crate::node::{NetnsDir, addresses};
use crate::scene::{Client, PEER, PORT, Scene, at};
use crate::support::{Need, Test};
use crate::{processes, stress};

pub(crate) const TESTS: &[Test] = &[
    ("at_its_deadline_all_is_taken_back_with_heartbeats_until_then", &[Need::Root, Need::Nft], deadline),
    ("a_killed_injector_is_taken_back", &[Need::Root, Need::Nft, Need::Ptrace], killed),
    ("a_stopped_injector_is_ended_after_its_deadline", &[Need::Root, Need::Nft, Need::Ptrace], stopped),
    ("a_killed_guardian_is_an_end_too", &[Need::Root, Need::Nft], guardian_killed),
    ("a_log_that_nobody_reads_holds_no_end_up", &[Need::Root, Need::Nft], unread),
    ("an_end_in_the_midst_of_the_beginning_leaves_nothing", &[Need::Root, Need::Nft], early),
    (
        "what_is_not_in_force_in_time_is_skipped_and_the_rest_counts_from_there",
        &[Need::Root, Need::Nft, Need::Cgroup1],
        late,
    ),
];

fn passes(client: &Client) -> bool {
    client.one(at(PEER, PORT)).is_some()
}

fn deadline() {
    let scene = Scene::new();
    let dir = NetnsDir::with(&[&scene]);
    let client = scene.client();
    let mut spec = spec(dir.path());
    spec.lasting = secs(5);
    let mut agent = Agent::start(&spec);
    agent.in_force(0);
    assert!(!passes(&client));
    agent.ends(Ending::Over);
    assert!(passes(&client) && scene.left().is_empty());
    let log = agent.log();
    let said = |is_it: fn(&Said) -> bool| log.lines.iter().find(|line| is_it(&line.said)).unwrap().ms;
    let in_force =
        said(|said| matches!(said, Said::Item(item) if matches!(item.state, ItemState::InForce { .. })));
    let end = said(|said| matches!(said, Said::End(_)));
    println!("in force after {in_force} ms, for {} ms, asked 5 s", end - in_force);
    assert!(end - in_force >= 5000, "it counts from its being in force");
    let left = log.reader.hello().unwrap().left_ms;
    assert!((34_000..=35_000).contains(&left), "until then the time for starting is in it: {left}");
    let beats: Vec<_> = log
        .lines
        .iter()
        .filter_map(|line| match line.said {
            Said::Beat(beat) => Some((line.ms, beat)),
            _ => None,
        })
        .collect();
    // A loaded machine may lose some, never gain some.
    assert!((2..=end / 1000 + 1).contains(&(beats.len() as u64)), "{beats:?}");
    assert!(beats.iter().all(|(ms, beat)| *ms < in_force + 1000 || beat.left_ms <= 5000), "{beats:?}");
    assert!(
        beats.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1.left_ms > two[1].1.left_ms),
        "{beats:?}"
    );
    let apart: Vec<u64> = beats.windows(2).map(|two| two[1].0 - two[0].0).collect();
    println!("heartbeats {apart:?} ms apart, asked {HEARTBEAT:?}");
    assert!(beats.last().unwrap().1.in_force == 1, "{beats:?}");
}

fn killed() {
    let mut times = Vec::new();
    for _ in 0..3 {
        let (scene, container, paused) = (Scene::new(), Container::new(), Container::new());
        let dir = NetnsDir::with(&[&scene]);
        let client = scene.client();
        let mut agents = [
            Agent::start(&spec(dir.path())),
            Agent::start(&stress::spec(&container)),
            Agent::start(&processes::spec(&paused, Which::First, process::stop())),
        ];
        agents.iter().for_each(|agent| drop(agent.in_force(0)));
        assert!(!passes(&client) && paused.state() == 'T' && !container.group.pids_below().is_empty());
        let since = Instant::now();
        agents.iter().for_each(|agent| send(agent.injector(), Signal::KILL));
        wait_until("all is as it was", || {
            container.group.pids_below().is_empty() && paused.state() == 'S' && passes(&client)
        });
        times.push(since.elapsed());
        // The guardians end when they have tidied up, as their children did.
        for agent in &mut agents {
            agent.was_killed();
        }
        assert!(container.group.children().is_empty() && scene.left().is_empty());
        assert!(agents[2].errors().contains("the injector died"), "{}", agents[2].errors());
    }
    times.sort();
    println!(
        "SIGKILL of three injectors to the last effect gone, 3 times: median {:?}, max {:?}",
        times[1], times[2]
    );
}

fn stopped() {
    let (scene, container, paused) = (Scene::new(), Container::new(), Container::new());
    let dir = NetnsDir::with(&[&scene]);
    let client = scene.client();
    let short = |mut spec: Spec| {
        spec.lasting = secs(6);
        spec
    };
    let mut agents = [
        Agent::start(&short(spec(dir.path()))),
        Agent::start(&short(stress::spec(&container))),
        Agent::start(&short(processes::spec(&paused, Which::First, process::pause()))),
    ];
    agents.iter().for_each(|agent| drop(agent.in_force(0)));
    agents.iter().for_each(|agent| agent.counts(secs(6)));
    let since = Instant::now();
    agents.iter().for_each(|agent| send(agent.injector(), Signal::STOP));
    assert!(!passes(&client) && paused.state() == 't');
    wait_until("all is as it was", || {
        container.group.pids_below().is_empty() && paused.state() == 'S' && passes(&client)
    });
    println!("SIGSTOP of three injectors of 6 s: all gone after {:?}", since.elapsed());
    for agent in &mut agents {
        agent.was_killed();
        assert!(agent.errors().contains("ends the injector"), "{}", agent.errors());
    }
    assert!(container.group.children().is_empty() && scene.left().is_empty());
}

fn guardian_killed() {
    let scene = Scene::new();
    let dir = NetnsDir::with(&[&scene]);
    let client = scene.client();
    let mut agent = Agent::start(&spec(dir.path()));
    agent.in_force(0);
    assert!(!passes(&client));
    agent.send(Signal::KILL);
    // The injector is told of it, and ends as it should.
    assert_eq!(agent.code(), 128 + 9);
    assert_eq!(agent.log().reader.end().unwrap().why, Ending::Signal);
    assert!(passes(&client) && scene.left().is_empty());
}

/// The pipe holds one page, and nobody takes anything out.
fn unread() {
    let scene = Scene::new();
    let dir = NetnsDir::with(&[&scene]);
    let client = scene.client();
    let mut spec = spec(dir.path());
    spec.lasting = secs(6);
    let (from, to) = rustix::pipe::pipe().unwrap();
    rustix::pipe::fcntl_setpipe_size(&to, 4096).unwrap();
    // Full from the start.
    rustix::io::ioctl_fionbio(&to, true).unwrap();
    while rustix::io::write(&to, &[b'\n'; 512]).is_ok() {}
    rustix::io::ioctl_fionbio(&to, false).unwrap();
    let mut child = command(program())
        .env(Spec::VARIABLE, spec.encode().unwrap())
        .env("CHAOS_AGENT_TERMINATION_LOG", "/nowhere")
        .stdout(to)
        .spawn()
        .unwrap();
    wait_until("it is cut", || !passes(&client));
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(passes(&client) && scene.left().is_empty());
    drop(from);
}

/// Told to end at any moment of the first second.
fn early() {
    let scenes = [Scene::new(), Scene::new(), Scene::new()];
    let dirs: Vec<NetnsDir> = scenes.iter().map(|scene| NetnsDir::with(&[scene])).collect();
    let container = Container::new();
    let mut seen = Vec::new();
    for nth in 0..6 {
        let mut spec = stress::spec(&container).fault("cut", partition());
        for dir in &dirs {
            spec = spec.item(Item::new("cut", PodNetwork::of(addresses()).in_dir(dir.path()), "cut"));
        }
        let mut agent = Agent::start(&spec);
        // Before it listens, a signal ends it as it ends every process.
        agent.wait_for("its first words", |log| log.reader.hello().map(|_| ()));
        std::thread::sleep(ms(40) * nth);
        agent.send(Signal::TERM);
        agent.ends(Ending::Signal);
        let states: Vec<String> =
            agent.log().reader.items().values().map(|state| format!("{state:?}")).collect();
        seen.push(states.iter().filter(|state| state.starts_with("Reverted")).count());
        assert!(
            states.iter().all(|state| state.starts_with("Reverted") || state.starts_with("Skipped")),
            "{states:?}"
        );
        assert!(container.group.children().is_empty());
        assert!(scenes.iter().all(|scene| scene.left().is_empty()));
    }
    println!("items that were in force when the end came: {seen:?} of 4");
}

struct Frozen(PathBuf);

impl Frozen {
    fn new(container: &Container) -> Self {
        let file = container.group.dir("freezer").join("freezer.state");
        fs::write(&file, "FROZEN").unwrap();
        Self(file)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        fs::write(&self.0, "THAWED").unwrap();
    }
}

/// A process that does not stop, because its cgroup is frozen: in version 1 it takes no signal then.
fn late() {
    let (scene, container) = (Scene::new(), Container::new());
    let dir = NetnsDir::with(&[&scene]);
    let client = scene.client();
    let mut spec = spec(dir.path()).fault("stopped", process::stop()).item(Item::new(
        "shop/cart-0 web",
        ContainerProcesses::of(container.id(), Which::First),
        "stopped",
    ));
    (spec.starting, spec.lasting) = (secs(2), secs(2));
    let frozen = Frozen::new(&container);
    let mut agent = Agent::start(&spec);
    agent.in_force(0);
    let state = agent.item(1, |state| !matches!(state, ItemState::Prepared { .. }));
    assert!(
        matches!(&state, ItemState::Skipped { why } if why.contains("not in force 2s after")),
        "{state:?}"
    );
    assert!(!passes(&client));
    drop(frozen);
    agent.ends(Ending::Over);
    assert!(passes(&client) && scene.left().is_empty());
    wait_until("it runs again", || container.state() == 'S');
    // However long the giving up takes, its time is over when starting and lasting are.
    let log = agent.log();
    let over = log.lines.iter().filter_map(|line| match &line.said {
        Said::Hello(hello) => Some(line.ms + hello.left_ms),
        Said::Beat(beat) => Some(line.ms + beat.left_ms),
        _ => None,
    });
    let over: Vec<u64> = over.collect();
    // Milliseconds are cut off, and the first line comes a little after what it says.
    assert!(over.len() > 1 && over.iter().all(|then| *then <= over[0] + 5), "{over:?}");
}
