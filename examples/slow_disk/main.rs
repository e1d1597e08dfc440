//! A real database on a disk that is slow, then broken: SQLite knows nothing of this crate.
//!
//! ```text
//! cargo run --example slow_disk          # needs Linux, /dev/fuse and the right to mount (root)
//! ```
//!
//! Its directory is mounted at a second place, where every operation passes a point. Commits are timed as they are, with
//! a slow fsync, and with one that fails; then the data is looked at.

#[cfg(target_os = "linux")]
mod shop;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    // First of all: when this program dies, its guardian unmounts.
    let guardian = chaos_core::guardian::run_if_asked(disk::undos);
    match disk::run(guardian) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("not run: no FUSE");
}

#[cfg(target_os = "linux")]
mod disk {
    use std::fs;
    use std::time::Duration;

    use chaos_core::units::ms;
    use chaos_core::{Chaos, Delay, Guardian, Ledger, Undos};
    use chaos_io::mount::{Mount, MountUndo};
    use chaos_io::{Io, IoKind, errno, kind, latency};

    use super::shop::Shop;

    type Failure = Box<dyn std::error::Error>;

    const EIO: i32 = 5;

    /// What the guardian, and a sweep, can take back.
    pub fn undos() -> chaos_core::Result<Undos> {
        Undos::none().with::<MountUndo>(())
    }

    #[tokio::main(flavor = "current_thread")]
    pub async fn run(guardian: Guardian) -> Result<(), Failure> {
        let home = tempfile::tempdir()?;
        let [data, disk, ledger] = ["data", "disk", "ledger"].map(|name| home.path().join(name));
        fs::create_dir(&data)?;
        fs::create_dir(&disk)?;
        let point = Chaos::seeded(7).point::<Io>("disk")?;
        let mount = Mount::new(&data, &disk, point.clone())
            .guardian(guardian)
            .ledger(Ledger::open(&ledger, undos()?)?);
        let mounted = match mount.begin().await {
            Err(error) if error.is_refused() && !is_demanded() => {
                println!("not run: {error}");
                return Ok(());
            }
            mounted => mounted?,
        };

        let mut shop = Shop::open(&disk.join("shop.db"))?;
        let found = shop.time_of_orders(100)?;
        say("as it is", found);

        let slow = point.arm(latency(Delay::fixed(ms(20))).when(kind(IoKind::Sync)))?;
        let slowed = shop.time_of_orders(10)?;
        say("fsync takes 20 ms longer", slowed);
        println!("  {} fsyncs were slow, {} per commit", slow.hits(), slow.hits() / 10);
        slow.revert();

        let broken = point.arm(errno(EIO)?.when(kind(IoKind::Sync)))?;
        let refused = shop.order().err().ok_or("a commit without fsync succeeded")?;
        println!("fsync fails:               {refused}");
        broken.revert();

        say("as it was", shop.time_of_orders(100)?);
        let on_the_mount = shop.close_and_count(&disk.join("shop.db"))?;
        mounted.end().await?;
        let behind_it = Shop::count(&data.join("shop.db"))?;
        println!("after:                     {behind_it} orders, integrity ok, nothing mounted");

        let right = slowed > found && on_the_mount == behind_it && behind_it >= 210;
        if right { Ok(()) } else { Err("the database is not as it should be".into()) }
    }

    fn say(what: &str, commit: Duration) {
        println!("{what:<26} {:>8.2} ms per commit (median)", commit.as_secs_f64() * 1e3);
    }

    fn is_demanded() -> bool {
        std::env::var("CHAOS_REQUIRE").is_ok_and(|what| what.split(',').any(|what| what == "fuse"))
    }
}
