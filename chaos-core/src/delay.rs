//! temporary
use crate::dice::Stream;
use std::time::Duration;
/// temporary
#[derive(Debug, Clone)]
pub struct Delay(Duration);
#[allow(missing_docs)]
impl Delay {
    pub fn fixed(d: Duration) -> Self {
        Self(d)
    }
    pub fn sample(&self, _s: Stream, _o: u64) -> Duration {
        self.0
    }
}
impl std::fmt::Display for Delay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
