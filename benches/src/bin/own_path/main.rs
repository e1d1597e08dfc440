//! What a way through this process carries: packets over a siding of `chaos_k8s::node::net::own`, beside the same packets
//! directly, over a pair of devices between two namespaces.
//!
//! Prints, for each way, Gbit/s of one TCP stream, UDP packets of 64 bytes a second that arrive, and the round trip of one
//! small packet at p50 and p99, in microseconds.
//!
//! ```text
//! cargo run --release -p chaos-benches --bin own_path          # as root
//! ```

#[cfg(target_os = "linux")]
mod measure;
#[cfg(target_os = "linux")]
mod scene;

#[cfg(target_os = "linux")]
fn main() -> chaos_core::Result<()> {
    use std::io::Write;
    use std::time::Duration;

    use chaos_k8s::node::net::own::{Frames, Runner};

    let mut out = std::io::stdout();
    let scene = match scene::Scene::new() {
        Ok(scene) => scene,
        Err(error) => {
            writeln!(out, "not run: {}", error.chain())?;
            return Ok(());
        }
    };
    let runner = Runner::start(&chaos_core::Chaos::seeded(7))?;
    let ways = [
        ("direct", None),
        ("siding, large frames", Some((Frames::Large, Duration::ZERO))),
        ("siding, frames of the wire", Some((Frames::Wire, Duration::ZERO))),
        ("siding, large frames, 40 ms", Some((Frames::Large, Duration::from_millis(40)))),
        ("siding, frames of the wire, 40 ms", Some((Frames::Wire, Duration::from_millis(40)))),
    ];
    writeln!(out, "{} cpus", std::thread::available_parallelism()?)?;
    writeln!(out, "{:<34} {:>8} {:>10} {:>18}", "way", "Gbit/s", "packets/s", "round trip, us")?;
    for (name, way) in ways {
        let siding = way.map(|(frames, wait)| scene.siding(&runner, frames, wait)).transpose()?;
        let stream = measure::stream(&scene)?;
        let packets = measure::packets(&scene)?;
        let (p50, p99) = measure::round_trip(&scene)?;
        let trip = format!("{p50:.0} / {p99:.0}");
        writeln!(out, "{name:<34} {stream:>8.1} {packets:>10.0} {trip:>18}")?;
        if siding.is_some() {
            scene.unsteer()?;
        }
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("not run: no Linux");
}
