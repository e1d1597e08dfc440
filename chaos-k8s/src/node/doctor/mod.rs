//! What this kernel, its modules and our rights can do: looked at by trying, never guessed.
//!
//! ```no_run
//! use chaos_core::Chaos;
//! use chaos_k8s::Node;
//! let findings = Node::new(&Chaos::random()).doctor();
//! println!("{findings}");
//! assert!(findings.of("netem").is_none_or(|netem| netem.works()), "no delays by the kernel itself");
//! ```
//!
//! Network pieces are made for a moment in a network namespace of their own, which nobody sees and which is gone
//! afterwards. Without the right to make one (CAP_SYS_ADMIN) they are not looked at, and the finding says so. Nothing else
//! is touched: cgroups and processes are only read.

mod cgroups;
mod finding;
#[cfg(feature = "net")]
mod network;
mod processes;
mod rights;

use std::fmt;

pub use finding::{Finding, State};

use super::Node;

/// What was found, in the order of [`Node::doctor`].
#[derive(Debug, Clone)]
#[must_use = "findings are for reading"]
pub struct Findings {
    kernel: String,
    findings: Vec<Finding>,
}

impl Findings {
    /// The release of the kernel: `"6.12.3"`.
    pub fn kernel(&self) -> &str {
        &self.kernel
    }

    /// The finding of this name: `"netem"`.
    pub fn of(&self, name: &str) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.name() == name)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter()
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Linux {}", self.kernel)?;
        let mut group = "";
        for finding in &self.findings {
            if finding.group() != group {
                group = finding.group();
                write!(f, "\n\n{group}")?;
            }
            write!(f, "\n  {finding}")?;
        }
        Ok(())
    }
}

impl Node {
    /// Looks at what this machine can do. Takes some ten milliseconds and blocks the thread for as long.
    pub fn doctor(&self) -> Findings {
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")
            .unwrap_or_else(|_| "of unknown release".into());
        let mut findings = rights::look();
        #[cfg(feature = "net")]
        findings.extend(network::look());
        findings.extend(cgroups::look());
        findings.extend(processes::look());
        Findings { kernel: kernel.trim().to_owned(), findings }
    }
}

const RELEASE: &str = "/proc/sys/kernel/osrelease";

/// The first two numbers of the kernel's release.
fn release() -> Option<(u32, u32)> {
    let release = std::fs::read_to_string(RELEASE).ok()?;
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|number| number.parse().ok());
    Some((numbers.next()?, numbers.next()?))
}

#[cfg(test)]
mod tests {
    use chaos_core::Chaos;

    use super::*;

    #[test]
    fn every_finding_has_a_name_of_its_own_and_missing_ones_say_what_brings_them() {
        let findings = Node::new(&Chaos::seeded(1)).doctor();
        let mut names: Vec<_> = findings.iter().map(Finding::name).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "{findings}");
        assert!(!findings.kernel().is_empty());
        for finding in findings.iter().filter(|finding| matches!(finding.state(), State::Missing { .. })) {
            assert!(!finding.brought_by().is_empty() && !finding.without().is_empty(), "{finding}");
        }
    }

    #[test]
    fn what_is_found_is_the_same_twice() {
        let look = || Node::new(&Chaos::seeded(1)).doctor().to_string();
        assert_eq!(look(), look());
    }
}
