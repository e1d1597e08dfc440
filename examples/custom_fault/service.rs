//! The service under test: it looks things up, and takes its timeout from a configuration file at every request.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use chaos_core::measure::Recorder;
use chaos_core::point::Step;
use chaos_core::units::ms;
use chaos_core::{Chaos, Point, Result};

/// A look-up in the service's store: a place in plain code where faults can happen.
#[derive(Debug)]
pub struct Lookup {
    pub key: u64,
}

impl Step for Lookup {
    const NAME: &'static str = "look-up";
    type Error = io::Error;
}

pub struct Service {
    config: PathBuf,
    lookups: Point<Lookup>,
    chaos: Chaos,
    calls: Recorder,
}

impl Service {
    pub fn new(chaos: &Chaos, config: PathBuf) -> Result<Self> {
        let lookups = chaos.point("look-up")?;
        Ok(Self { config, lookups, chaos: chaos.clone(), calls: Recorder::new("service") })
    }

    /// What its callers see.
    pub fn calls(&self) -> &Recorder {
        &self.calls
    }

    pub fn lookups(&self) -> Point<Lookup> {
        self.lookups.clone()
    }

    /// Serves a request every few milliseconds, for ever.
    pub async fn serve(&self) {
        let clock = self.chaos.clock();
        for key in 0.. {
            let call = self.calls.start(clock.now());
            let found = clock.timeout(self.timeout(), self.lookups.pass(&Lookup { key })).await;
            call.end(clock.now(), matches!(found, Ok(Ok(()))));
            clock.sleep(ms(2)).await;
        }
    }

    /// The timeout in force. A value that cannot be meant, or none, is the default: what the experiment is to prove.
    fn timeout(&self) -> Duration {
        const DEFAULT: Duration = ms(250);
        let config = fs::read_to_string(&self.config).unwrap_or_default();
        let asked = config.lines().find_map(|line| line.strip_prefix("timeout_ms=")?.trim().parse().ok());
        asked.filter(|asked| (10..=10_000).contains(asked)).map_or(DEFAULT, Duration::from_millis)
    }
}
