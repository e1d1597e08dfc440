//! What is refused for want of rights, of the line in `main`, or of real time: before anything is touched.

use std::os::unix::process::CommandExt;
use std::process::Command;

use chaos_core::{BlastRadius, Chaos, Fault, Ledger, Mode, Targets};
use chaos_k8s::Node;
use chaos_k8s::node::process;

use crate::support::{Need, Test};
use crate::victim::{Victim, block_on};

pub(crate) const TESTS: &[Test] = &[
    ("a_process_of_another_user_is_refused_with_what_it_needs", &[Need::Root], of_another_user),
    ("a_program_without_the_line_is_told_what_to_add", &[Need::Ptrace], without_the_line),
    ("a_paused_clock_is_refused", &[], paused_clock),
];

/// Makes `main` forget the line.
pub(crate) const LACKS_THE_LINE: &str = "CHAOS_TEST_PROCESS_LACKS_THE_LINE";
const VICTIM: &str = "CHAOS_TEST_PROCESS_RIGHTS";

/// Says what this process may do to the victim.
pub(crate) fn run_if_asked() -> bool {
    // Its own children are tracers, and not asked.
    let Ok(victim) = std::env::var(VICTIM) else { return false };
    if std::env::args().count() > 1 {
        return false;
    }
    block_on(async {
        let chaos = Chaos::seeded(1);
        let node = Node::new(&chaos);
        let target = node.process(victim.parse().unwrap()).unwrap();
        let said = [
            process::pause().prepare(&target).await.err(),
            process::pause().or_stop().prepare(&target).await.err(),
            process::stop().prepare(&target).await.err(),
            process::kill().prepare(&target).await.err(),
        ];
        println!(
            "{}",
            said.map(|error| error.map_or("planned".to_owned(), |error| error.to_string())).join("\n")
        );
        let ledger = Ledger::in_memory(node.undos().unwrap());
        let inject = chaos
            .inject(process::pause().on(Targets::one(target), Mode::ALL), BlastRadius::count(1).unwrap())
            .ledger(ledger);
        println!("{}", inject.begin().await.err().map_or("injected".to_owned(), |error| error.chain()));
    });
    true
}

fn asked(victim: &Victim, change: impl FnOnce(&mut Command)) -> Vec<String> {
    #[expect(clippy::disallowed_methods, reason = "a process with other rights")]
    let mut command = Command::new("/proc/self/exe");
    change(command.env(VICTIM, victim.pid().to_string()));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn of_another_user() {
    const NOBODY: u32 = 65_534;
    let victim = Victim::counts();
    let said = asked(&victim, |command| {
        command.uid(NOBODY).gid(NOBODY);
    });
    let [pause, or_stop, stop, kill, inject] = &said[..] else { panic!("{said:?}") };
    assert!(pause.contains("CAP_SYS_PTRACE") && pause.contains("process::stop()"), "{pause}");
    for refused in [or_stop, stop, kill] {
        assert!(refused.contains("CAP_KILL"), "{refused}");
    }
    assert!(inject.contains("CAP_SYS_PTRACE"), "{inject}");
    assert_eq!(victim.states(), "S");
}

fn without_the_line() {
    let victim = Victim::counts();
    let said = asked(&victim, |command| {
        command.env(LACKS_THE_LINE, "1");
    });
    let [pause, or_stop, .., inject] = &said[..] else { panic!("{said:?}") };
    assert_eq!((pause.as_str(), or_stop.as_str()), ("planned", "planned"));
    assert!(inject.contains("begin its main with"), "{inject}");
    assert_eq!(victim.states(), "S");
}

fn paused_clock() {
    let victim = Victim::counts();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let target = Node::new(&Chaos::seeded(1)).process(victim.pid()).unwrap();
        assert!(process::pause().prepare(&target).await.unwrap_err().is_clock());
        assert!(process::kill().prepare(&target).await.unwrap_err().is_clock());
    });
    assert_eq!(victim.states(), "S");
}
