//! [`spoken`]: a program's life as it is told, from its first line to its exit code.

use std::io;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use chaos_core::Error;
use chaos_core::units::secs;

use super::{End, Ending, LastWords, Said, Writer};

/// How long the last lines may take to be written, when nobody reads them.
const LAST_LINES: Duration = secs(2);

/// Does the work, which says on standard output how far it is, and says its end there, in the last words and by the exit code.
pub(crate) fn spoken(work: impl FnOnce(&Rc<Writer>, &LastWords) -> End) -> ExitCode {
    let last_words = LastWords::here();
    let writer = match Writer::to(io::stdout()) {
        Ok(writer) => Rc::new(writer),
        Err(error) => {
            last_words.say(&End::by(Ending::Unable, &error));
            return ExitCode::from(Ending::Unable.code());
        }
    };
    let end = work(&writer, &last_words);
    last_words.say(&end);
    let code = end.code;
    writer.say(Said::End(end));
    if let Some(writer) = Rc::into_inner(writer) {
        writer.finish(LAST_LINES);
    }
    ExitCode::from(code)
}

impl End {
    pub(crate) fn by(why: Ending, error: &Error) -> Self {
        Self { why, code: why.code(), detail: error.chain(), left: Vec::new() }
    }
}
