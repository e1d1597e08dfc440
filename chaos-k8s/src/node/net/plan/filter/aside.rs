//! Which combination a packet is in, in its priority; and the way to a device of ours and back.

use std::collections::BTreeMap;

use super::assembler::{Alu, Assembler, If, Label, MapName, R, RESULT, STACK, Width};
use super::packet::{CAME_FROM, CONTEXT, DEVICE, KEY, NOTE, PRIORITY};
use crate::node::net::kernel::Handle;
use crate::node::net::plan::combine::Members;
use crate::node::net::plan::{Active, Combinations, MAJOR};

/// What an assembled priority of ours is without its major number: less than this.
pub(super) const MINORS: u32 = 0x1_0000;

impl Assembler {
    /// The priority, without our major number, in `R(1)`: below [`MINORS`] if it has it.
    pub(super) fn load_priority(&mut self) {
        self.load(Width::Word, R(1), CONTEXT, PRIORITY);
        self.alu(Alu::Xor, R(1), u32::from(MAJOR) << 16);
    }

    fn store_priority(&mut self, priority: u32) {
        self.alu(Alu::Load, R(2), priority);
        self.store(Width::Word, CONTEXT, PRIORITY, R(2));
    }

    /// A priority of ours left from another device that the packet crossed.
    pub(super) fn forget(&mut self) {
        let others = self.label();
        self.load_priority();
        self.go_if(R(1), If::AtLeast, MINORS, others);
        self.store_priority(0);
        self.bind(others);
    }

    /// From what met the packet so far to that with this rule.
    pub(super) fn step(
        &mut self,
        rule: &Active,
        combinations: &Combinations,
        priorities: &BTreeMap<Members, Handle>,
        next: Label,
    ) {
        self.load_priority();
        for (from, to) in combinations.steps.get(&rule.id).map_or(&[][..], Vec::as_slice) {
            let other = self.label();
            self.go_if(R(1), If::NotEqual, u32::from(priorities[from].minor()), other);
            self.store_priority(priorities[to].0);
            self.go(next);
            self.bind(other);
        }
        self.store_priority(priorities[&Members::from([rule.id])].0);
    }

    /// What comes back from a device of ours has been asked for already (on the way in the kernel asks no filter again). Goes to `end`
    /// with it.
    ///
    /// The kernel's next action on it is left out, wherever that is (`tc_skip_classify`, net/sched/act_api.c; on a veth it would be the
    /// peer that asks no filter at all, net/core/dev.c): so it is noted for the same device again, whose action takes that up. Where
    /// others have filters behind ours they are asked instead.
    pub(super) fn let_return(&mut self, ours: impl Iterator<Item = u32>, end: Label) {
        let (returned, fresh) = (self.label(), self.label());
        self.load_priority();
        self.go_if(R(1), If::AtLeast, MINORS, fresh);
        self.load(Width::Word, R(1), CONTEXT, CAME_FROM);
        for link in ours {
            self.go_if(R(1), If::Equal, link, returned);
        }
        self.go(fresh);
        self.bind(returned);
        self.load(Width::Word, R(1), CONTEXT, PRIORITY);
        self.store(Width::Word, STACK, KEY, R(1));
        self.look_up(MapName::Returns, KEY);
        let known = self.label();
        self.go_if(RESULT, If::NotEqual, 0, known);
        // Of a class that drains.
        self.set(R(1), 0);
        self.store(Width::Word, CONTEXT, NOTE, R(1));
        self.go(end);
        self.bind(known);
        // From a device above this one it comes for the first time.
        self.load(Width::Word, R(1), RESULT, 0);
        self.load(Width::Word, R(2), CONTEXT, DEVICE);
        self.go_if_other(R(1), If::NotEqual, R(2), fresh);
        self.load(Width::Word, R(1), RESULT, 4);
        self.store(Width::Word, CONTEXT, NOTE, R(1));
        self.go(end);
        self.bind(fresh);
    }

    /// To its class, and with the note of its device. Goes to `end` with the packets of no rule.
    pub(super) fn send_aside(&mut self, end: Label) {
        let unknown = self.label();
        self.load_priority();
        self.go_if(R(1), If::AtLeast, MINORS, end);
        self.load(Width::Word, R(1), CONTEXT, PRIORITY);
        self.store(Width::Word, STACK, KEY, R(1));
        self.load(Width::Word, R(1), CONTEXT, DEVICE);
        self.store(Width::Word, STACK, KEY + 4, R(1));
        self.look_up(MapName::Ways, KEY);
        self.go_if(RESULT, If::Equal, 0, unknown);
        for (from, to) in [(0, PRIORITY), (4, NOTE)] {
            self.load(Width::Word, R(1), RESULT, from);
            self.store(Width::Word, CONTEXT, to, R(1));
        }
        self.go(end);
        // Not from one step of a change to the next, but what is not known must not be sent anywhere.
        self.bind(unknown);
        self.set(R(1), 0);
        self.store(Width::Word, CONTEXT, NOTE, R(1));
    }
}
