//! What a user's `tracing` subscriber hears. The only test in its program: `tracing` decides per process, at the first
//! use of a call site on any thread, whether anybody listens there.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use chaos_core::point::{Abilities, Step, step};
use chaos_core::units::ms;
use chaos_core::{Chaos, Delay, Error, Result};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};

struct Call;

impl Step for Call {
    const NAME: &'static str = "call";
    type Error = &'static str;
}

/// Writes each event down as "LEVEL target: fields".
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0 += &format!(" {}={value:?}", field.name());
    }
}

impl Subscriber for Notes {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "chaos"
    }
    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line(format!("{}", event.metadata().level()));
        event.record(&mut line);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line.0);
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn tracing_hears_arms_hits_and_reverts() -> Result<()> {
    let notes = Notes::default();
    let point = Chaos::seeded(7).point::<Call>("calls")?;
    tracing::subscriber::with_default(notes.clone(), || {
        let slow = point.arm(step::latency(Delay::fixed(ms(5))).named("slow")?.first(2)?)?;
        let fail = point.arm(step::error(|_| "full").named("fail")?.nth("2..3")?)?;
        (0..3).for_each(|_| drop(point.decide(&Call, Abilities::ERROR)));
        drop(slow);
        drop(fail);
        Ok::<(), Error>(())
    })?;
    let lines = notes.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert_eq!(
        lines,
        [
            "INFO message=armed point=calls rule=slow",
            "INFO message=armed point=calls rule=fail",
            "DEBUG message=hit point=calls rule=slow ordinal=0 delay=5ms",
            "DEBUG message=hit point=calls rule=slow ordinal=1 delay=5ms",
            "DEBUG message=hit point=calls rule=fail ordinal=1 delay=0ns",
            "DEBUG message=hit point=calls rule=fail ordinal=2 delay=0ns",
            "INFO message=reverted point=calls rule=slow hits=2",
            "INFO message=reverted point=calls rule=fail hits=2",
        ]
    );
    Ok(())
}
