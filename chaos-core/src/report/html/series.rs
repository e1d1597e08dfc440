//! [`Series`]: the points of a timeline as the chart draws them, at most [`MOST_POINTS`].

use crate::report::{Timeline, TimelinePoint};

/// More than this is finer than the pixels of the page.
pub(super) const MOST_POINTS: usize = 480;

/// One drawn point, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) from: f64,
    pub(super) until: f64,
    pub(super) calls: u64,
    pub(super) errors: u64,
    /// p50, p90, p99.
    pub(super) latency: [Option<f64>; 3],
}

impl Point {
    pub(super) fn middle(&self) -> f64 {
        f64::midpoint(self.from, self.until)
    }

    /// Absent without calls: no calls is not no errors.
    pub(super) fn error_rate(&self) -> Option<f64> {
        (self.calls > 0).then(|| self.errors as f64 / self.calls as f64)
    }

    pub(super) fn calls_per_second(&self) -> f64 {
        self.calls as f64 / (self.until - self.from).max(1e-6)
    }
}

#[derive(Debug)]
pub(super) struct Series {
    pub(super) points: Vec<Point>,
    /// How many buckets one point stands for.
    pub(super) grouped: usize,
}

impl Series {
    pub(super) fn of(timeline: &Timeline) -> Self {
        let bucket = timeline.bucket.as_secs_f64();
        let grouped = timeline.points.len().div_ceil(MOST_POINTS).max(1);
        let points = timeline.points.chunks(grouped).filter_map(|group| merged(group, bucket)).collect();
        Self { points, grouped }
    }

    pub(super) fn calls(&self) -> u64 {
        self.points.iter().map(|point| point.calls).sum()
    }

    pub(super) fn errors(&self) -> u64 {
        self.points.iter().map(|point| point.errors).sum()
    }

    /// The highest value of a percentile and when it was.
    pub(super) fn peak(&self, percentile: usize) -> Option<(f64, &Point)> {
        let of = |point: &Point| point.latency[percentile];
        let highest = self.points.iter().filter(|point| of(point).is_some());
        let highest =
            highest.max_by(|a, b| of(a).partial_cmp(&of(b)).unwrap_or(std::cmp::Ordering::Equal))?;
        of(highest).map(|value| (value, highest))
    }
}

/// Percentiles of a group cannot be had from percentiles of its buckets; the worst of them bounds them.
fn merged(group: &[TimelinePoint], bucket: f64) -> Option<Point> {
    let (first, last) = (group.first()?, group.last()?);
    let worst = |of: fn(&TimelinePoint) -> Option<std::time::Duration>| {
        group.iter().filter_map(of).max().map(|latency| latency.as_secs_f64())
    };
    let sum = |of: fn(&TimelinePoint) -> u64| group.iter().map(of).fold(0, u64::saturating_add);
    let from = first.at.as_secs_f64();
    Some(Point {
        from,
        until: (last.at.as_secs_f64() + bucket).max(from),
        calls: sum(|point| point.calls),
        errors: sum(|point| point.errors),
        latency: [worst(|point| point.p50), worst(|point| point.p90), worst(|point| point.p99)],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{ms, us};

    #[test]
    fn ten_thousand_points_are_grouped_and_nothing_is_lost() {
        let mut timeline = Timeline::new("m", ms(100));
        for index in 0..10_000 {
            let point = TimelinePoint::new(ms(index * 100), 3, u64::from(index % 10 == 0));
            let p99 = if index == 7_777 { ms(900) } else { ms(9) };
            timeline.points.push(point.with_latency(us(500), ms(2), p99));
        }
        let series = Series::of(&timeline);
        assert!(series.points.len() <= MOST_POINTS);
        assert_eq!((series.calls(), series.errors()), (30_000, 1_000));
        let (peak, at) = series.peak(2).expect("there are latencies");
        assert_eq!(peak, 0.9);
        assert!((at.from..at.until).contains(&777.7));
        assert_eq!(series.points.last().expect("not empty").until, 1_000.0);
    }

    #[test]
    fn no_calls_have_no_error_rate() {
        let mut timeline = Timeline::new("m", ms(100));
        assert!(Series::of(&timeline).points.is_empty());
        timeline.points.push(TimelinePoint::new(ms(0), 0, 0));
        let series = Series::of(&timeline);
        assert_eq!(series.points[0].error_rate(), None);
        assert!(series.peak(0).is_none());
    }
}
