//! Under a paused clock every reading fails and says so, instead of timing out at once.

use chaos_core::{Chaos, Clock, Probe};
use chaos_net::probe;

use super::world::*;

#[tokio::test(start_paused = true)]
async fn a_paused_clock_is_refused() {
    let url = raw("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let address = url.strip_prefix("http://").unwrap().strip_suffix('/').unwrap();
    for (probe, what) in [
        (Probe::from(probe::http(&url).unwrap()), "an http probe"),
        (probe::tcp(address).unwrap().into(), "a tcp probe"),
        (probe::http(&url).unwrap().latency().at_most(1e9).unwrap(), "an http probe"),
    ] {
        take(probe).await.failed(&format!("{what} needs real time and this clock is paused"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_real_clock_inside_a_paused_runtime_is_served() {
    let url = raw("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let chaos = Chaos::with_clock(7, Clock::real());
    take_with(&chaos, probe::http(&url).unwrap().clock(Clock::real())).await.held("status 200");
    take_with(&chaos, probe::http(&url).unwrap()).await.failed("needs real time");
}
