//! [`Filters`]: the programs of BPF of one namespace, and the map whose end is theirs.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use chaos_core::{Error, Result};
use nix::time::{ClockId, clock_gettime};

use super::plan::filter::{
    Code, MapName, Picking, Prefixes, SLOTS, TO_DEVICE, device_stub, pick_stub, slot, to_device,
};
use super::plan::{COUNTERS, RuleId, Way};
use crate::node::sys::bpf::{self, Instruction, Kind, Map, Refused};

/// What this process holds of the filters of a namespace. With it, however it goes, they end.
#[derive(Debug)]
pub(crate) struct Filters {
    /// Held by this process alone: the filters' stubs find nothing there once it is gone.
    programs: Map,
    counters: Map,
    terms: Map,
    /// What is put at devices, by way and by device of ours.
    picks: BTreeMap<Way, OwnedFd>,
    devices: BTreeMap<u16, OwnedFd>,
    /// A rule's own, which it keeps.
    prefixes: BTreeMap<String, Map>,
    in_force: BTreeMap<Way, Loaded>,
}

/// A program that is loaded, and what it was loaded from.
#[derive(Debug)]
struct Loaded {
    picking: Picking,
    program: OwnedFd,
}

impl Filters {
    /// None is in force.
    ///
    /// # Errors
    /// No right to use BPF, or a kernel that does not have it.
    pub(crate) fn new() -> Result<Self> {
        let mut filters = Self {
            programs: Map::new(Kind::Programs, 4, 4, SLOTS).map_err(refused)?,
            counters: Map::new(Kind::Array, 4, 8, COUNTERS.into()).map_err(refused)?,
            terms: Map::new(Kind::Array, 4, 8, COUNTERS.into()).map_err(refused)?,
            picks: BTreeMap::new(),
            devices: BTreeMap::new(),
            prefixes: BTreeMap::new(),
            in_force: BTreeMap::new(),
        };
        let to_device = filters.load_code(&to_device()?, &[])?;
        filters.put(TO_DEVICE, Some(&to_device))?;
        for way in Way::BOTH {
            let stub = filters.load_code(&pick_stub(way)?, &[])?;
            filters.picks.insert(way, stub);
        }
        Ok(filters)
    }

