//! Makes calls of one case, for callgrind to count: `cargo xtask instructions` runs it with few calls and with many, and
//! the difference is what a call costs.
//!
//! ```text
//! instructions --list             one case a line, then a tab and its limit, if it has one
//! instructions CASE CALLS
//! ```

use std::error::Error;
use std::io::{self, Write};

use chaos_benches::cases;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--list"] => list(),
        [name, calls] => {
            let case = cases().into_iter().find(|case| case.name == name);
            let case = case.ok_or_else(|| format!("no case {name:?}: --list prints them"))?;
            let calls = calls.parse()?;
            (case.start)(1)?.iter_mut().for_each(|worker| worker(calls));
            Ok(())
        }
        _ => Err("say --list, or a case and a number of calls".into()),
    }
}

fn list() -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout();
    for case in cases() {
        let limit = case.limit.map_or_else(String::new, |limit| limit.to_string());
        writeln!(out, "{}\t{limit}", case.name)?;
    }
    Ok(())
}
