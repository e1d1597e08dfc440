//! A directory seen bare, through a plain pass-through over `fuser`, and through our mount: what each costs a program.
//!
//! [`works`] is what a program does, [`Sites`] where it does it (`pass_through` is the peer there), [`table`](table()) the
//! figures. The program `mount` puts them together.

mod pass_through;
mod sites;
mod table;
mod works;

pub use sites::{Site, Sites, run_if_asked};
pub use table::table;
pub use works::{Work, works};
