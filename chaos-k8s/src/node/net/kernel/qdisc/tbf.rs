//! TBF: a rate within a chain of qdiscs.

use netlink_bindings::tc::{PushAttrs, TcTbfQopt};
use netlink_bindings::utils::Pusher;

use super::htb::{rate, ticks};

pub(super) fn encode<P: Pusher>(attributes: PushAttrs<P>, bytes_per_second: u64, burst: u32, limit: u32) {
    attributes
        .nested_options_tbf()
        .push_parms(TcTbfQopt {
            rate: rate(bytes_per_second),
            buffer: ticks(burst, bytes_per_second),
            limit,
            ..TcTbfQopt::default()
        })
        .push_rate64(bytes_per_second)
        .push_burst(burst)
        .end_nested();
}
