//! `Read`, `BufRead`, `Write` and `Seek` of the standard library. Waits block the thread.

use std::fs::File;
use std::future::poll_fn;
use std::io::{self, BufRead, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::task::Poll;

use super::tokio::FILL;
use crate::operation::IoKind;
use crate::wrapper::{Both, ChaosIo, Direction, Faults, Mode, Plain, ReadsOnly, Seek as Ask, WritesOnly};

impl<T: Read, D: Direction> Read for ChaosIo<T, D> {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if D::READS && !self.faults.reads.are_off(&self.faults.site) {
            return self.read_decided(&mut [IoSliceMut::new(buf)]);
        }
        let bytes = self.inner.read(buf)?;
        Ok(self.faults.read_through(bytes))
    }

    #[inline]
    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        if D::READS && !self.faults.reads.are_off(&self.faults.site) {
            return self.read_decided(bufs);
        }
        let bytes = self.inner.read_vectored(bufs)?;
        Ok(self.faults.read_through(bytes))
    }
}

impl Faults {
    /// Counts what was read by the object itself.
    #[inline]
    fn read_through(&mut self, bytes: usize) -> usize {
        self.reads.passed(false);
        self.site.read(bytes);
        bytes
    }
}

impl<T: Read, D> ChaosIo<T, D> {
    #[inline(never)]
    fn read_decided(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let Faults { site, reads, .. } = &mut self.faults;
        if reads.pass(site, bufs.iter().map(|buf| buf.len()).sum(), Mode::Blocking) {
            let bytes = match bufs {
                [buf] => self.inner.read(buf)?,
                bufs => self.inner.read_vectored(bufs)?,
            };
            return Ok(self.faults.read_through(bytes));
        }
        let inner = &mut self.inner;
        // What a fault brings comes into the first of them: a short read.
        let first = bufs.iter_mut().find(|buf| !buf.is_empty());
        let buf = first.map_or(&mut [][..], |buf| &mut **buf);
        pollster::block_on(poll_fn(|cx| {
            reads.poll(cx, site, buf.len(), &mut |_, room| Poll::Ready(inner.read(room)))
        }))?;
        Ok(reads.take(buf))
    }
}

impl<T: BufRead, D: Direction> BufRead for ChaosIo<T, D> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if !D::READS {
            return self.inner.fill_buf();
        }
        let Faults { site, reads, .. } = &mut self.faults;
        if reads.are_off(site) || reads.pass(site, 0, Mode::Blocking) {
            let filled = self.inner.fill_buf();
            // Until something is consumed, it is the same read.
            reads.passed(!matches!(&filled, Ok([]) | Err(_)));
            return filled;
        }
        let inner = &mut self.inner;
        pollster::block_on(poll_fn(|cx| {
            reads.poll(cx, site, FILL, &mut |_, room| {
                let bytes = {
                    let filled = inner.fill_buf()?;
                    let bytes = filled.len().min(room.len());
                    room[..bytes].copy_from_slice(&filled[..bytes]);
                    bytes
                };
                inner.consume(bytes);
                Poll::Ready(Ok(bytes))
            })
        }))?;
        Ok(reads.owed())
    }

    fn consume(&mut self, amt: usize) {
        let Faults { site, reads, .. } = &mut self.faults;
        if D::READS && amt > 0 {
            if reads.consume(amt) {
                return;
            }
            reads.passed(false);
            site.read(amt);
        }
        self.inner.consume(amt);
    }
}

impl<T: Write, D: Direction> Write for ChaosIo<T, D> {
    #[inline]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let Faults { site, writes, .. } = &mut self.faults;
        if D::WRITES && !writes.are_off(site) {
            return self.write_decided(&[IoSlice::new(buf)]);
        }
        let written = self.inner.write(buf)?;
        site.wrote(written);
        Ok(written)
    }

    #[inline]
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let Faults { site, writes, .. } = &mut self.faults;
        if D::WRITES && !writes.are_off(site) {
            return self.write_decided(bufs);
        }
        let written = self.inner.write_vectored(bufs)?;
        site.wrote(written);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        if !D::WRITES {
            return self.inner.flush();
        }
        let Faults { site, writes, flush, .. } = &mut self.faults;
        let inner = &mut self.inner;
        pollster::block_on(poll_fn(|cx| {
            flush.poll(cx, site, IoKind::Flush, Mode::Blocking, |cx| {
                if let Poll::Ready(Err(err)) = writes.poll_unwritten(cx, &mut |_, bufs| put(inner, bufs)) {
                    return Poll::Ready(Err(err));
                }
                Poll::Ready(inner.flush())
            })
        }))
    }
}

