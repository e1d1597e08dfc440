//! The process that a siding runs in is killed.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Instant;

use chaos_core::Chaos;
use chaos_core::units::ms;
use chaos_k8s::Node;
use chaos_k8s::node::net::own::{NetemFault, Place, Runner};
use chaos_k8s::node::net::{Direction, IfName, Netem};

use super::scene::{MARK, NEEDS, Scene, TARGET, ip, table, wait_until};
use super::support::Test;

pub(crate) const TESTS: &[Test] = &[("killed_it_leaves_nothing", NEEDS, killed)];

const INJECTOR: &str = "--injector";

/// This program as the one that is killed: a siding in the namespace that is its last argument, until its input ends.
pub(crate) fn injector_if_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next()? != INJECTOR {
        return None;
    }
    let chaos = Chaos::seeded(7);
    let namespace = Node::new(&chaos).namespace_at(PathBuf::from(arguments.next().unwrap())).unwrap();
    let place = Place {
        namespace,
        device: IfName::try_new("v0").unwrap(),
        direction: Direction::Egress,
        tap: IfName::try_new("tap7").unwrap(),
        mark: MARK,
        purpose: "killed".to_owned(),
    };
    let slow = NetemFault::try_new(Netem { delay: ms(40), ..Netem::default() }).unwrap();
    let siding = Runner::start(&chaos).unwrap().open(&place, slow).unwrap();
    println!("ready");
    let _ = std::io::stdin().read_line(&mut String::new());
    drop(siding);
    Some(ExitCode::SUCCESS)
}

fn killed() {
    let scene = Scene::new();
    let path = scene.here.path().display().to_string().replace("self", &std::process::id().to_string());
    let mut injector = begin(&std::env::current_exe().unwrap(), &[INJECTOR, &path]);
    let mut said = String::new();
    BufReader::new(injector.stdout.as_mut().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said.trim(), "ready");

    // An owned table lives as long as the socket that made it: here that of an `nft` which is killed beside the injector, where the
    // engine's is in the same process.
    let mut owner = scene.here.inside(|| begin(Path::new("nft"), &["-i"]));
    let mut input = owner.stdin.take().unwrap();
    writeln!(input, "{}", table("flags owner;", "tap7")).unwrap();
    wait_until("the table is there", || scene.round_trip(TARGET, 1).0 >= ms(40));

    injector.kill().unwrap();
    owner.kill().unwrap();
    let begun = Instant::now();
    injector.wait().unwrap();
    owner.wait().unwrap();
    wait_until("the TAP is gone", || !scene.has_tap());
    println!("gone {:?} after the kill", begun.elapsed());
    let (least, _) = scene.round_trip(TARGET, 5);
    assert!(least < ms(20), "direct again: {least:?}");
    scene.here.inside(|| ip("link delete v0"));
}

fn begin(program: &Path, arguments: &[&str]) -> Child {
    #[expect(clippy::disallowed_methods, reason = "the processes that are killed")]
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}
