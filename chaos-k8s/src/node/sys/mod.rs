//! The files where `unsafe` may stand, one per need; each gives safe functions to the rest.

pub(super) mod ingress;
pub(super) mod packet;
pub(super) mod tap;
