//! The comparison of mounts runs, and nothing of it stays: a file of its own, because its program is a guardian too.

use std::error::Error;

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn Error>> {
    use chaos_benches::mount::{Sites, run_if_asked, table, works};

    let guardian = run_if_asked();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let Some(sites) = runtime.block_on(Sites::begin(&guardian))? else { return Ok(()) };
    let places: Vec<_> = sites.all().iter().map(|site| site.at.clone()).collect();
    let works: Vec<_> =
        works().into_iter().map(|work| chaos_benches::mount::Work { times: 3, ..work }).collect();
    let table = table(&sites, &works, 1)?;
    for work in &works {
        assert!(table.contains(work.name), "{} is not in the table:\n{table}", work.name);
    }
    assert!(!table.contains("NaN"), "{table}");
    for site in &sites.all()[1..] {
        let (seen, behind) = (site.at.join("file"), site.source.join("file"));
        assert!(std::fs::read(seen)? == std::fs::read(behind)?, "{}: not what is behind it", site.name);
    }
    runtime.block_on(sites.end())?;
    for place in places {
        assert!(!place.exists(), "{} is left", place.display());
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn main() -> Result<(), Box<dyn Error>> {
    use std::io::Write;

    Ok(writeln!(std::io::stdout(), "not run: no FUSE")?)
}