impl<T: Write, D> ChaosIo<T, D> {
    #[inline(never)]
    fn write_decided(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let Faults { site, writes, .. } = &mut self.faults;
        let inner = &mut self.inner;
        if writes.pass(site, bufs, Mode::Blocking) {
            let put = put(inner, bufs);
            writes.passed(site, &put);
            return match put {
                Poll::Ready(put) => put,
                Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
            };
        }
        pollster::block_on(poll_fn(|cx| {
            writes.poll(cx, site, bufs, Mode::Blocking, &mut |_, bufs| put(inner, bufs))
        }))
    }
}

fn put<T: Write>(inner: &mut T, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
    Poll::Ready(match bufs {
        [buf] => inner.write(buf),
        bufs => inner.write_vectored(bufs),
    })
}

macro_rules! seek {
    ($direction:ty, [$($bound:tt)*], $write:expr) => {
        impl<T: $($bound)*> Seek for ChaosIo<T, $direction> {
            fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
                let Faults { site, reads, writes, seeks, .. } = &mut self.faults;
                let inner = &mut self.inner;
                if let Some(position) = seeks.begin(site, reads, writes, position, Mode::Blocking)? {
                    let answer = Poll::Ready(inner.seek(position));
                    seeks.passed(site, reads, &answer);
                    return match answer {
                        Poll::Ready(answer) => answer,
                        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
                    };
                }
                pollster::block_on(poll_fn(|cx| {
                    seeks.poll(cx, site, reads, writes, &mut |_, ask| match ask {
                        Ask::Write(bufs) => $write(inner, bufs),
                        Ask::Begin(position) | Ask::GoOn(position) => Poll::Ready(inner.seek(position)),
                    })
                }))
            }
        }
    };
}

// What was written goes first, so that what can be written to must be.
seek!(WritesOnly, [Write + Seek], |inner, bufs| put(inner, bufs).map_ok(|bytes| bytes as u64));
seek!(Both, [Write + Seek], |inner, bufs| put(inner, bufs).map_ok(|bytes| bytes as u64));
seek!(ReadsOnly, [Seek], |_: &mut T, _: &[IoSlice<'_>]| Poll::Ready(Ok(0)));

impl<D: Direction> ChaosIo<File, D> {
    /// [`File::sync_all`], as an operation of kind [`Sync`](IoKind::Sync). What the wrapper holds is written first.
    ///
    /// # Errors
    /// Those of the file, and of rules.
    pub fn sync_all(&mut self) -> io::Result<()> {
        self.sync(File::sync_all)
    }

    /// [`File::sync_data`], as an operation of kind [`Sync`](IoKind::Sync). What the wrapper holds is written first.
    ///
    /// # Errors
    /// Those of the file, and of rules.
    pub fn sync_data(&mut self) -> io::Result<()> {
        self.sync(File::sync_data)
    }

    fn sync(&mut self, sync: fn(&File) -> io::Result<()>) -> io::Result<()> {
        if !D::WRITES {
            return sync(&self.inner);
        }
        let Faults { site, writes, .. } = &mut self.faults;
        let (inner, mut plain) = (&mut self.inner, Plain::default());
        pollster::block_on(poll_fn(|cx| {
            plain.poll(cx, site, IoKind::Sync, Mode::Blocking, |cx| {
                if let Poll::Ready(Err(err)) = writes.poll_unwritten(cx, &mut |_, bufs| put(inner, bufs)) {
                    return Poll::Ready(Err(err));
                }
                Poll::Ready(sync(inner))
            })
        }))
    }
}
