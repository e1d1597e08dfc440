//! Reports as real experiments leave them, the same on every run.

use std::time::{Duration, SystemTime};

use chaos_core::fault::Owner;
use chaos_core::report::{
    FaultWindow, Outcome, Phase, ProbeReport, Protected, Reading, Report, StepReport, TargetReport,
    TargetState, Timeline, TimelinePoint,
};
use chaos_core::units::{ms, secs, us};

/// Numbers that look like noise and are the same on every run (splitmix64).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn around(&mut self, middle: f64, spread: f64) -> f64 {
        middle * (1.0 + (self.next() - 0.5) * spread)
    }
}

pub(crate) fn started() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_772_619_072_345)
}

/// Two faults at a client of a service; the hypothesis fails while both are in force.
pub(crate) fn broken() -> Report {
    let mut report =
        Report::new("checkout survives a slow and failing payment service", Outcome::Broken, 7, started());
    report.reason = Some("p99 of payments was 464 ms at 42.0 s, wanted at most 200 ms".into());
    report.replay = "CHAOS_SEED=7 cargo test --test checkout survives_slow_payments -- --exact".into();
    report.elapsed = ms(90_412);
    report.blast_radius = "10 % of matching operations, at most 8 at once".into();
    report.steps = vec![slow_payments(), failing_charges()];
    report.probes = vec![health(), p99(), never_read()];
    report.timeline = Some(timeline());
    report.mark(ms(10_004), "injected latency 300 ms at payments");
    report.mark(ms(35_002), "injected status 503 at payments");
    report.mark(ms(42_000), "p99 of payments left its tolerance");
    report.mark(ms(60_003), "reverted status 503 at payments");
    report.mark(ms(70_001), "reverted latency 300 ms at payments");
    report.notes = vec![
        "point \"paymnets\" has nothing attached to it: a misspelt name?".into(),
        "the cap removed 241 of 361 hits: the experiment was milder than asked".into(),
    ];
    report
}

fn slow_payments() -> StepReport {
    let mut step =
        StepReport::new("latency 300 ms ± 40 ms", "operation", "payments, path /charge", Owner::Process);
    step.population = 1_204;
    step.asked = "probability 0.3".into();
    step.allowed = "at most 10 % of matching operations".into();
    step.achieved = "9.97 % of matching operations".into();
    (step.matching, step.hits, step.misses, step.capped) = (1_204, 120, 843, 241);
    step.added_delay = us(35_812_400);
    (step.in_force_from, step.in_force_until) = (Some(ms(10_004)), Some(ms(70_001)));
    step
}

fn failing_charges() -> StepReport {
    let mut step = StepReport::new("status 503", "operation", "payments, method POST", Owner::Process);
    step.population = 611;
    step.asked = "every 20th".into();
    step.allowed = "at most 10 % of matching operations".into();
    step.achieved = "4.91 % of matching operations".into();
    (step.matching, step.hits, step.misses) = (611, 30, 581);
    (step.in_force_from, step.in_force_until) = (Some(ms(35_002)), Some(ms(60_003)));
    step
}

fn phase(at: u64) -> Phase {
    match at {
        ..10 => Phase::Before,
        10..70 => Phase::During,
        _ => Phase::After,
    }
}

fn health() -> ProbeReport {
    let mut probe = ProbeReport::new("GET http://127.0.0.1:8080/health", "status 200 within 200 ms");
    let mut noise = Noise(3);
    for at in (0..90).step_by(2) {
        let took = noise.around(12.0, 0.6);
        let reading = Reading::new(secs(at), phase(at), true, format!("200 in {took:.1} ms"));
        probe.push(reading.with_value(took));
    }
    probe
}

fn p99() -> ProbeReport {
    let mut probe = ProbeReport::new("p99 of payments over 5 s", "at most 200 ms");
    let mut noise = Noise(5);
    for at in (0..90).step_by(3) {
        let middle = match at {
            ..10 | 75.. => 84.0,
            42..63 => 425.0,
            _ => 160.0,
        };
        let took = noise.around(middle, 0.2);
        let reading =
            Reading::new(secs(at), phase(at), took <= 200.0, format!("{took:.0} ms")).with_value(took);
        let detail = if took > 200.0 { "of 212 calls" } else { "" };
        probe.push(reading.with_detail(detail));
    }
    probe
}

fn never_read() -> ProbeReport {
    ProbeReport::new("orders without a payment", "none")
}

