//! [`Assembler`]: instructions of BPF with labels to jump to, and with names for the maps.

use chaos_core::{Error, Result};

use crate::node::sys::bpf::Instruction;

/// A register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct R(pub(super) u8);

/// What a function returns, and the program.
pub(super) const RESULT: R = R(0);
/// The arguments of a function, which does not keep them.
pub(super) const ARGUMENT: [R; 5] = [R(1), R(2), R(3), R(4), R(5)];
/// The end of the stack's 512 bytes.
pub(super) const STACK: R = R(10);

/// Functions of the kernel (`enum bpf_func_id`, bpf-helpers(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Function {
    MapLookup = 1,
    /// Nanoseconds of the clock `CLOCK_MONOTONIC`.
    Time = 5,
    Random = 7,
    TailCall = 12,
    PullData = 39,
    LoadBytesRelative = 68,
}

/// The map that an instruction means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MapName {
    /// Programs to go on in.
    Programs,
    /// Until when each rule is in force.
    Terms,
    /// How many packets each rule met.
    Counters,
    /// The devices.
    Cells,
    /// What becomes of a combination at a device.
    Ways,
    /// What becomes of a class that comes back.
    Returns,
    Prefixes(String),
}

/// How many bytes are loaded or stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Width {
    Word = 0x00,
    Half = 0x08,
    Byte = 0x10,
    Double = 0x18,
}

/// When it is jumped; numbers without a sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum If {
    Equal = 0x10,
    Greater = 0x20,
    AtLeast = 0x30,
    NotEqual = 0x50,
    Less = 0xa0,
}

/// With a number of 32 bits; the upper half is then zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Alu {
    Add = 0x00,
    And = 0x50,
    ShiftLeft = 0x60,
    Xor = 0xa0,
    Load = 0xb0,
}

/// A place in the program, ahead: older kernels run no program that jumps back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label(usize);

/// A program that is not loaded yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Code {
    pub(crate) instructions: Vec<Instruction>,
    /// Where maps are loaded.
    pub(crate) maps: Vec<(usize, MapName)>,
}

#[derive(Debug, Default)]
pub(super) struct Assembler {
    code: Code,
    labels: Vec<Option<usize>>,
    jumps: Vec<(usize, Label)>,
    /// Nothing comes here: older kernels refuse a program with such instructions, and it gets none.
    is_dead: bool,
}

impl Assembler {
    pub(super) fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// The label is here.
    pub(super) fn bind(&mut self, label: Label) {
        self.labels[label.0] = Some(self.code.instructions.len());
        self.is_dead &= !self.jumps.iter().any(|(_, to)| *to == label);
    }

    fn push(&mut self, code: u8, to: R, from: R, offset: i16, immediate: i32) {
        if self.is_dead {
            return;
        }
        self.code.instructions.push(Instruction::new(code, to.0, from.0, offset, immediate));
    }

    pub(super) fn copy(&mut self, to: R, from: R) {
        self.push(0xbf, to, from, 0, 0);
    }

    pub(super) fn set(&mut self, to: R, number: i32) {
        self.push(0xb7, to, R(0), 0, number);
    }

    pub(super) fn alu(&mut self, what: Alu, to: R, number: u32) {
        self.push(0x04 | what as u8, to, R(0), 0, number as i32);
    }

    pub(super) fn add(&mut self, to: R, from: R) {
        self.push(0x0f, to, from, 0, 0);
    }

    /// `to * by >> 32`.
    pub(super) fn scale(&mut self, to: R, by: i32) {
        self.push(0x27, to, R(0), 0, by);
        self.push(0x77, to, R(0), 0, 32);
    }

    /// Two bytes from the network's order into numbers' own.
    pub(super) fn network_order(&mut self, to: R) {
        self.push(0xdc, to, R(0), 0, 16);
    }

    pub(super) fn load(&mut self, width: Width, to: R, from: R, offset: i16) {
        self.push(0x61 | width as u8, to, from, offset, 0);
    }

    pub(super) fn store(&mut self, width: Width, to: R, offset: i16, from: R) {
        self.push(0x63 | width as u8, to, from, offset, 0);
    }

    /// Stores a word on the stack.
    pub(super) fn put(&mut self, offset: i16, number: u32) {
        self.push(0x62, STACK, R(0), offset, number as i32);
    }

    /// Adds to a double word in memory, whoever else does at the same time.
    pub(super) fn add_in_memory(&mut self, to: R, from: R) {
        self.push(0xdb, to, from, 0, 0);
    }

    /// The address of what lies there on the stack.
    pub(super) fn address(&mut self, to: R, offset: i16) {
        self.copy(to, STACK);
        self.push(0x07, to, R(0), 0, i32::from(offset));
    }

    pub(super) fn map(&mut self, to: R, name: MapName) {
        /// `BPF_PSEUDO_MAP_FD`.
        const MAP: R = R(1);
        if self.is_dead {
            return;
        }
        self.code.maps.push((self.code.instructions.len(), name));
        self.push(0x18, to, MAP, 0, 0);
        self.push(0, R(0), R(0), 0, 0);
    }

    pub(super) fn call(&mut self, function: Function) {
        self.push(0x85, R(0), R(0), 0, function as i32);
    }

    /// Looks up the key that lies there on the stack; the result is where its value is, or 0.
    pub(super) fn look_up(&mut self, map: MapName, key: i16) {
        self.map(ARGUMENT[0], map);
        self.address(ARGUMENT[1], key);
        self.call(Function::MapLookup);
    }

    pub(super) fn go(&mut self, to: Label) {
        self.jump(0x05, R(0), R(0), 0, to);
        self.is_dead = true;
    }

    fn jump(&mut self, code: u8, left: R, right: R, number: i32, to: Label) {
        if !self.is_dead {
            self.jumps.push((self.code.instructions.len(), to));
            self.push(code, left, right, 0, number);
        }
    }

    /// Jumps where a register compares so with a number below 2^31.
    pub(super) fn go_if(&mut self, register: R, when: If, number: u32, to: Label) {
        debug_assert!(i32::try_from(number).is_ok(), "it would be another number of 64 bits");
        self.jump(0x05 | when as u8, register, R(0), number as i32, to);
    }

    /// Jumps where two registers compare so.
    pub(super) fn go_if_other(&mut self, register: R, when: If, other: R, to: Label) {
        self.jump(0x0d | when as u8, register, other, 0, to);
    }

    pub(super) fn exit(&mut self) {
        self.push(0x95, R(0), R(0), 0, 0);
        self.is_dead = true;
    }

    pub(super) fn exit_with(&mut self, result: i32) {
        self.set(RESULT, result);
        self.exit();
    }

    /// The program, its jumps filled in.
    ///
    /// # Errors
    /// A jump of more than 32,767 instructions.
    pub(super) fn finish(mut self) -> Result<Code> {
        for (at, label) in self.jumps {
            let far = self.labels[label.0].map(|to| to.wrapping_sub(at + 1));
            let offset = far.and_then(|far| i16::try_from(far).ok());
            self.code.instructions[at].offset = offset.ok_or_else(|| {
                Error::refused(
                    "these network faults are more than one filter can hold: narrow them, or take some back",
                )
            })?;
        }
        Ok(self.code)
    }
}
