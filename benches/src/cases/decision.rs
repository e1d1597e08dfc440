//! What a mount asks of its point for one request, without the request.

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use chaos_core::point::Abilities;
use chaos_core::{Chaos, Delay, Matcher, Result as ChaosResult, units::ms};
use chaos_io::{Io, IoCall, IoKind, latency, path_glob};

use crate::{Case, Worker};

type Result<T = Vec<Worker>> = std::result::Result<T, Box<dyn Error>>;

const SEEN: &str = "/var/lib/shop/data/orders/7";

pub(super) const CASES: &[Case] = &[
    Case {
        name: "i/o decision: off",
        limit: None,
        allocates: false,
        start: |workers| decisions(workers, &[]),
    },
    Case {
        name: "i/o decision: three path globs armed, other places",
        limit: None,
        allocates: false,
        start: |workers| {
            decisions(
                workers,
                &["/var/lib/shop/wal/*", "/var/lib/shop/**/*.db", "/var/lib/shop/index-[0-9]/*"],
            )
        },
    },
    Case {
        name: "i/o decision: a path glob armed, the same place, another name",
        limit: None,
        allocates: false,
        start: |workers| decisions(workers, &["/var/lib/shop/data/*/[!0-9]*"]),
    },
];

fn decisions(workers: usize, globs: &[&str]) -> Result {
    let point = Chaos::seeded(7).point::<Io>("disk")?;
    let rule = |glob: &&str| -> ChaosResult<_> {
        let below: Matcher<Io> = path_glob(glob)?;
        point.arm(latency(Delay::fixed(ms(1))).when(below))
    };
    let armed = Arc::new(globs.iter().map(rule).collect::<ChaosResult<Vec<_>>>()?);
    let worker = |_| -> Worker {
        let (point, armed) = (point.clone(), Arc::clone(&armed));
        Box::new(move |calls| {
            let _ = &armed;
            for n in 0..calls {
                let call = IoCall::new(IoKind::Read).at(n).of_len(4096).on(Path::new(black_box(SEEN)));
                black_box(point.decide(call, Abilities::ERROR).is_none());
            }
        })
    };
    Ok((0..workers).map(worker).collect())
}
