//! The kernel's table of mounts, as this process sees it: `/proc/self/mountinfo` (proc_pid_mountinfo(5)).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use chaos_core::{Error, Result};

/// One line of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) point: PathBuf,
    pub(super) file_system: String,
    pub(super) source: String,
}

/// All mounts, each after those that it covers.
pub(super) fn read() -> Result<Vec<Line>> {
    let text = std::fs::read("/proc/self/mountinfo")
        .map_err(|err| Error::failed("the table of mounts cannot be read: mount /proc").with_source(err))?;
    Ok(text.split(|byte| *byte == b'\n').filter_map(parse).collect())
}

/// The mount that is seen at `point`: the last of those on it.
pub(super) fn on_top<'a>(lines: &'a [Line], point: &Path) -> Option<&'a Line> {
    lines.iter().rev().find(|line| line.point == point)
}

fn parse(line: &[u8]) -> Option<Line> {
    let mut fields = line.split(|byte| *byte == b' ');
    let point = fields.nth(4)?;
    let mut rest = fields.skip_while(|field| *field != b"-").skip(1);
    let text = |field: &[u8]| String::from_utf8_lossy(&unescaped(field)).into_owned();
    Some(Line {
        point: OsString::from_vec(unescaped(point)).into(),
        file_system: text(rest.next()?),
        source: text(rest.next()?),
    })
}

/// Space, tab, newline and backslash are written as a backslash and three octal digits.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let digits =
            after.get(..3).filter(|_| *first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = &after[3..];
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_with_what_is_escaped_in_it() {
        let line =
            parse(br"36 35 98:7 /mnt1 /mnt/a\040b\134c rw,noatime master:1 shared:2 - fuse.chaos chaos:x rw")
                .unwrap();
        assert_eq!(line.point, Path::new(r"/mnt/a b\c"));
        assert_eq!((line.file_system.as_str(), line.source.as_str()), ("fuse.chaos", "chaos:x"));
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"36 35 98:0 / /mnt rw"), None);
    }

    #[test]
    fn this_process_has_a_root() {
        let lines = read().unwrap();
        assert!(on_top(&lines, Path::new("/")).is_some());
    }
}
