//! A small shop on SQLite.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Result};

pub struct Shop {
    db: Connection,
}

impl Shop {
    pub fn open(path: &Path) -> Result<Self> {
        let db = Connection::open(path)?;
        db.execute_batch(
            "PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS orders(id INTEGER PRIMARY KEY, what TEXT)",
        )?;
        Ok(Self { db })
    }

    /// One order, committed and durable.
    pub fn order(&self) -> Result<()> {
        self.db.execute("INSERT INTO orders(what) VALUES ('a book')", []).map(drop)
    }

    /// The median time of an order.
    pub fn time_of_orders(&mut self, orders: usize) -> Result<Duration> {
        let mut times = Vec::with_capacity(orders);
        for _ in 0..orders {
            let since = Instant::now();
            self.order()?;
            times.push(since.elapsed());
        }
        times.sort();
        Ok(times[orders / 2])
    }

    pub fn close_and_count(self, path: &Path) -> Result<u64> {
        drop(self);
        Self::count(path)
    }

    /// How many orders there are, in a database that is whole.
    pub fn count(path: &Path) -> Result<u64> {
        let db = Connection::open(path)?;
        let whole: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        if whole != "ok" {
            return Err(rusqlite::Error::InvalidParameterName(whole));
        }
        db.query_row("SELECT count(*) FROM orders", [], |row| row.get(0))
    }
}
