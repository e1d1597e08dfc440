//! The command line of `cargo xtask cluster`.

use super::{PROGRAMS, SCRIPTS, Shape};
use crate::Result;
use crate::kernel::split;

/// What it asks for.
pub struct Asked {
    pub shape: Shape,
    /// Programs; none for all.
    pub names: Vec<String>,
    /// What comes after `--`, for the programs.
    pub words: Vec<String>,
}

impl Asked {
    pub fn read(args: &[String]) -> Result<Self> {
        let (args, words) = split(args);
        let (mut shape, mut names) = (Shape::default(), Vec::new());
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--api-only" => shape = Shape::api_only(),
                "--thorough" => shape.thorough = true,
                "--nodes" => shape.nodes = count(arg, value()?)?,
                "--uml-nodes" => shape.uml_nodes = count(arg, value()?)?,
                "--mem" => shape.mem = value()?.clone(),
                name if SCRIPTS.contains(&name) || PROGRAMS.iter().any(|(known, _)| *known == name) => {
                    names.push(arg.clone());
                }
                _ => {
                    let known: Vec<&str> = PROGRAMS.iter().map(|(name, _)| *name).collect();
                    return Err(format!(
                        "{arg:?}: there are the options --api-only, --nodes N, --uml-nodes N, --mem SIZE (such as 1G) and \
                         --thorough, and the programs {}, {}; words for them come after `--`",
                        SCRIPTS.join(", "),
                        known.join(", ")
                    ));
                }
            }
        }
        Ok(Self { shape, names, words: words.to_vec() })
    }
}

fn count(option: &str, value: &str) -> Result<usize> {
    match value.parse() {
        Ok(count) if count <= 200 => Ok(count),
        _ => Err(format!("{option} {value:?}: a number of nodes is 0 to 200")),
    }
}
