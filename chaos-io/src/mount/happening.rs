//! [`Happening`]: what becomes of one request.

use std::io;
use std::sync::Arc;

use chaos_core::dice::Rolls;
use fuser::FileAttr;
use rustix::io::Errno;

use crate::effect::{Effect, IoEffect, errno_of_kind};

/// What a rule does to one request, if one does.
#[derive(Debug, Default)]
pub(super) struct Happening {
    pub(super) effect: Option<IoEffect>,
    pub(super) rule: Option<Arc<str>>,
    pub(super) rolls: Option<Rolls>,
}

impl Happening {
    fn effect(&self) -> Option<&Effect> {
        self.effect.as_ref().map(|IoEffect(effect)| effect)
    }

    /// The error that is answered instead of doing anything.
    pub(super) fn begin(&self) -> io::Result<()> {
        match self.effect() {
            Some(Effect::Fail(fail)) => Err(fail.error(self.rule.clone(), "")),
            _ => Ok(()),
        }
    }

    /// Whether it is acknowledged and not done.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self.effect(), Some(Effect::Lost))
    }

    pub(super) fn attributes(&self, found: FileAttr) -> FileAttr {
        match self.effect() {
            Some(Effect::Attributes(attributes)) => attributes.over(found),
            _ => found,
        }
    }

    /// Reads of a file whose bytes come from `read`.
    pub(super) fn read(
        &self,
        offset: u64,
        size: u32,
        read: impl FnOnce(u32) -> io::Result<Vec<u8>>,
    ) -> io::Result<Vec<u8>> {
        self.begin()?;
        match self.effect() {
            Some(Effect::Eof) => Ok(Vec::new()),
            Some(Effect::Short(at_most)) => read(u32::try_from(*at_most).unwrap_or(u32::MAX).min(size)),
            Some(Effect::Corrupt(corrupt)) => {
                let mut data = read(size)?;
                corrupt.apply(self.rolls.clone(), Some(offset), &mut data);
                Ok(data)
            }
            _ => read(size),
        }
    }

    /// Writes to a file that takes them by `write`; how many bytes the program is told.
    pub(super) fn write(
        &self,
        offset: u64,
        data: &[u8],
        write: impl Fn(&[u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.begin()?;
        match self.effect() {
            Some(Effect::Short(at_most)) => write(&data[..data.len().min(*at_most)]),
            Some(Effect::Torn(torn)) => {
                let kept = torn.kept(data.len(), self.rolls.clone());
                if kept > 0 {
                    write(&data[..kept])?;
                }
                match &torn.error {
                    Some(error) => Err(error.error(self.rule.clone(), "")),
                    None => Ok(data.len()),
                }
            }
            Some(Effect::Corrupt(corrupt)) => {
                let mut changed = data.to_vec();
                corrupt.apply(self.rolls.clone(), Some(offset), &mut changed);
                write(&changed)
            }
            Some(Effect::DiskFull(_)) => self.take_room(data.len(), |room| write(&data[..room])),
            _ => write(data),
        }
    }

    /// Takes room on a disk that is getting full, for as many of `wanted` bytes as there is room for.
    pub(super) fn take_room(
        &self,
        wanted: usize,
        write: impl FnOnce(usize) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let (Some(Effect::DiskFull(disk)), Some(rule)) = (self.effect(), &self.rule) else {
            return write(wanted);
        };
        let room = disk.take(rule, wanted);
        if room == 0 && wanted > 0 {
            return Err(Errno::NOSPC.into());
        }
        let written = write(room);
        disk.give_back(rule, room - written.as_ref().map_or(0, |written| room.min(*written)));
        written
    }
}

/// The error number of an answer.
pub(super) fn errno(err: &io::Error) -> fuser::Errno {
    fuser::Errno::from_i32(err.raw_os_error().unwrap_or_else(|| errno_of_kind(err.kind())))
}
