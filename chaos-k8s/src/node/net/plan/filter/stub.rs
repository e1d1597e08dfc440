//! What is put at a device: it goes on in the programs that are in force, while there are any.

use chaos_core::Result;

use super::aside::MINORS;
use super::assembler::{ARGUMENT, Alu, Assembler, Code, Function, If, MapName, R, Width};
use super::packet::{CONTEXT, HEADER, NOTE};
use super::{NEXT, TO_DEVICE, note, slot};
use crate::node::net::plan::Way;

/// Of a program of a filter that redirects: this packet, or not.
const THIS: i32 = -1;
const NOT: i32 = 0;

/// The filter of preference 1: goes on in the way's program.
pub(crate) fn pick_stub(way: Way) -> Result<Code> {
    let mut program = Assembler::default();
    program.go_on(slot(way));
    program.exit_with(NEXT);
    program.finish()
}

/// The filter of preference 2 for a device of ours.
pub(crate) fn device_stub(device: u16) -> Result<Code> {
    let mut program = Assembler::default();
    let not = program.label();
    program.load(Width::Word, R(2), ARGUMENT[0], NOTE);
    program.alu(Alu::Xor, R(2), note(device));
    program.go_if(R(2), If::NotEqual, 0, not);
    program.go_on(TO_DEVICE);
    program.bind(not);
    program.exit_with(NOT);
    program.finish()
}

/// What those of preference 2 go on in: the priority says whether a program of ours, and not a guess of the note, has picked.
pub(crate) fn to_device() -> Result<Code> {
    let mut program = Assembler::default();
    let not = program.label();
    program.copy(CONTEXT, ARGUMENT[0]);
    program.load_priority();
    program.go_if(R(1), If::AtLeast, MINORS, not);
    program.exit_with(THIS);
    program.bind(not);
    program.exit_with(NOT);
    program.finish()
}

impl Assembler {
    /// Goes on in the program of this place; here, where there is none.
    fn go_on(&mut self, slot: u32) {
        // Where there is no JIT, what is gone on in gets the stack of this one: it must be as large. (The verifier means to give it the
        // largest, and from Linux 6.9 on forgets it again, kernel/bpf/verifier.c, `do_misc_fixups`.)
        self.put(HEADER, 0);
        self.map(ARGUMENT[1], MapName::Programs);
        self.set(ARGUMENT[2], slot as i32);
        self.call(Function::TailCall);
    }
}
