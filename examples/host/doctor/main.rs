//! What this machine can do, and what brings the rest: `cargo run --example doctor`.

#[cfg(target_os = "linux")]
fn main() {
    use chaos_core::Chaos;
    use chaos_k8s::Node;

    println!("{}", Node::new(&Chaos::random()).doctor());
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("not run: it looks at a Linux kernel");
}
