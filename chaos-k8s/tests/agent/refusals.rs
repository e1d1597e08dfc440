//! What is wrong is said in one line, before anything is touched.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use chaos_core::units::secs;
use chaos_k8s::agent::spec::Spec;
use chaos_k8s::agent::status::Ending;

use crate::agent::{Agent, command, program};
use crate::network::spec;
use crate::node::NetnsDir;
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] = &[
    ("a_spec_that_is_none_is_refused", &[], bad_specs),
    ("a_command_line_that_is_none_is_refused", &[], bad_words),
    ("an_agent_that_starts_too_late_does_nothing", &[Need::Root, Need::Nft], late),
    ("an_agent_that_cannot_work_touches_nothing", &[Need::Root, Need::Nft], unable),
];

fn bad_specs() {
    for (text, said) in [("", "empty"), ("$$", "no base64"), ("e30=", "version")] {
        let mut agent = Agent::start_with(command(program()), text);
        let end = agent.ends(Ending::Invalid);
        assert!(end.detail.contains(said) && !end.detail.contains('\n'), "{}", end.detail);
        assert_eq!(agent.log().lines.len(), 1, "{}", agent.said());
    }
    // As an empty variable of Kubernetes, and one that is not there.
    let output = command(program()).arg("run").output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains(Spec::VARIABLE) && said.lines().count() == 1, "{said}");
}

fn bad_words() {
    let run = "0000000000aa-00000000000000bb";
    for (words, code, said) in [
        (&["dance"][..], 2, "chaos-agent"),
        (&["run", "fast"], 2, "chaos-agent"),
        (&["tell"], 2, "chaos-agent"),
        (&["tell", run, "stop"], 1, "CHAOS_AGENT_TOKEN"),
        (&["help"], 0, "chaos-agent"),
        (&["version"], 0, env!("CARGO_PKG_VERSION")),
        (&["doctor"], 0, "cgroups"),
    ] {
        let output = command(program()).args(words).output().unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.code() == Some(code) && out.contains(said), "{words:?}: {out}");
    }
    let token = "x".repeat(32);
    for (words, said) in
        [(["x", "stop"], "run"), ([run, "dance"], "no such order"), ([run, "stop"], "no agent of run")]
    {
        let output =
            command(program()).arg("tell").args(words).env("CHAOS_AGENT_TOKEN", &token).output().unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.code() == Some(1) && out.contains(said) && out.lines().count() == 1, "{out}");
    }
}

fn late() {
    let dir = NetnsDir::new();
    let mut spec = spec(dir.path());
    spec.not_after = Some(1);
    let mut agent = Agent::start(&spec);
    let end = agent.ends(Ending::Nothing);
    assert!(end.detail.contains("after the time"), "{}", end.detail);
    // The greeting and the end, and no word of an item.
    assert_eq!(agent.log().lines.len(), 2, "{}", agent.said());
}

fn unable() {
    let dir = NetnsDir::new();
    let mut spec = spec(dir.path());
    // A program of the pod that wants to be asked in the agent's place.
    let name = format!("chaos-{}", spec.run);
    let taken = SocketAddr::from_abstract_name(name).unwrap();
    let squatter = UnixListener::bind_addr(&taken).unwrap();
    let end = Agent::start(&spec).ends(Ending::Unable);
    assert!(end.detail.contains("here already"), "{}", end.detail);
    drop(squatter);
    spec.kept_in = Some("/nowhere".into());
    let end = Agent::start(&spec).ends(Ending::Unable);
    assert!(end.detail.contains("/nowhere"), "{}", end.detail);
    // With nothing to do for it there is no reason to wait.
    spec.kept_in = None;
    spec.lasting = secs(300);
    Agent::start(&spec).ends(Ending::Nothing);
}
