//! A cluster that is up.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::{Shape, run_script, script};
use crate::Result;
use crate::cargo::{capture, root, show};

/// A cluster of its own name, with its guard: a process that takes it down when this one has ended, in whatever way.
pub struct Live {
    name: String,
    shape: Shape,
    what: String,
    guard: Child,
    up: Duration,
    interrupted: Arc<AtomicBool>,
}

impl Live {
    /// Brings it up. A first Ctrl-C then ends what runs in it, and it is taken down; a second one leaves that to the guard.
    pub fn up(shape: &Shape) -> Result<Self> {
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&interrupted))
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&interrupted)))
                .map_err(|error| format!("signal {signal}: {error}"))?;
        }
        let name = format!("xtask-{}", std::process::id());
        // In a session of its own, where no terminal's signal reaches it.
        let guard = crate::cargo::command("setsid")
            .arg(root().join("testbed/cluster/guard"))
            .env("TESTBED_NAME", &name)
            .stdin(Stdio::piped())
            .spawn()
            .map_err(|error| format!("setsid: {error}"))?;
        let mut cluster =
            Self { what: shape.name(), name, shape: shape.clone(), guard, up: Duration::ZERO, interrupted };
        let since = Instant::now();
        // What fails or is interrupted takes itself down, but for its logs.
        let up = run_script("up", &cluster.name, &shape.options()).and_then(|()| cluster.must_go_on());
        cluster.up = since.elapsed();
        match up {
            Ok(()) => Ok(cluster),
            Err(error) => cluster.down(false).and(Err(error)),
        }
    }

    /// What it is, in words.
    pub fn what(&self) -> &str {
        &self.what
    }

    pub fn times(&self) -> [(&'static str, Duration); 1] {
        [("up, until all of it is ready", self.up)]
    }

    /// A program in the control plane's network, to be started. It is given, besides this process's environment, KUBECONFIG;
    /// TESTBED_NAME and TESTBED_CLUSTER, the cluster's name and the folder of the scripts that act on it;
    /// CHAOS_EXAMPLES, where cargo puts examples; and in
    /// CHAOS_CLUSTER and CHAOS_REQUIRE what the cluster has: `api`, `nodes`, `uml-nodes`; and CHAOS_THOROUGH, where tests are asked
    /// for that take longer than a change can wait for.
    pub fn command(&self, program: &Path) -> Command {
        let demanded = std::env::var("CHAOS_REQUIRE").unwrap_or_default();
        let mut command = script("exec");
        command
            .arg(program)
            .env("TESTBED_NAME", &self.name)
            .env("TESTBED_CLUSTER", root().join("testbed/cluster"))
            .env("CHAOS_EXAMPLES", super::target().join("debug/examples"))
            .env("CHAOS_CLUSTER", self.shape.requires())
            .env("CHAOS_REQUIRE", format!("{demanded},{}", self.shape.requires()));
        if self.shape.thorough {
            command.env("CHAOS_THOROUGH", "1");
        }
        command
    }

    /// An error once somebody has asked to stop.
    pub fn must_go_on(&self) -> Result {
        if self.interrupted.load(Ordering::Relaxed) { Err("interrupted".to_owned()) } else { Ok(()) }
    }

    /// Shows what is in it, for somebody who looks for a failure.
    pub fn show(&self) {
        if self.must_go_on().is_ok() {
            let words = "get nodes,pods,events --all-namespaces -o wide --request-timeout=20s";
            let _ = show(script("kubectl").env("TESTBED_NAME", &self.name).args(words.split(' ')));
        }
    }

    /// Takes it down, and looks for what is left. Its logs stay unless all went `well`.
    pub fn down(mut self, well: bool) -> Result {
        if let (Some(mut to_guard), true) = (self.guard.stdin.take(), well) {
            to_guard.write_all(b"done\n").map_err(|error| format!("the cluster's guard: {error}"))?;
        }
        let status = self.guard.wait().map_err(|error| format!("the cluster's guard: {error}"))?;
        if !status.success() {
            return Err(format!("the cluster {} could not be taken down: {status}", self.name));
        }
        capture(script("left-overs").env("TESTBED_NAME", &self.name))
            .map(|_| ())
            .map_err(|error| format!("something is left of the cluster {}: {error}", self.name))
    }
}
