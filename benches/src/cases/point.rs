//! Points in plain code, beside crate `fail`.

use std::convert::Infallible;
use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::task::{Context, Waker};

use chaos_core::Chaos;
use chaos_core::point::{Point, Step, step};

use crate::drive::wait;
use crate::{Case, Worker};

type Result<T = Vec<Worker>> = std::result::Result<T, Box<dyn Error>>;

pub(super) const CASES: &[Case] = &[
    Case { name: "code: bare", limit: None, allocates: false, start: |n| Ok(steps(n, Ok, ())) },
    Case {
        name: "code: point off, pass_blocking",
        limit: None,
        allocates: false,
        start: |workers| {
            let point = point()?;
            Ok(steps(workers, move |n| point.pass_blocking(&Commit(n)).map(|()| n), ()))
        },
    },
    Case {
        name: "code: point off, pass",
        limit: None,
        allocates: false,
        start: |workers| {
            let point = point()?;
            Ok(steps(
                workers,
                move |n| wait(point.pass(&Commit(n)), &mut Context::from_waker(Waker::noop())).map(|()| n),
                (),
            ))
        },
    },
    Case {
        name: "code: point armed, not matching",
        limit: None,
        allocates: false,
        start: |workers| {
            let point = point()?;
            let armed = Arc::new(point.arm(step::hang().matching(|commit: &Commit| commit.0 == u64::MAX))?);
            Ok(steps(workers, move |n| point.pass_blocking(&Commit(n)).map(|()| n), armed))
        },
    },
    Case {
        name: "fail: on, nothing configured",
        limit: None,
        allocates: false,
        start: |workers| Ok(steps(workers, failing, ())),
    },
    Case {
        name: "fail: on, another point configured",
        limit: None,
        allocates: false,
        start: |workers| {
            fail::cfg("other", "off")?;
            Ok(steps(workers, failing, Arc::new(Removed("other"))))
        },
    },
];

struct Commit(u64);

impl Step for Commit {
    const NAME: &'static str = "commit";
    type Error = Infallible;
}

fn point() -> Result<Point<Commit>> {
    Ok(Chaos::seeded(7).point("bench")?)
}

fn failing(n: u64) -> std::result::Result<u64, Infallible> {
    fail::fail_point!("commit", |_| Ok(0));
    Ok(n)
}

/// The registry of crate `fail` is the process's: what a case puts there must go with it.
struct Removed(&'static str);

impl Drop for Removed {
    fn drop(&mut self) {
        fail::remove(self.0);
    }
}

fn steps(
    workers: usize,
    step: impl Fn(u64) -> std::result::Result<u64, Infallible> + Clone + Send + 'static,
    keep: impl Clone + Send + 'static,
) -> Vec<Worker> {
    let worker = |_| -> Worker {
        let (step, keep) = (step.clone(), keep.clone());
        Box::new(move |calls| {
            let _ = &keep;
            for n in 0..calls {
                black_box(step(black_box(n)).is_ok());
            }
        })
    };
    (0..workers).map(worker).collect()
}
