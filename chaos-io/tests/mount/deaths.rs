//! The server of a mount is killed or stopped, with its guardian or without.

use std::fs::{self, File};
use std::io::Read;
use std::time::Instant;

use chaos_core::ledger::sweep;
use rustix::process::Signal;

use crate::Test;
use crate::scene::{Scene, run, undos, wait_until};
use crate::server::{Server, kill, runs};

pub(crate) const TESTS: &[Test] = &[
    ("a_killed_server_leaves_no_mount", a_killed_server),
    ("a_stopped_server_is_unmounted_at_the_deadline_and_its_programs_go_on", a_stopped_server),
    ("server_and_guardian_killed_the_sweep_unmounts", both_killed),
    ("an_ended_server_leaves_nothing", an_ended_server),
];

fn a_killed_server() {
    let mut took = Vec::new();
    for round in 0..12 {
        let Some(scene) = Scene::bare() else { return };
        fs::write(scene.below("data"), "found").unwrap();
        let job = if round % 2 == 0 { "serve" } else { "serve without a ledger" };
        let mut server = Server::start(&scene, job);
        // A program has a file open, as they do.
        let mut open = File::open(scene.file("data")).unwrap();
        server.kill();
        took.push(scene.wait_for_no_mount());
        assert!(open.read_to_string(&mut String::new()).is_err(), "nobody serves it");
        wait_until("the guardian ends", || !runs(server.guardian));
        assert!(fs::read_dir(scene.at()).unwrap().next().is_none(), "the bare mount point");
        assert_eq!(fs::read_to_string(scene.below("data")).unwrap(), "found");
        let ledgers = fs::read_dir(scene.home().join("ledger")).map_or(0, Iterator::count);
        assert_eq!(ledgers, 0, "struck by the guardian");
    }
    took.sort();
    println!(
        "SIGKILL of the server: {} of 12 unmounted, median {:?}, max {:?}",
        took.len(),
        took[6],
        took[11]
    );
}

fn a_stopped_server() {
    let Some(scene) = Scene::bare() else { return };
    fs::write(scene.below("data"), "found").unwrap();
    let server = Server::start(&scene, "serve for 300 ms");
    let path = scene.file("data");
    let mut open = File::open(&path).unwrap();
    server.signal(Signal::STOP);
    // On a busy machine a thread of it may still answer after the signal was sent.
    wait_until("every thread of the server is stopped", || server.is_stopped());
    // Blocked on a server that does not answer.
    let reader = std::thread::spawn(move || open.read_to_string(&mut String::new()));
    let since = Instant::now();
    scene.wait_for_no_mount();
    println!("SIGSTOP with 300 ms to the deadline: unmounted after {:?}", since.elapsed());
    assert!(reader.join().unwrap().is_err(), "let go");
    server.signal(Signal::CONT);
}

fn both_killed() {
    for job in ["serve", "serve without a guardian"] {
        let Some(scene) = Scene::bare() else { return };
        let mut server = Server::start(&scene, job);
        if server.guardian != 0 {
            kill(server.guardian);
            wait_until("the guardian is dead", || !runs(server.guardian));
        }
        server.kill();
        assert!(scene.is_mounted());
        let dead = fs::metadata(scene.at()).unwrap_err();
        assert_eq!(dead.raw_os_error(), Some(rustix::io::Errno::NOTCONN.raw_os_error()));
        // A new mount there says what is wrong.
        let refused = run(scene.mount().begin()).unwrap_err();
        assert!(refused.is_refused() && refused.to_string().contains("sweep"), "{refused}");

        let swept = run(sweep(scene.home().join("ledger"), &undos().unwrap())).unwrap();
        assert!(swept.is_clean() && swept.reverted().len() == 1, "{swept}");
        assert!(!scene.is_mounted());
        assert!(fs::read_dir(scene.at()).unwrap().next().is_none());
    }
}

fn an_ended_server() {
    let Some(scene) = Scene::bare() else { return };
    let mut server = Server::start(&scene, "serve");
    fs::write(scene.file("data"), "written").unwrap();
    server.end();
    assert!(!scene.is_mounted() && !runs(server.guardian));
    assert_eq!(fs::read_to_string(scene.below("data")).unwrap(), "written");
    assert_eq!(fs::read_dir(scene.home().join("ledger")).unwrap().count(), 0);
}