fn timeline() -> Timeline {
    let mut timeline = Timeline::new("payments", ms(200));
    let mut noise = Noise(11);
    for index in 0..450u64 {
        let at = index * 200;
        let slow = (10_000..70_000).contains(&at);
        let failing = (35_000..60_000).contains(&at);
        // The client's own pause: no calls, so no latency and no error rate.
        if (78_000..80_000).contains(&at) {
            timeline.points.push(TimelinePoint::new(ms(at), 0, 0));
            continue;
        }
        let calls = noise.around(24.0, 0.5).round() as u64;
        let errors =
            if failing && noise.next() < 0.7 { (calls as f64 * noise.next() * 0.25) as u64 } else { 0 };
        let p50 = noise.around(18.0, 0.3);
        let p90 = noise.around(if slow { 55.0 } else { 34.0 }, 0.4);
        let p99 = match (slow, failing) {
            (true, true) => noise.around(425.0, 0.25),
            (true, false) => noise.around(330.0, 0.3),
            _ => noise.around(72.0, 0.5),
        };
        let micros = |millis: f64| us((millis * 1000.0) as u64);
        let point = TimelinePoint::new(ms(at), calls, errors);
        timeline.points.push(point.with_latency(micros(p50), micros(p90), micros(p99)));
    }
    timeline.windows.push(FaultWindow::new("latency 300 ms ± 40 ms", ms(10_004), ms(70_001)));
    timeline.windows.push(FaultWindow::new("status 503", ms(35_002), ms(60_003)));
    timeline
}

/// A stateful fault that left something behind.
pub(crate) fn leftover() -> Report {
    let mut report = Report::new(
        "cart survives a slow postgres",
        Outcome::CleanupFailed,
        18_446_744_073_709_551_615,
        started(),
    );
    report.reason = Some("1 of 4 pods may still be under fault: run `chaos sweep`".into());
    report.replay = "chaos run cart.yaml --seed 18446744073709551615".into();
    report.elapsed = ms(61_900);
    report.blast_radius = "40 % of pods, at most 4 at once".into();
    let mut step = StepReport::new(
        "delay 200 ms ± 20 ms to shop/postgres",
        "pod",
        "10 pods of shop with app=cart",
        Owner::Kernel,
    );
    step.population = 10;
    step.asked = "50 % of 10 pods = 5".into();
    step.allowed = "40 % of 10 pods = 4".into();
    step.achieved = "4 of 10 pods".into();
    (step.hits, step.capped) = (4, 1);
    (step.in_force_from, step.in_force_until) = (Some(ms(1_204)), None);
    for (index, state) in [
        (1, TargetState::Reverted),
        (4, TargetState::Reverted),
        (6, TargetState::Unseen),
        (8, TargetState::Leftover),
    ] {
        let detail = match state {
            TargetState::Leftover => "the node cart-node-3 has not answered since 48.1 s",
            TargetState::Unseen => "no packet took the siding",
            _ => "0 packets on the siding, table gone",
        };
        let name = format!("cart-7d9f8c6b5-x{index}k2p");
        let id = format!("6f1c2a9e-0000-4000-8000-00000000000{index}");
        step.targets
            .push(TargetReport::new(name, id, "adds table inet chaos, ifb0", state).with_detail(detail));
    }
    step.protected.push(Protected::new(
        "cart-7d9f8c6b5-canary",
        "6f1c2a9e-0000-4000-8000-000000000009",
        "label chaos/protected=true",
    ));
    report.steps.push(step);
    let mut probe = ProbeReport::new("GET https://shop.example/cart", "status 200");
    for (at, ok) in [(0, true), (5, true), (12, true), (20, false), (30, true), (55, true)] {
        let phase = if at < 1 { Phase::Before } else { Phase::During };
        let reading = Reading::new(secs(at), phase, ok, if ok { "200" } else { "504" });
        probe.push(reading);
    }
    probe.held = true;
    report.probes.push(probe);
    report.mark(ms(1_204), "injected delay at 4 pods");
    report.mark(ms(61_200), "could not reach cart-node-3");
    report
}

/// Nothing was touched.
pub(crate) fn refused() -> Report {
    let mut report = Report::new("config reload survives a torn file", Outcome::Refused, 42, started());
    report.reason = Some("the cap of 10 % of 3 files leaves none: raise it or select more".into());
    report.replay = "CHAOS_SEED=42 cargo run --bin reload".into();
    report.elapsed = us(1_840);
    report.blast_radius = "10 % of files".into();
    let mut step = StepReport::new("file away", "file", "3 files below conf.d", Owner::Sweep);
    step.population = 3;
    step.asked = "all of 3 files = 3".into();
    step.allowed = "10 % of 3 files = 0".into();
    step.achieved = "nothing".into();
    step.capped = 3;
    report.steps.push(step);
    report
}

/// The shortest report there is.
pub(crate) fn held() -> Report {
    let mut report = Report::new("cart survives", Outcome::Held, 1, started());
    report.elapsed = secs(30);
    report
}

pub(crate) fn all() -> [(&'static str, Report); 4] {
    [("broken", broken()), ("leftover", leftover()), ("refused", refused()), ("held", held())]
}
