//! The kinds of stress, one file each: what is asked for and its settings.

mod cpu;
mod disk;
mod io;
mod memory;
mod tables;

use chaos_core::{Error, Result};

pub use cpu::{Cpu, CpuLoad, cpu};
pub use disk::{Disk, disk};
pub use io::{Io, io};
pub use memory::{Memory, memory};
pub use tables::{Descriptors, Inodes, Tasks, descriptors, inodes, tasks};

fn not_zero(number: u64, what: &str) -> Result<u64> {
    match number {
        0 => Err(Error::invalid(format!("{what} of 0 does nothing: ask for at least 1"))),
        number => Ok(number),
    }
}
