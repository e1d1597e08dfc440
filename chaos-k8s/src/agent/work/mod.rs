//! The agent at work: from its spec to its end.

mod begin;
mod find;
mod heed;
mod hold;
mod inject;
mod kept;
mod lasting;
mod look;
mod order_file;
mod power;
mod ready;
mod replace;
mod reply;
mod revert;
mod signals;
mod slot;
mod tools;

use std::process::ExitCode;
use std::rc::Rc;

use chaos_core::{Error, Guardian, Result};

use super::spec::Spec;
use super::status::{End, Ending, LastWords, Writer, spoken};
use hold::Agent;

/// In the process below the guardian: does what the spec says, and ends.
pub(super) fn main(guardian: Guardian) -> ExitCode {
    spoken(|writer, last_words| match read() {
        Ok(spec) => work(spec, guardian, writer, last_words),
        Err(error) => End::by(Ending::Invalid, &error),
    })
}

fn read() -> Result<Spec> {
    let text = std::env::var(Spec::VARIABLE).map_err(|source| {
        Error::invalid(format!("no spec: give one in {}, in base64 of JSON", Spec::VARIABLE))
            .with_source(source)
    })?;
    Spec::decode(&text)
}

fn work(spec: Spec, guardian: Guardian, writer: &Rc<Writer>, last_words: &LastWords) -> End {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return End::by(Ending::Unable, &error.into()),
    };
    runtime.block_on(async {
        match Agent::new(spec, guardian, Rc::clone(writer)).await {
            Ok((agent, ends, replacements)) => {
                last_words.prepare();
                agent.live(ends, replacements).await
            }
            Err(end) => *end,
        }
    })
}
