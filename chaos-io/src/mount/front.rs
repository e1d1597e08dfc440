//! [`Front`]: what the kernel's requests have in common: who asks, how they pass the gate, how they are answered.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fuser::{FileAttr, FopenFlags, Generation, INodeNo, ReplyEmpty, ReplyEntry, ReplyXattr, Request};

use super::gate::Gate;
use super::happening::Happening;
use super::source::{Caller, Source, Xattr};
use crate::operation::{IoCall, IoKind};

/// Numbers are not used again while the kernel knows them.
pub(super) const FIRST: Generation = Generation(0);

#[derive(Debug)]
pub(super) struct Front {
    pub(super) source: Arc<Source>,
    pub(super) gate: Gate,
    /// How long the kernel may answer from what it was told.
    pub(super) ttl: Duration,
    /// Reads and writes reach us as programs make them, not as the page cache does.
    pub(super) direct: bool,
}

/// An answer by `$ok`, or by the error.
macro_rules! answer {
    ($reply:expr, $result:expr, |$value:pat_param| $ok:expr) => {{
        let (reply, result) = ($reply, $result);
        move || match result {
            Ok($value) => $ok(reply),
            Err(err) => reply.error($crate::mount::happening::errno(&err)),
        }
    }};
}
pub(super) use answer;

impl Front {
    /// What is made, removed or looked at by name.
    pub(super) fn by_name<A>(
        &self,
        kind: IoKind,
        parent: INodeNo,
        name: &OsStr,
        work: impl FnOnce(&Happening, &Source, &OsStr) -> A + Send + 'static,
    ) where
        A: FnOnce() + Send + 'static,
    {
        let path = |root: &Path| self.source.path_of(root, parent.0, name);
        match self.gate.decide(IoCall::new(kind), path) {
            // Without a copy of the name, which belongs to the session's buffer.
            None => work(&Happening::default(), &self.source, name)(),
            Some(hit) => {
                let (source, name) = (Arc::clone(&self.source), name.to_owned());
                self.gate.carry_out(hit, 0, move |happening| work(happening, &source, &name));
            }
        }
    }

    /// What is done to an inode.
    pub(super) fn by_inode<A>(
        &self,
        call: IoCall<'_>,
        ino: INodeNo,
        work: impl FnOnce(&Happening, &Source) -> A + Send + 'static,
    ) where
        A: FnOnce() + Send + 'static,
    {
        match self.gate.decide(call, |root| self.source.path(root, ino.0)) {
            None => work(&Happening::default(), &self.source)(),
            Some(hit) => {
                let source = Arc::clone(&self.source);
                self.gate.carry_out(hit, call.len, move |happening| work(happening, &source));
            }
        }
    }

    /// What is slow by itself, done to an inode.
    pub(super) fn by_inode_aside<A>(
        &self,
        call: IoCall<'_>,
        ino: INodeNo,
        work: impl FnOnce(&Happening, &Source) -> A + Send + 'static,
    ) where
        A: FnOnce() + Send + 'static,
    {
        let source = Arc::clone(&self.source);
        self.gate.pass_aside(
            call,
            |root| self.source.path(root, ino.0),
            move |happening| work(happening, &source),
        );
    }

    pub(super) fn make(
        &self,
        kind: IoKind,
        parent: INodeNo,
        name: &OsStr,
        reply: ReplyEntry,
        make: impl FnOnce(&Source, &OsStr) -> io::Result<FileAttr> + Send + 'static,
    ) {
        let ttl = self.ttl;
        self.by_name(kind, parent, name, move |happening, source, name| {
            let made = happening.begin().and_then(|()| make(source, name));
            let made = made.map(|attr| happening.attributes(attr));
            answer!(reply, made, |attr| |reply: ReplyEntry| reply.entry(&ttl, &attr, FIRST))
        });
    }

    pub(super) fn open_flags(&self) -> FopenFlags {
        if self.direct {
            FopenFlags::FOPEN_DIRECT_IO | FopenFlags::FOPEN_PARALLEL_DIRECT_WRITES
        } else {
            FopenFlags::empty()
        }
    }
}

pub(super) fn caller(request: &Request) -> Caller {
    Caller { uid: request.uid(), gid: request.gid() }
}

pub(super) fn done(reply: ReplyEmpty, result: io::Result<()>) -> impl FnOnce() + Send + 'static {
    answer!(reply, result, |()| ReplyEmpty::ok)
}

pub(super) fn xattr(reply: ReplyXattr, found: io::Result<Xattr>) -> impl FnOnce() + Send + 'static {
    answer!(reply, found, |found| |reply: ReplyXattr| match found {
        Xattr::Length(len) => reply.size(len),
        Xattr::Value(value) => reply.data(&value),
    })
}
