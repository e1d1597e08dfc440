//! [`OrderFile`]: orders from the file that the spec names.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::future::pending;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chaos_core::units::ms;
use rustix::fs::OFlags;
use tokio::time::{Instant, sleep_until};

use crate::agent::control::{Order, Orders};

/// How often it is looked at.
const EVERY: Duration = ms(500);

/// What a look has found.
#[derive(Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "as orders are")]
pub(super) enum Found {
    Order {
        n: u64,
        /// Why it is none that this version knows.
        order: Result<Order, String>,
    },
    /// What is in the file are no orders.
    Wrong(String),
}

#[derive(Debug)]
pub(super) struct OrderFile {
    path: Option<PathBuf>,
    next: Instant,
    /// What was there at the last look: the same is not read again.
    seen: Result<Vec<u8>, String>,
    waiting: VecDeque<Found>,
}

impl OrderFile {
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Self { path, next: Instant::now(), seen: Ok(Vec::new()), waiting: VecDeque::new() }
    }

    /// The next of what is found; never, where no file is named. Dropped while it waits, it loses nothing.
    pub(super) async fn next(&mut self) -> Found {
        let Some(path) = self.path.clone() else { return pending().await };
        loop {
            if let Some(found) = self.waiting.pop_front() {
                return found;
            }
            sleep_until(self.next).await;
            self.next = Instant::now() + EVERY;
            self.look(&path);
        }
    }

    fn look(&mut self, path: &Path) {
        let seen = match read(path) {
            Ok(text) => Ok(text),
            // Not yet, or no more.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
        };
        if seen == self.seen {
            return;
        }
        match seen.as_deref().map(Orders::heard) {
            Ok(Ok(orders)) => {
                self.waiting.extend(orders.into_iter().map(|(n, order)| Found::Order { n, order }))
            }
            Ok(Err(why)) => self.waiting.push_back(Found::Wrong(format!("{}: {why}", path.display()))),
            Err(why) => self.waiting.push_back(Found::Wrong(why.clone())),
        }
        self.seen = seen;
    }
}

/// All of it, or one byte more than orders can be.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    // A pipe in its place would hold everything up.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).map_err(io::Error::other)?;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let (mut text, most) = (Vec::new(), u64::try_from(Orders::LONGEST).unwrap_or(u64::MAX));
    file.take(most + 1).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use chaos_core::units::secs;

    use super::*;

    /// What the next look finds.
    fn look(file: &mut OrderFile) -> Vec<Found> {
        let path = file.path.clone().unwrap();
        file.look(&path);
        file.waiting.drain(..).collect()
    }

    fn extend(n: u64, lasting: Duration) -> Found {
        Found::Order { n, order: Ok(Order::Extend(lasting)) }
    }

    #[test]
    fn a_volume_that_changes_is_read_once_for_each_content() {
        let home = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            fs::create_dir_all(home.path().join(name)).unwrap();
            fs::write(home.path().join(name).join("orders"), text).unwrap();
            symlink(name, home.path().join("..data_tmp")).unwrap();
            fs::rename(home.path().join("..data_tmp"), home.path().join("..data")).unwrap();
        };
        symlink("..data/orders", home.path().join("orders")).unwrap();
        let mut file = OrderFile::new(Some(home.path().join("orders")));
        assert_eq!(look(&mut file), []);
        put("1", "");
        assert_eq!(look(&mut file), []);
        put("2", r#"[{"n":2,"order":"stop"},{"n":1,"order":{"extend":"60s"}}]"#);
        assert_eq!(look(&mut file), [extend(1, secs(60)), Found::Order { n: 2, order: Ok(Order::Stop) }]);
        assert_eq!(look(&mut file), []);
        put("3", r#"[{"n":3,"order":{"extend":"1s"}},{"n":4,"order":{"dance":"1s"}}]"#);
        let found = look(&mut file);
        assert_eq!(found[0], extend(3, secs(1)));
        assert!(
            matches!(&found[1], Found::Order { n: 4, order: Err(why) } if why.contains("dance")),
            "{found:?}"
        );
        fs::remove_file(home.path().join("..data")).unwrap();
        assert_eq!(look(&mut file), []);
    }

    #[test]
    fn what_are_no_orders_is_said_once_for_each_content() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("orders");
        let mut file = OrderFile::new(Some(path.clone()));
        let huge = format!("[{}]", " ".repeat(Orders::LONGEST));
        for (text, said) in [
            ("stop", "expected"),
            ("{}", "expected"),
            (r#"[{"n":-1,"order":"stop"}]"#, "-1"),
            (r#"[{"order":"stop"}]"#, "missing field"),
            (&huge, "more than"),
        ] {
            fs::write(&path, text).unwrap();
            let found = look(&mut file);
            assert!(matches!(&found[..], [Found::Wrong(why)] if why.contains(said)), "{said}: {found:?}");
            assert_eq!(look(&mut file), []);
        }
        fs::remove_file(&path).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let found = look(&mut file);
        assert!(matches!(&found[..], [Found::Wrong(why)] if why.contains("no file")), "{found:?}");
        assert_eq!(look(&mut file), []);
    }
}
