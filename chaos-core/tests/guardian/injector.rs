//! The process that injects, and that the tests kill and stop.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use chaos_core::units::{ms, secs};
use chaos_core::{BlastRadius, Chaos, Experiment, Fault, Guardian, Ledger, Mode, Targets, Undos};

use crate::fault::{File, Held, Wrong};

pub(crate) const JOB: &str = "CHAOS_TEST_GUARDIAN_JOB";
pub(crate) const HOME: &str = "CHAOS_TEST_GUARDIAN_HOME";
/// Written in place of what was found.
pub(crate) const WRONG: &str = "wrong";

pub(crate) fn run_if_asked(guardian: &Guardian) -> Option<ExitCode> {
    let job = std::env::var(JOB).ok()?;
    let home = PathBuf::from(std::env::var_os(HOME)?);
    let mut starts = OpenOptions::new().append(true).create(true).open(home.join("starts")).unwrap();
    writeln!(starts, "{}", std::process::id()).unwrap();
    let injector = Injector { guardian: guardian.clone().log(home.join("log")), home };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(injector.live(&job));
    Some(ExitCode::SUCCESS)
}

struct Injector {
    home: PathBuf,
    guardian: Guardian,
}

impl Injector {
    async fn live(self, job: &str) {
        match job {
            // Until told, or killed.
            "hold" => self.hold(secs(600), Guardian::MARGIN, || {}).await,
            "hold for 300 ms" => self.hold(ms(300), ms(200), || {}).await,
            "hold for 300 ms or be ended" => {
                let guardian = self.guardian.clone().ends_its_injector();
                Self { guardian, ..self }.hold(ms(300), ms(200), || {}).await;
            }
            "hold with children" => {
                let before = bystander();
                let mut after = None;
                self.hold(secs(600), Guardian::MARGIN, || after = Some(bystander())).await;
                [Some(before), after].into_iter().flatten().for_each(end);
            }
            "hold and leave orphans" => {
                #[expect(clippy::disallowed_methods, reason = "orphans are the point")]
                let shell = Command::new("sh").args(["-c", "(sleep 0.1 &); (true &)"]).status();
                assert!(shell.unwrap().success());
                self.hold(secs(600), Guardian::MARGIN, || {}).await;
            }
            "hold whatever comes" => {
                let terminate = tokio::signal::unix::SignalKind::terminate();
                let _heard = tokio::signal::unix::signal(terminate).unwrap();
                self.hold(secs(600), Guardian::MARGIN, || {}).await;
            }
            "hold without end" => {
                let again = self.home.join("file-0");
                self.hold(ms(300), ms(200), || {
                    std::thread::spawn(move || {
                        let beside = again.with_extension("again");
                        loop {
                            // Whole or not at all: the test reads it at any moment.
                            fs::write(&beside, WRONG).unwrap();
                            fs::rename(&beside, &again).unwrap();
                            std::thread::sleep(ms(5));
                        }
                    });
                })
                .await;
            }
            "experiment" => self.experiment(secs(600)).await,
            "short experiment" => self.experiment(ms(200)).await,
            _ => panic!("no such job: {job}"),
        }
    }

    fn ledger(&self) -> Arc<Ledger> {
        let undos = Undos::none().with::<Held>(()).unwrap();
        Arc::new(Ledger::open(self.home.join("ledger"), undos).unwrap())
    }

    fn files(&self) -> Targets<File> {
        let names = fs::read_dir(&self.home).unwrap().map(|entry| entry.unwrap().path());
        Targets::these(names.filter(|path| is_file_of_ours(path)).map(File)).unwrap()
    }

    async fn hold(self, lasting: Duration, margin: Duration, in_force: impl FnOnce()) {
        let ledger = self.ledger();
        let injection = Chaos::seeded(7)
            .inject(Wrong(WRONG).on(self.files(), Mode::ALL), BlastRadius::percent(100).unwrap())
            .ledger(Arc::clone(&ledger))
            .guardian(self.guardian.clone().margin(margin), lasting)
            .begin()
            .await
            .unwrap();
        in_force();
        say("in force");
        wait_for_word();
        injection.revert().await.unwrap();
        Arc::into_inner(ledger).unwrap().close().unwrap();
        say("reverted");
        wait_for_word();
    }

    async fn experiment(self, lasting: Duration) {
        let report = Experiment::new(&Chaos::seeded(7), "somebody takes it back")
            .fault(Wrong(WRONG).on(self.files(), Mode::ALL))
            .blast_radius(BlastRadius::percent(100).unwrap())
            .lasting(lasting)
            .ledger(self.ledger())
            .guardian(self.guardian.clone())
            .progress(|progress| {
                if progress.in_force > 0 {
                    say("in force");
                }
            })
            .run()
            .await
            .unwrap();
        assert!(report.notes.is_empty(), "{report}");
        say("reverted");
    }
}

pub(crate) fn is_file_of_ours(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("file-") && !name.contains('.')
}

fn say(word: &str) {
    let mut out = std::io::stdout();
    // The test may have heard enough.
    let _ = writeln!(out, "{word}").and_then(|()| out.flush());
}

fn wait_for_word() {
    std::io::stdin().lock().read_line(&mut String::new()).unwrap();
}

/// A child that does nothing and lives long, with whatever it inherits.
#[expect(clippy::disallowed_methods, reason = "a child that outlives its parent is the point")]
fn bystander() -> Child {
    let mut command = Command::new("sleep");
    command.arg("60").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn end(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}
