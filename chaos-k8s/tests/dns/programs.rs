//! Real programs, with glibc's resolver and a resolv.conf of their own.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use chaos_core::units::secs;
use chaos_k8s::node::Namespace;
use chaos_k8s::node::net::{self, DnsEffect};

use crate::scene::{PEER, PEER6, run, wait_until};
use crate::site::Site;
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] =
    &[("a_process_is_enough_to_find_its_servers", &[Need::Root, Need::Nft], by_process)];

/// A shell in the namespace that sees this file as `/etc/resolv.conf`, and glibc asking DNS for hosts.
pub(crate) struct Program(Child);

impl Program {
    /// One that does nothing, once its resolv.conf is there.
    pub(crate) fn idle(site: &Site, home: &Path, resolv: &str) -> Self {
        fs::write(home.join("resolv.conf"), resolv).unwrap();
        let program = Self::start(site, home, "exec sleep 1000");
        let there = format!("/proc/{}/root/etc/resolv.conf", program.0.id());
        wait_until("its resolv.conf", secs(30), || {
            fs::read_to_string(&there).is_ok_and(|text| text == resolv)
        });
        program
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn namespace(&self, site: &Site) -> Namespace {
        site.scene.node.namespace_of(self.0.id()).unwrap()
    }

    fn start(site: &Site, home: &Path, script: &str) -> Self {
        let (resolv, hosts) = (home.join("resolv.conf"), home.join("nsswitch.conf"));
        fs::write(&hosts, "hosts: dns\n").unwrap();
        let script = format!(
            "mount --bind {} /etc/resolv.conf && mount --bind {} /etc/nsswitch.conf && {script}",
            resolv.display(),
            hosts.display()
        );
        #[expect(clippy::disallowed_methods, reason = "a program with a file system of its own")]
        let start = || {
            Command::new("unshare")
                .args(["--mount", "sh", "-c", &script])
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        };
        Self(site.scene.target.inside(start))
    }

    fn output(mut self) -> String {
        let mut text = String::new();
        std::io::Read::read_to_string(self.0.stdout.as_mut().unwrap(), &mut text).unwrap();
        text
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn by_process() {
    let site = Site::new();
    let home = tempfile::tempdir().unwrap();
    let daemon = Program::idle(&site, home.path(), &format!("nameserver {PEER}\nnameserver {PEER6}\n"));
    let lookup =
        |name: &str| Program::start(&site, home.path(), &format!("exec getent ahostsv4 {name}")).output();
    assert!(lookup("a.example.com").contains("203.0.113.9"), "before");

    let fault = net::dns(DnsEffect::NxDomain).names("*.example.com").unwrap();
    let injection = site.begin_on(fault, daemon.namespace(&site)).unwrap();
    assert_eq!(lookup("a.example.com"), "");
    assert!(lookup("a.example.org").contains("203.0.113.9"), "another name");
    let seen = run(injection.observe()).remove(0).1.unwrap();
    assert!(seen.is_in_force() && seen.detail().contains(PEER6), "{}", seen.detail());
    run(injection.revert()).unwrap();
    assert!(lookup("a.example.com").contains("203.0.113.9"), "after");

    let empty = Program::idle(&site, home.path(), "# no server\nsearch shop.svc\n");
    let fault = net::dns(DnsEffect::NxDomain).names("*").unwrap();
    let error = site.begin_on(fault, empty.namespace(&site)).unwrap_err();
    assert!(error.chain().contains("no nameserver"), "{}", error.chain());
    assert_eq!(site.scene.left(), "");
}
