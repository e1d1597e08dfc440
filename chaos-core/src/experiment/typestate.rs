//! What an experiment must be told before it can run, as types: the compiler says what is missing.

/// Said.
#[derive(Debug, Clone, Copy)]
pub struct Given;

/// Not said yet.
#[derive(Debug, Clone, Copy)]
pub struct Missing;

/// An experiment that has a fault.
#[diagnostic::on_unimplemented(
    message = "this experiment has no fault, so it cannot run",
    label = "a fault is missing",
    note = "add `.fault(...)`: a rule `.at(point)` or a stateful fault `.on(targets, mode)`"
)]
pub trait HasFault {}
impl HasFault for Given {}

/// An experiment that has a blast radius.
#[diagnostic::on_unimplemented(
    message = "this experiment has no blast radius, so it cannot run",
    label = "a cap is missing",
    note = "add `.blast_radius(BlastRadius::percent(10)?)`"
)]
pub trait HasBlastRadius {}
impl HasBlastRadius for Given {}

/// An experiment that has a duration.
#[diagnostic::on_unimplemented(
    message = "this experiment has no duration, so it cannot run",
    label = "a duration is missing",
    note = "add `.lasting(secs(30))`"
)]
pub trait HasDuration {}
impl HasDuration for Given {}
