//! [`ChaosIo`](crate::wrapper::ChaosIo) under the I/O traits, each by what the wrapper holds under way.

#[cfg(feature = "fs")]
pub(crate) mod fs;
#[cfg(feature = "futures-io")]
mod futures_io;
#[cfg(feature = "hyper")]
mod hyper;
mod std;
mod tokio;
