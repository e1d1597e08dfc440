//! What a cluster is made of.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::script;
use crate::cargo::{capture, command, root};
use crate::{Result, agent};

/// How many nodes of which kind.
#[derive(Debug, Clone)]
pub struct Shape {
    api_only: bool,
    /// Namespaces on this machine's kernel.
    pub nodes: usize,
    /// Each with a kernel of its own.
    pub uml_nodes: usize,
    /// The memory of each of those, with M or G.
    pub mem: String,
    /// Whether the nodes have the agent's image, `localhost/chaos-agent` with the crates' version.
    pub agent: bool,
    /// Whether tests run in it that take longer than a change can wait for.
    pub thorough: bool,
}

impl Default for Shape {
    fn default() -> Self {
        Self { api_only: false, nodes: 1, uml_nodes: 1, mem: "1G".to_owned(), agent: false, thorough: false }
    }
}

impl Shape {
    /// etcd and kube-apiserver alone, which needs no root.
    pub fn api_only() -> Self {
        Self { api_only: true, nodes: 0, uml_nodes: 0, ..Self::default() }
    }

    pub fn has_nodes(&self) -> bool {
        self.nodes + self.uml_nodes > 0
    }

    /// The options of `testbed/cluster/up`.
    pub fn options(&self) -> Vec<String> {
        if self.api_only {
            return vec!["--api-only".to_owned()];
        }
        let Self { nodes, uml_nodes, mem, .. } = self;
        let nodes = format!("--nodes {nodes} --uml-nodes {uml_nodes} --mem {mem}");
        let mut options: Vec<String> = nodes.split(' ').map(str::to_owned).collect();
        if self.agent {
            options.extend(["--image".to_owned(), agent::path().display().to_string()]);
        }
        options
    }

    /// In words.
    pub fn name(&self) -> String {
        if self.api_only {
            return "an API server".to_owned();
        }
        format!("a cluster of {} namespace and {} UML nodes", self.nodes, self.uml_nodes)
    }

    /// What the programs inside must find, by the names that `CHAOS_REQUIRE` has for it.
    pub fn requires(&self) -> &'static str {
        match (self.nodes, self.uml_nodes) {
            (0, 0) => "api",
            (_, 0) => "api,nodes",
            (0, _) => "api,uml-nodes",
            _ => "api,nodes,uml-nodes",
        }
    }
}

/// What is missing on this machine, if anything is.
pub fn check(shape: &Shape) -> Result {
    let shape = Shape { agent: false, ..shape.clone() }; // it is built only afterwards
    capture(script("up").arg("--check").args(shape.options())).map(|_| ())
}

/// Builds what has not been built yet, and says how long each part took.
pub fn build(shape: &Shape) -> Result<Vec<(&'static str, Duration)>> {
    let mut parts = vec![("Kubernetes and CoreDNS (kube/build)", "kube/build")];
    if shape.uml_nodes > 0 {
        parts.push(("kernel (kernel/uml-kernel)", "kernel/uml-kernel"));
    }
    if shape.has_nodes() {
        parts.push(("images (image/standard)", "image/standard"));
    }
    let mut times = Vec::new();
    for (what, path) in parts {
        eprintln!("> testbed/{path} (minutes the first time)");
        let since = Instant::now();
        // Its progress is shown, and the path it prints is not.
        let status = command(root().join("testbed").join(path)).stdout(Stdio::null()).status();
        let status = status.map_err(|error| format!("testbed/{path}: {error}"))?;
        if !status.success() {
            return Err(format!("testbed/{path} ended with {status}, for the reason above"));
        }
        times.push((what, since.elapsed()));
    }
    Ok(times)
}

/// Builds the agent's image, and says how long that took.
pub fn agent() -> Result<(&'static str, Duration)> {
    let since = Instant::now();
    agent::image(&[])?;
    Ok(("the agent's image (cargo xtask agent)", since.elapsed()))
}
