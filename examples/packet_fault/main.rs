//! A packet fault of your own, in Rust, where netem has no word for it: questions to DNS about one name stay unanswered.
//!
//! `cargo run --example packet_fault [NAME]` hands it packets without a network and shows what becomes of them.
//! `fault.rs` is the fault: read it to write your own. `tests/packet_fault.rs` tests it the same way.

#[cfg(target_os = "linux")]
mod fault;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    use chaos_core::units::ms;
    use chaos_k8s::node::net::own::Rehearsal;
    use fault::SilentName;

    let silent = std::env::args().nth(1).unwrap_or_else(|| "db.example".to_owned());
    let mut fault = SilentName::new(&silent);
    let mut rehearsal = Rehearsal::seeded(7);
    let mut lost = 0;
    for name in ["www.example", "db.example", "Replica.DB.example", "notdb.example"] {
        let sent = rehearsal.frame(&mut fault, ms(0), &question_about(name));
        lost += usize::from(sent.is_empty());
        println!("{name:<20} {}", if sent.is_empty() { "lost" } else { "sent" });
    }
    let as_told = silent != "db.example" || lost == 2;
    if as_told { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
}

/// A frame that asks for the addresses of `name`.
#[cfg(target_os = "linux")]
pub fn question_about(name: &str) -> Vec<u8> {
    let mut message = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        message.push(label.len() as u8);
        message.extend_from_slice(label.as_bytes());
    }
    message.extend_from_slice(&[0, 0, 1, 0, 1]);
    let headers = etherparse::PacketBuilder::ethernet2([2; 6], [4; 6])
        .ipv4([10, 0, 0, 1], [10, 0, 0, 53], 64)
        .udp(40_000, 53);
    let mut frame = Vec::with_capacity(headers.size(message.len()));
    // Into memory, and short enough: cannot fail.
    let _ = headers.write(&mut frame, &message);
    frame
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("not run: no Linux");
}
