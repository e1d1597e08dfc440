use chaos_core::{Approved, Fault, Target};

// What the blast radius has not passed cannot be injected: there is no way to make an `Approved`.
async fn inject<F: Fault>(fault: F, target: F::Target, undo: F::Undo) {
    let _ = fault.inject(&Approved::new(target, None), &undo).await;
}

fn unused<T: Target>() {}

fn main() {}