    /// What picks the packets of a way, to be put at a device.
    pub(crate) fn pick(&self, way: Way) -> BorrowedFd<'_> {
        self.picks[&way].as_fd()
    }

    /// What knows the packets for a device of ours, to be put at a device.
    pub(crate) fn device(&mut self, number: u16) -> Result<BorrowedFd<'_>> {
        if !self.devices.contains_key(&number) {
            let stub = self.load_code(&device_stub(number)?, &[])?;
            self.devices.insert(number, stub);
        }
        Ok(self.devices[&number].as_fd())
    }

    /// Loads what these need, for [`exchange`](Self::exchange): nothing changes for any packet. `times` says how long a rule is to
    /// be in force from now on; none for one whose time is over.
    ///
    /// # Errors
    /// More than a kernel takes in one program, or more memory than it gives.
    pub(crate) fn load(
        &mut self,
        wanted: &BTreeMap<Way, Picking>,
        times: &dyn Fn(RuleId) -> Option<Duration>,
    ) -> Result<Ready> {
        let mut ready = Ready::default();
        for (way, picking) in wanted {
            let now = self.in_force.get(way).map(|loaded| &loaded.picking);
            if now == Some(picking) {
                continue;
            }
            for (rule, counter) in &picking.counters {
                if now.is_none_or(|now| now.counters.get(rule) != Some(counter)) {
                    self.counters.set(&counter.to_ne_bytes(), &[0; 8])?;
                    self.terms.set(&counter.to_ne_bytes(), &until(times(*rule)).to_ne_bytes())?;
                }
            }
            for (name, prefixes) in &picking.prefixes {
                if !self.prefixes.contains_key(name) {
                    self.prefixes.insert(name.clone(), prefixes.map()?);
                }
            }
            let cells = picking.cells.iter().map(|(link, group)| (link.to_ne_bytes(), group.to_ne_bytes()));
            let cells = filled(4, 4, cells)?;
            let ways = picking.ways.iter().map(|((from, link), to)| {
                let key = [from.0.to_ne_bytes(), link.to_ne_bytes()].concat();
                (key, [to.class.0.to_ne_bytes(), to.note.to_ne_bytes()].concat())
            });
            let ways = filled(8, 8, ways)?;
            let returns = picking.returns.iter().map(|(class, to)| {
                (class.0.to_ne_bytes(), [to.link.to_ne_bytes(), to.note.to_ne_bytes()].concat())
            });
            let returns = filled(4, 8, returns)?;
            let own = [(MapName::Cells, &cells), (MapName::Ways, &ways), (MapName::Returns, &returns)];
            let program = self.load_code(&picking.code, &own)?;
            ready.0.insert(*way, Loaded { picking: picking.clone(), program });
        }
        Ok(ready)
    }

    /// Puts what was loaded in force, for all devices at once, and takes out the ways that are not wanted; what was in force before
    /// is what it gives back.
    pub(crate) fn exchange(&mut self, mut ready: Ready, wanted: &BTreeMap<Way, Picking>) -> Result<Ready> {
        let mut before = Ready::default();
        for way in Way::BOTH {
            if let Some(new) = ready.0.remove(&way) {
                self.put(slot(way), Some(&new.program))?;
                before.0.extend(self.in_force.insert(way, new).map(|old| (way, old)));
            } else if !wanted.contains_key(&way) {
                self.put(slot(way), None)?;
                before.0.extend(self.in_force.remove(&way).map(|old| (way, old)));
            }
        }
        let used =
            |name: &str| self.in_force.values().any(|loaded| loaded.picking.prefixes.contains_key(name));
        let stale: Vec<String> = self.prefixes.keys().filter(|name| !used(name)).cloned().collect();
        for name in stale {
            self.prefixes.remove(&name);
        }
        Ok(before)
    }

    /// How many packets the counter of a rule has seen.
    pub(crate) fn count(&self, counter: u32) -> Result<u64> {
        let mut count = [0; 8];
        self.counters.get(&counter.to_ne_bytes(), &mut count)?;
        Ok(u64::from_ne_bytes(count))
    }

    /// The rule may last so long from now on.
    pub(crate) fn renew(&self, rule: RuleId, left: Option<Duration>) -> Result<()> {
        for counter in self.in_force.values().filter_map(|loaded| loaded.picking.counters.get(&rule)) {
            self.terms.set(&counter.to_ne_bytes(), &until(left).to_ne_bytes())?;
        }
        Ok(())
    }

    fn put(&self, slot: u32, program: Option<&OwnedFd>) -> Result<()> {
        let key = slot.to_ne_bytes();
        let done = match program {
            Some(program) => self.programs.set(&key, &bpf::number(program.as_fd()).to_ne_bytes()),
            None => self.programs.remove(&key),
        };
        done.map_err(|source| Error::failed("a filter's program cannot be put in force").with_source(source))
    }

    fn load_code(&self, code: &Code, own: &[(MapName, &Map)]) -> Result<OwnedFd> {
        let mut program: Vec<Instruction> = code.instructions.clone();
        for (at, name) in &code.maps {
            let map = match name {
                MapName::Programs => Some(&self.programs),
                MapName::Counters => Some(&self.counters),
                MapName::Terms => Some(&self.terms),
                MapName::Prefixes(name) => self.prefixes.get(name),
                MapName::Cells | MapName::Ways | MapName::Returns => {
                    own.iter().find(|(own, _)| own == name).map(|(_, map)| *map)
                }
            };
            let map = map.ok_or_else(|| Error::failed(format!("a filter's program has no map {name:?}")))?;
            program[*at].immediate = bpf::number(map.as_fd()) as i32;
        }
        bpf::load(&program).map_err(refused)
    }
}

/// So long from now on, on the clock that programs read (`bpf_ktime_get_ns`).
fn until(left: Option<Duration>) -> u64 {
    // The clock is always there.
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from);
    left.map_or(0, |left| u64::try_from(now.saturating_add(left).as_nanos()).unwrap_or(u64::MAX))
}

/// Programs that are loaded and not in force.
#[derive(Debug, Default)]
#[must_use = "it is not in force"]
pub(crate) struct Ready(BTreeMap<Way, Loaded>);

impl Prefixes {
    fn map(&self) -> Result<Map> {
        let entries = self.list.iter().map(|(length, address)| {
            let key = [&length.to_ne_bytes(), address.as_slice()].concat();
            (key, [1])
        });
        filled(4 + self.bits as usize / 8, 1, entries)
    }
}

/// A map that holds these and is not written any more.
fn filled(
    key: usize,
    value: usize,
    entries: impl ExactSizeIterator<Item = (impl AsRef<[u8]>, impl AsRef<[u8]>)>,
) -> Result<Map> {
    let map = Map::new(Kind::Hash, key, value, (entries.len() as u32).max(1)).map_err(refused)?;
    for (key, value) in entries {
        map.set(key.as_ref(), value.as_ref())?;
    }
    Ok(map)
}

fn refused(refused: Refused) -> Error {
    let said = match refused.source.kind() {
        io::ErrorKind::PermissionDenied if refused.is_verifiers() => {
            Error::failed("this kernel does not run a filter's program")
        }
        io::ErrorKind::PermissionDenied => Error::refused(
            "programs of BPF cannot be loaded: run with CAP_BPF and CAP_NET_ADMIN (before Linux 5.8 with CAP_SYS_ADMIN), and before \
             Linux 5.11 with a higher limit of locked memory (ulimit -l)",
        ),
        io::ErrorKind::ArgumentListTooLong => Error::refused(
            "these network faults are more than this kernel takes in one filter: narrow them, or take some back",
        ),
        _ => Error::failed("programs of BPF cannot be loaded"),
    };
    said.with_source(refused)
}
