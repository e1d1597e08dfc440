//! What the http and the tcp probe have in common: bounds, and the way to a [`Probe`](chaos_core::Probe).

/// Gives a type with `ask` and `bounds` the settings of both, and those of a probe.
macro_rules! settings {
    ($probe:ident) => {
        impl $probe {
            /// An answer that takes longer is a failure; the reading says how long it took, from resolving the name to
            /// the end of what is read. An experiment refuses zero.
            pub fn within(mut self, limit: Duration) -> Self {
                self.bounds.within = Some(limit);
                self
            }

            /// When to give up; the reading then says what was waited for. Unless said otherwise 2 s, or a second more
            /// than [`within`](Self::within) if that is longer.
            pub fn timeout(mut self, timeout: Duration) -> Self {
                self.bounds.timeout = Some(timeout);
                self
            }

            /// The clock to measure by, in place of [`Clock::auto`]: for an experiment that runs on [`Clock::real`]
            /// inside a paused runtime.
            pub fn clock(mut self, clock: Clock) -> Self {
                self.bounds.clock = clock;
                self
            }

            /// How long it takes as a number, in milliseconds, to be held within a tolerance. A wrong answer, and one
            /// later than [`within`](Self::within), still fails.
            pub fn latency(self) -> Value {
                self.bounds.latency(self.ask)
            }

            /// What reports call it; see [`Probe::named`].
            pub fn named(self, name: impl Into<String>) -> Probe {
                Probe::from(self).named(name)
            }

            /// How often it is taken while faults are in force; see [`Probe::every`].
            pub fn every(self, interval: Duration) -> Probe {
                Probe::from(self).every(interval)
            }

            /// How often one that does not hold is repeated before it counts; see [`Probe::retries`].
            pub fn retries(self, retries: u32) -> Probe {
                Probe::from(self).retries(retries)
            }

            /// How long to wait before a retry; see [`Probe::retry_pause`].
            pub fn retry_pause(self, pause: Duration) -> Probe {
                Probe::from(self).retry_pause(pause)
            }

            /// Only before the faults.
            pub fn only_before(self) -> Probe {
                Probe::from(self).only_before()
            }

            /// Only while faults are in force.
            pub fn only_during(self) -> Probe {
                Probe::from(self).only_during()
            }

            /// Only after the faults.
            pub fn only_after(self) -> Probe {
                Probe::from(self).only_after()
            }

            /// Before and after the faults, not during.
            pub fn around(self) -> Probe {
                Probe::from(self).around()
            }
        }

        /// What reports call it.
        impl std::fmt::Display for $probe {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.ask.name())
            }
        }

        impl From<$probe> for Probe {
            fn from(probe: $probe) -> Self {
                probe.bounds.probe(probe.ask)
            }
        }
    };
}

pub(super) use settings;
