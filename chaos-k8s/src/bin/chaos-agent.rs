//! The agent as a program: see `chaos_k8s::agent`.

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    chaos_k8s::agent::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {}
