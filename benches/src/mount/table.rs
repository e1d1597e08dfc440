//! [`table`]: every piece of work at every site, the sites taking turns.

use std::error::Error;
use std::fmt::Write;

use super::sites::Sites;
use super::works::Work;

/// Does all `works` at all sites, `rounds` times over, and writes the figures down: the median time at each site, and the
/// medians of the ratios within a round, whose sites were measured one right after the other.
///
/// # Errors
/// Those of the file system.
pub fn table(sites: &Sites, works: &[Work], rounds: usize) -> Result<String, Box<dyn Error>> {
    let sites = sites.all();
    let mut table = String::from(
        "| work, us each | bare | pass-through | ours, off | ours, armed | pass-through / bare | off / pass-through | armed / \
         pass-through | armed / off |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for work in works {
        for site in sites {
            (work.prepare)(&site.source)?;
        }
        let mut times = vec![Vec::with_capacity(rounds); sites.len()];
        // The first round warms up. Each begins with another site, so that none is always the one after the bare one.
        for round in 0..=rounds {
            for turn in 0..sites.len() {
                let nth = (round + turn) % sites.len();
                let took = (work.turn)(&sites[nth].at, work.times)?;
                if round > 0 {
                    times[nth].push(took.as_secs_f64() * 1e6 / work.times as f64);
                }
            }
        }
        write!(table, "| {} |", work.name)?;
        for times in &times {
            let each = median(times.clone());
            match work.bytes {
                Some(bytes) => write!(table, " {each:.1} ({:.0} MB/s) |", bytes as f64 / each)?,
                None => write!(table, " {each:.1} |")?,
            }
        }
        for (of, to) in [(1, 0), (2, 1), (3, 1), (3, 2)] {
            let ratios = times[of].iter().zip(&times[to]).map(|(of, to)| of / to).collect();
            write!(table, " {:.2} |", median(ratios))?;
        }
        table.push('\n');
    }
    Ok(table)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
