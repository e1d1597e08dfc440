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

use std::io;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use chaos_core::units::secs;
use chaos_core::{Error, Guardian, Result};

use super::spec::Spec;
use super::status::{End, Ending, LastWords, Said, Writer};
use hold::Agent;

/// How long the last lines may take to be written, when nobody reads them.
const LAST_LINES: Duration = secs(2);

/// In the process below the guardian: does what the spec says, and ends.
pub(super) fn main(guardian: Guardian) -> ExitCode {
    let last_words = LastWords::here();
    let writer = match Writer::to(io::stdout()) {
        Ok(writer) => Rc::new(writer),
        Err(error) => {
            last_words.say(&failed(Ending::Unable, &error));
            return ExitCode::from(Ending::Unable.code());
        }
    };
    let end = match read() {
        Ok(spec) => work(spec, guardian, &writer, &last_words),
        Err(error) => failed(Ending::Invalid, &error),
    };
    last_words.say(&end);
    let code = end.code;
    writer.say(Said::End(end));
    if let Some(writer) = Rc::into_inner(writer) {
        writer.finish(LAST_LINES);
    }
    ExitCode::from(code)
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
        Err(error) => return failed(Ending::Unable, &error.into()),
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

fn failed(why: Ending, error: &Error) -> End {
    End { why, code: why.code(), detail: error.chain(), left: Vec::new() }
}
