//! [`Direction`]: which operations of an object pass its point.

/// Which operations of an object pass its point; the others go straight to it. Seeks always pass it.
pub trait Direction: sealed::Sealed + 'static {
    #[doc(hidden)]
    const NAME: &'static str;
    #[doc(hidden)]
    const READS: bool;
    #[doc(hidden)]
    const WRITES: bool;
}

/// Reads: of a [`ChaosReader`](crate::ChaosReader).
#[derive(Debug, Clone, Copy)]
pub enum ReadsOnly {}

/// Writes, flushes, syncs and closing: of a [`ChaosWriter`](crate::ChaosWriter).
#[derive(Debug, Clone, Copy)]
pub enum WritesOnly {}

/// Everything: of a [`ChaosStream`](crate::ChaosStream).
#[derive(Debug, Clone, Copy)]
pub enum Both {}

impl Direction for ReadsOnly {
    const NAME: &'static str = "ChaosReader";
    const READS: bool = true;
    const WRITES: bool = false;
}

impl Direction for WritesOnly {
    const NAME: &'static str = "ChaosWriter";
    const READS: bool = false;
    const WRITES: bool = true;
}

impl Direction for Both {
    const NAME: &'static str = "ChaosStream";
    const READS: bool = true;
    const WRITES: bool = true;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::ReadsOnly {}
    impl Sealed for super::WritesOnly {}
    impl Sealed for super::Both {}
}
