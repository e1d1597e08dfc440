use std::convert::Infallible;

use chaos_core::Rule;
use chaos_core::point::{Step, step};

struct Tick;
impl Step for Tick {
    const NAME: &'static str = "tick";
    type Error = Infallible;
}

// A step that cannot fail takes no error rule.
fn rule() -> Rule<Tick> {
    step::error(|_| std::io::Error::other("no"))
}

fn main() {
    let _ = rule();
}
